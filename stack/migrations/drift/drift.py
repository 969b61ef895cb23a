"""What differs between the models, the migrations and the real database, and what was not looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from stack.background import in_thread
from stack.database.errors import explain
from stack.database.sessions import create_engine
from stack.environment.pool import PoolSettings
from stack.findings import Code, Failure, Finding, Fix, Progress, silent
from stack.migrations.child import make_job, run_worker
from stack.migrations.configuration import Configuration, locate
from stack.migrations.current import read_current, unknown_revision
from stack.migrations.drift.aspects import NEVER_LOOKED_AT, OF_THE_CATALOGUE, Aspect
from stack.migrations.drift.catalogue import Described, read_objects
from stack.migrations.drift.difference import Difference, differences
from stack.migrations.empty_copy import empty_copy
from stack.migrations.failure import Wreck, explain_wreck
from stack.migrations.history import read_history
from stack.migrations.plan import Plan
from stack.migrations.protocol import Command, Event
from stack.migrations.revision import Revision
from stack.migrations.scratch import NoScratch
from stack.migrations.site import Site, secrets_of
from stack.migrations.status import migration_status
from stack.text import clean_line, hide


@dataclass(frozen=True, slots=True)
class NotLookedAt:
    """Something that may differ for all that is known, and why nobody looked."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Drift:
    """What was found different. Without `differences` there are none in what was `looked_at`, and no more is known."""

    differences: tuple[Difference, ...]
    looked_at: tuple[Aspect, ...]
    not_looked_at: tuple[NotLookedAt, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The differences as a finding, where there are some."""
        if not self.differences:
            return ()
        count, first = len(self.differences), self.differences[0].sentence
        return (
            Finding(
                Code.MIGRATIONS_DRIFTED,
                f"Models, migrations and database differ in {count} thing{'s' * (count > 1)}",
                first if count == 1 else f"{first} And {count - 1} more.",
                evidence="\n".join(each.sentence for each in self.differences),
                fixes=(
                    Fix("See all of them, and what was not looked at", "stackdeck migrate drift"),
                    Fix("Make a migration of what the models have", "stackdeck migrate new -m TEXT"),
                ),
            ),
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """It for a person, a line each."""
        none = "None in what was looked at." if self.looked_at else "Nothing was looked at."
        # The reason is the same for most of what was not looked at.
        reasons: dict[str, list[str]] = {}
        for each in self.not_looked_at:
            reasons.setdefault(each.why, []).append(each.what)
        return (
            "Differences",
            *(f"  {each.sentence}" for each in self.differences),
            *(() if self.differences else (f"  {none}",)),
            "Looked at",
            *(f"  {aspect}" for aspect in self.looked_at),
            "Not looked at",
            *(line for why, what in reasons.items() for line in (f"  Because {why}:", *(f"    {one}" for one in what))),
        )


@dataclass(slots=True)
class _Heard:
    sentences: list[str] = field(default_factory=list)
    failed: Event | None = None
    done: bool = False

    def hear(self, event: Event) -> None:
        match event["event"]:
            case "different":
                self.sentences.append(clean_line(event["text"]))
            case "failed":
                self.failed = event
            case "done":
                self.done = True


async def drift(site: Site, progress: Progress = silent) -> Drift:
    """Compare the real database with the models, and with what the migrations make of an empty one.

    The migrations that are applied are run in a scratch database on the same server, which is dropped afterwards, where
    the role may make one and they keep to their database. In the real one nothing is written.

    Raises:
        Failure: the database cannot be reached, the history cannot be read, or the database is at a revision that no
            file is. What only one comparison fails for is said in what it did not look at.
    """
    history = await read_history(site.project)
    configuration = await in_thread(lambda: locate(site.project))
    engine = create_engine(site.url, PoolSettings(size=1, max_overflow=0), application_name="stackdeck drift")
    try:
        async with engine.connect() as connection:
            current = await read_current(connection, configuration.version_table)
            there = await read_objects(connection, configuration.version_table)
    except (SQLAlchemyError, OSError) as error:
        raise explain(error, site.url) from None
    finally:
        await engine.dispose()
    status = migration_status(history, current)
    if status.unknown:
        raise Failure(unknown_revision(status.unknown[0]))
    models = await _of_models(site, configuration, len(status.pending), progress)
    applied = [each for each in history.revisions if each not in status.pending]
    migrations = await _of_migrations(site, current, applied, there, progress)
    never = tuple(NotLookedAt(what, "nothing here compares it") for what in NEVER_LOOKED_AT)
    return Drift(
        models.differences + migrations.differences,
        models.looked_at + migrations.looked_at,
        models.not_looked_at + migrations.not_looked_at + never,
    )


async def _of_models(site: Site, configuration: Configuration, pending: int, progress: Progress) -> Drift:
    """Compare with the models, as far as Alembic can see."""
    if pending:
        why = (
            f"{pending} migration{'s are' if pending > 1 else ' is'} not applied, and the models are ahead by that much"
        )
        return Drift((), (), (NotLookedAt(Aspect.MODELS, why),))
    progress("Comparing the database with the models")
    heard = _Heard()
    job = make_job(configuration.files, Command.COMPARE, url=site.url.reveal())
    ended = await run_worker(job, configuration.directory, heard.hear)
    if heard.done:
        found = tuple(Difference(Aspect.MODELS, sentence) for sentence in heard.sentences)
        return Drift(found, (Aspect.MODELS,), ())
    secrets = secrets_of(site.url)
    plan = Plan(Command.COMPARE, "", site.database, ())
    failure = explain_wreck(Wreck(configuration.scripts, plan, heard.failed, None, ended, secrets))
    return Drift((), (), (NotLookedAt(Aspect.MODELS, hide(failure.finding.cause, secrets)),))


async def _of_migrations(
    site: Site,
    current: tuple[str, ...],
    applied: Sequence[Revision],
    there: Sequence[Described],
    progress: Progress,
) -> Drift:
    """Compare with what the migrations that are `applied` make of an empty database."""
    progress("Running the applied migrations in a scratch database")
    try:
        async with empty_copy(site, current, applied, progress) as copy:
            made = await _read(copy)
    except NoScratch as none:
        return _unseen(none.why)
    except (SQLAlchemyError, OSError) as error:
        return _unseen(f"the scratch database could not be read: {explain(error, site.url).finding.cause}")
    return Drift(differences(made, there), OF_THE_CATALOGUE, ())


async def _read(site: Site) -> tuple[Described, ...]:
    """Return what there is in the database at `site`."""
    configuration = await in_thread(lambda: locate(site.project))
    engine = create_engine(site.url, PoolSettings(size=1, max_overflow=0), application_name="stackdeck drift")
    try:
        async with engine.connect() as connection:
            return await read_objects(connection, configuration.version_table)
    finally:
        await engine.dispose()


def _unseen(why: str) -> Drift:
    return Drift((), (), tuple(NotLookedAt(aspect, why) for aspect in OF_THE_CATALOGUE))
