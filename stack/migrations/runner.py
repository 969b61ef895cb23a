"""Applying and undoing migrations: one runner at a time, one transaction a step, in a process of its own."""

from dataclasses import dataclass, field
from urllib.parse import quote

from sqlalchemy.exc import SQLAlchemyError

from stack.background import in_thread
from stack.database.errors import explain
from stack.environment.url import DatabaseURL
from stack.findings import Failure, Progress, silent
from stack.migrations.child import make_job, run_worker
from stack.migrations.configuration import locate
from stack.migrations.failure import Wreck, explain_wreck
from stack.migrations.history import read_history
from stack.migrations.lock import only_runner
from stack.migrations.protocol import Command, Event
from stack.migrations.status import migration_status, read_current, unknown_revision
from stack.project import Project
from stack.text import clean_line


async def upgrade(
    project: Project, url: DatabaseURL, target: str = "heads", progress: Progress = silent
) -> tuple[str, ...]:
    """Apply what is missing up to `target` and return the revisions that were applied, in order.

    `target` is as Alembic has it: ``heads``, a revision or the beginning of one, ``branch@head``, ``+1``. Each step is
    committed by itself. Cancelling stops at the step that is running, on the server too, and undoes that step.

    Raises:
        Failure: a step failed (`Code.MIGRATION_FAILED`) and was undone, with those before it kept; there is no such
            target (`Code.MIGRATION_NO_SUCH_REVISION`); the database is at a revision that no file is
            (`Code.MIGRATION_UNKNOWN_REVISION`); the files are no history, or ``env.py`` fails
            (`Code.MIGRATIONS_BROKEN`); the database cannot be reached.
    """
    return await _move(Command.UPGRADE, project, url, target, progress)


async def downgrade(project: Project, url: DatabaseURL, target: str, progress: Progress = silent) -> tuple[str, ...]:
    """Undo what lies above `target` and return the revisions that were undone, in order.

    `target` is as Alembic has it: ``base``, a revision or the beginning of one, ``-1``. Otherwise like `upgrade`.
    """
    return await _move(Command.DOWNGRADE, project, url, target, progress)


@dataclass(slots=True)
class _Course:
    """What the worker has told so far."""

    progress: Progress
    moved: list[str] = field(default_factory=list)
    running: Event | None = None
    failed: Event | None = None
    done: bool = False

    def hear(self, event: Event) -> None:
        match event["event"]:
            case "running":
                self.running = event
                self.progress(clean_line(f"{event['place']}/{event['count']} Running {event['text']}"))
            case "applied":
                self.running = None
                self.moved.append(event["revision"] or "")
            case "failed":
                self.failed = event
            case _:
                self.done = True


async def _move(
    command: Command, project: Project, url: DatabaseURL, target: str, progress: Progress
) -> tuple[str, ...]:
    history = await read_history(project)
    configuration = await in_thread(lambda: locate(project))
    try:
        async with only_runner(url, progress) as connection:
            status = migration_status(history, await read_current(connection))
            if status.unknown:
                raise Failure(unknown_revision(status.unknown[0]))
            course = _Course(progress)
            job = make_job(configuration, command, url=url.reveal(), target=target)
            ended = await run_worker(job, configuration.directory, course.hear)
            if not course.done:
                raise explain_wreck(
                    Wreck(
                        configuration=configuration,
                        command=command,
                        target=target,
                        failed=course.failed,
                        running=course.running,
                        ended=ended,
                        current=await read_current(connection),
                        secrets=secrets_of(url),
                    )
                )
            now = ", ".join(await read_current(connection)) or "the very beginning"
    except (SQLAlchemyError, OSError) as error:
        raise explain(error, url) from None
    progress(clean_line(f"The database is at {now}" if course.moved else f"Nothing to do: the database is at {now}"))
    return tuple(course.moved)


def secrets_of(url: DatabaseURL) -> tuple[str, ...]:
    """Return the password of `url` in each form in which a project's code may say it."""
    if url.password is None:
        return ()
    password = url.password.get_secret_value()
    return (password, quote(password, safe=""))
