"""The SQL of steps before they are applied: rendered without a database, or rehearsed on it and rolled back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from stack.background import in_thread
from stack.database.errors import explain
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Fix, Progress, Severity, silent
from stack.migrations.child import Ended, make_job, run_worker
from stack.migrations.configuration import Configuration, locate
from stack.migrations.failure import Wreck, explain_wreck
from stack.migrations.history import Revision
from stack.migrations.lock import only_runner
from stack.migrations.plan import Plan
from stack.migrations.protocol import Command, Direction, Event, Reason
from stack.migrations.site import Site, secrets_of
from stack.project import Project
from stack.text import hide


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why the SQL of a step cannot be known without a database, and the `line` of its file where that shows."""

    why: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of a step: its statements as they are sent, in order, with ``BEGIN`` and the like.

    Where `unknown` is set they are only those up to there, or rest on an answer that nobody gave.
    """

    statements: tuple[str, ...]
    unknown: Unknown | None = None


@dataclass(frozen=True, slots=True)
class StepSQL:
    """What a step sends in both directions."""

    revision: Revision
    upgrade: Side
    downgrade: Side

    def side(self, direction: Direction) -> Side:
        """Return one of the two."""
        return self.upgrade if direction is Direction.UPGRADE else self.downgrade

    @property
    def known(self) -> bool:
        """Whether all of it is known."""
        return self.upgrade.unknown is None and self.downgrade.unknown is None


async def render(
    project: Project,
    url: DatabaseURL,
    revisions: Sequence[Revision],
    heads: Mapping[Direction, Sequence[str]] | None = None,
) -> tuple[StepSQL, ...]:
    """Render `revisions`, which are in the order of an upgrade, without asking a database.

    `heads` say where each direction of the whole sequence begins; without them each step stands for itself. `url` is
    for an ``env.py`` that connects anyway.

    Raises:
        Failure: the files are no history, or ``env.py`` fails (`Code.MIGRATIONS_BROKEN`).
    """
    if not revisions:
        return ()
    configuration = await in_thread(lambda: locate(project))
    heard = _Heard(secrets_of(url))
    names = [revision.revision for revision in revisions]
    job = make_job(configuration, Command.RENDER, url=url.reveal(), revisions=names, heads=heads)
    ended = await run_worker(job, configuration.directory, heard.hear)
    if not heard.done:
        raise explain_wreck(_wreck(Site(project, url), configuration, Command.RENDER, heard, ended))
    return heard.steps(revisions)


async def rehearse(
    project: Project, url: DatabaseURL, revisions: Sequence[Revision], progress: Progress = silent
) -> tuple[StepSQL, ...]:
    """Run `revisions`, which are what comes next, and then each of them back, in one transaction that is rolled back.

    It takes the locks that the migrations take, waits at most two seconds for each, and keeps them until the end; what
    no transaction covers stays, such as numbers that a sequence gave out. The SQL is that of the database at `url`.

    Raises:
        Failure: a step failed (`Code.REHEARSAL_FAILED`) or cannot be rolled back (`Code.REHEARSAL_IMPOSSIBLE`); the
            database cannot be reached; the files are no history, or ``env.py`` fails (`Code.MIGRATIONS_BROKEN`).
    """
    if not revisions:
        return ()
    configuration = await in_thread(lambda: locate(project))
    heard = _Heard(secrets_of(url))
    names = [revision.revision for revision in revisions]
    job = make_job(configuration, Command.REHEARSE, url=url.reveal(), revisions=names)
    try:
        async with only_runner(url, progress):
            progress("Rehearsing: every step is run, and rolled back at the end")
            ended = await run_worker(job, configuration.directory, heard.hear)
    except (SQLAlchemyError, OSError) as error:
        raise explain(error, url) from None
    if not heard.done:
        raise _unrehearsed(heard, _wreck(Site(project, url), configuration, Command.REHEARSE, heard, ended))
    return heard.steps(revisions)


def unknown_sql(steps: Sequence[StepSQL]) -> tuple[Finding, ...]:
    """Return what there is to say of `steps` whose SQL is not all known."""
    return tuple(
        Finding(
            Code.MIGRATION_SQL_UNKNOWN,
            f"Not all SQL of {step.revision.revision} is known",
            f"{step.revision.path}:{unknown.line or 1}: {unknown.why}",
            severity=Severity.WARNING,
            fixes=(
                Fix(
                    "Rehearse what is pending: run it on the database, with the locks that it takes, and roll it back",
                    "stackdeck migrate sql --rehearse",
                ),
            ),
        )
        for step in steps
        for unknown in (step.upgrade.unknown, step.downgrade.unknown)
        if unknown
    )


@dataclass(slots=True)
class _Heard:
    """What the worker has told so far, by revision and direction."""

    secrets: Sequence[str]
    statements: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    unknown: dict[tuple[str, str], Unknown] = field(default_factory=dict)
    begun: str = ""
    failed: Event | None = None
    done: bool = False

    def hear(self, event: Event) -> None:
        side = (event.get("revision") or "", event.get("direction", ""))
        match event["event"]:
            case "sql":
                self.begun += event["text"]
                if event["ends"]:
                    self.statements.setdefault(side, []).append(self.begun)
                    self.begun = ""
            case "rendered":
                if event["text"]:
                    self.unknown[side] = Unknown(hide(event["text"], self.secrets), event.get("line"))
            case "failed":
                self.failed = event
            case _:
                self.done = True

    def steps(self, revisions: Sequence[Revision]) -> tuple[StepSQL, ...]:
        return tuple(
            StepSQL(revision, *(self._side(revision.revision, direction) for direction in Direction))
            for revision in revisions
        )

    def _side(self, revision: str, direction: Direction) -> Side:
        key = (revision, direction.value)
        return Side(tuple(self.statements.get(key, ())), self.unknown.get(key))


def _wreck(site: Site, configuration: Configuration, command: Command, heard: _Heard, ended: Ended) -> Wreck:
    return Wreck(
        configuration=configuration,
        plan=Plan(command, "", site.database, ()),
        failed=heard.failed,
        running=None,
        ended=ended,
        current=(),
        secrets=secrets_of(site.url),
    )


def _unrehearsed(heard: _Heard, wreck: Wreck) -> Failure:
    event = heard.failed
    reason = Reason(event["reason"]) if event else None
    if event is None or reason not in {Reason.STEP, Reason.REHEARSAL}:
        return explain_wreck(wreck)
    text = hide(event["text"], wreck.secrets)
    path, line, statement = event.get("path"), event.get("line"), event.get("statement")
    where = f"{path}:{line}" if line else str(path)
    if reason is Reason.REHEARSAL:
        return Failure(
            Finding(
                Code.REHEARSAL_IMPOSSIBLE,
                "It cannot be rehearsed",
                f"{where}: {text}, so that it could not be rolled back. Everything before it was.",
                fixes=(Fix("Apply it to a copy of the database, and look at that"),),
            )
        )
    return Failure(
        Finding(
            Code.REHEARSAL_FAILED,
            f"Rehearsing {event.get('revision')} failed",
            f"{where}: {text.splitlines()[0]}. All of it was rolled back.",
            evidence="\n".join(filter(None, (text, hide(statement or "", wreck.secrets)))),
            fixes=(Fix("Correct the migration", "stackdeck migrate sql --rehearse"),),
        )
    )
