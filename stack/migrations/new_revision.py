"""New migrations: made beside where they belong, to be looked at, and written when they were."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from stack.background import in_thread
from stack.database.errors import explain
from stack.database.sessions import create_engine
from stack.environment.pool import PoolSettings
from stack.findings import Code, Failure, Finding, Fix
from stack.migrations.child import make_job, run_worker
from stack.migrations.configuration import Configuration, locate
from stack.migrations.current import read_current, unknown_revision
from stack.migrations.failure import Wreck, explain_wreck
from stack.migrations.history import History, read_history
from stack.migrations.plan import Plan, place
from stack.migrations.protocol import Command, Event, NewKind
from stack.migrations.site import Site, secrets_of
from stack.migrations.status import migration_status
from stack.publish import write_new


@dataclass(frozen=True, slots=True)
class Draft:
    """A migration that is not written yet: the new file `path`, and its text after the project's own formatters."""

    path: Path
    text: str


@dataclass(slots=True)
class _Heard:
    drafts: list[tuple[Path, Path]] = field(default_factory=list)
    failed: Event | None = None
    done: bool = False

    def hear(self, event: Event) -> None:
        match event["event"]:
            case "draft":
                self.drafts.append((Path(event["path"] or ""), Path(event["text"])))
            case "failed":
                self.failed = event
            case "done":
                self.done = True


async def draft(site: Site, kind: NewKind, message: str) -> tuple[Draft, ...]:
    """Draft a migration; nothing where it was to come from the models and Alembic sees no difference.

    Raises:
        Failure: the database is not at the head (`Code.MIGRATIONS_PENDING`), there are several heads
            (`Code.MIGRATIONS_BRANCHED`) or, to merge, not several (`Code.MIGRATIONS_NOT_BRANCHED`), or the project's
            own code fails (`Code.MIGRATIONS_BROKEN`).
    """
    history = await read_history(site.project)
    configuration = await in_thread(lambda: locate(site.project))
    if kind is NewKind.MERGE:
        if len(history.heads) < 2:
            raise Failure(_nothing_to_merge(history))
        return await _draft(site, configuration, kind, message, history.heads)
    if len(history.heads) > 1:
        raise Failure(_branched(history))
    if kind is NewKind.AUTOGENERATE:
        await _check_at_head(site, configuration, history)
    return await _draft(site, configuration, kind, message, ())


async def write(drafts: Sequence[Draft], readable_as: Path) -> None:
    """Write each draft to its file, as readable as the file `readable_as` is.

    Raises:
        Failure: there is such a file by now (`Code.MIGRATION_FILE_EXISTS`), or it cannot be written
            (`Code.MIGRATION_NOT_WRITTEN`).
    """
    for each in drafts:
        await in_thread(partial(_write, each, readable_as))


def _write(new: Draft, readable_as: Path) -> None:
    try:
        new.path.parent.mkdir(parents=True, exist_ok=True)
        write_new(new.path, [new.text])
        new.path.chmod(readable_as.stat().st_mode & 0o777)
    except FileExistsError:
        raise Failure(
            Finding(
                Code.MIGRATION_FILE_EXISTS,
                f"{new.path.name} exists already",
                f"{new.path} is not written over.",
                fixes=(Fix("Give the migration another message, which its file is named after"),),
            )
        ) from None
    except OSError as error:
        raise Failure(_not_written(new.path, error)) from None


async def _draft(
    site: Site, configuration: Configuration, kind: NewKind, message: str, heads: Sequence[str]
) -> tuple[Draft, ...]:
    # Where formatters find the settings that they find for the file itself, and Alembic finds no revision.
    top = configuration.scripts if configuration.recursive else configuration.versions[0]
    try:
        top.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix=".stackdeck-", dir=top))
    except OSError as error:
        raise Failure(_not_written(top, error)) from None
    heard = _Heard()
    try:
        url = site.url.reveal()
        command = Command.AUTOGENERATE if kind is NewKind.AUTOGENERATE else Command.BEGIN
        job = make_job(configuration.files, command, url=url, revisions=heads, message=message, drafts=directory)
        ended = await run_worker(job, configuration.directory, heard.hear)
        if not heard.done:
            plan = Plan(command, message, site.database, ())
            raise explain_wreck(Wreck(configuration.scripts, plan, heard.failed, None, ended, secrets_of(site.url)))
        return await in_thread(
            lambda: tuple(Draft(target, made.read_text(encoding="utf-8")) for target, made in heard.drafts)
        )
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _current(site: Site, configuration: Configuration) -> tuple[str, ...]:
    engine = create_engine(site.url, PoolSettings(size=1, max_overflow=0))
    try:
        async with engine.connect() as connection:
            return await read_current(connection, configuration.version_table)
    except (SQLAlchemyError, OSError) as error:
        raise explain(error, site.url) from None
    finally:
        await engine.dispose()


async def _check_at_head(site: Site, configuration: Configuration, history: History) -> None:
    current = await _current(site, configuration)
    status = migration_status(history, current)
    if status.unknown:
        raise Failure(unknown_revision(status.unknown[0]))
    if status.pending:
        raise Failure(_not_at_head(current, len(status.pending)))


def _branched(history: History) -> Finding:
    return Finding(
        Code.MIGRATIONS_BRANCHED,
        f"The history has {len(history.heads)} heads",
        f"A new migration comes after one of {', '.join(history.heads)}, and nothing says which.",
        fixes=(Fix("Join them first", "stackdeck migrate new --merge -m 'Join the branches'"),),
    )


def _nothing_to_merge(history: History) -> Finding:
    return Finding(
        Code.MIGRATIONS_NOT_BRANCHED,
        "There is nothing to merge",
        f"The history's head is {place(history.heads)}, and there is no other.",
        fixes=(Fix("Begin an empty migration", "stackdeck migrate new --empty -m TEXT"),),
    )


def _not_at_head(current: tuple[str, ...], count: int) -> Finding:
    return Finding(
        Code.MIGRATIONS_PENDING,
        "The models can be compared with a database at the head alone",
        f"{count} migration{'s are' if count > 1 else ' is'} not applied: the database is at {place(current)}, and "
        "what these make would be made once more.",
        fixes=(
            Fix("Apply them", "stackdeck migrate up"),
            Fix("Begin an empty migration", "stackdeck migrate new --empty -m TEXT"),
        ),
    )


def _not_written(path: Path, error: OSError) -> Finding:
    return Finding(
        Code.MIGRATION_NOT_WRITTEN,
        "The migration could not be written",
        f"{path}: {error.strerror or error}",
        fixes=(Fix("Make the directory one that you may write to"),),
    )
