"""The SQL of steps before they are applied, rendered without a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from stack.background import in_thread
from stack.environment.url import DatabaseURL
from stack.findings import Code, Finding, Fix, Severity
from stack.migrations.child import Ended, make_job, run_worker
from stack.migrations.configuration import Configuration, locate
from stack.migrations.failure import Wreck, explain_wreck
from stack.migrations.plan import Plan
from stack.migrations.protocol import Command, Direction, Event
from stack.migrations.revision import Revision
from stack.migrations.risks.review import Body, read_review
from stack.migrations.site import Site, secrets_of
from stack.project import Project
from stack.text import hide

_NO_WAY: Final = frozenset({Body.ABSENT, Body.RAISES})


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why the SQL of a step cannot be known without a database, and the `line` of its file where that shows."""

    why: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of a step: its statements as they are sent, in order, with ``BEGIN`` and the like.

    Where `unknown` is set they are only those up to there, or rest on an answer that nobody gave. Where there is no way
    back there are none, and `refusal` says why: no database would tell more.
    """

    statements: tuple[str, ...]
    unknown: Unknown | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class StepSQL:
    """What a step sends in both directions.

    Where it was run to know that, and not on the database but on an empty copy, `copied` says why.
    """

    revision: Revision
    upgrade: Side
    downgrade: Side
    copied: str | None = None

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
    heard = Heard(secrets_of(url))
    names = [revision.revision for revision in revisions]
    job = make_job(configuration.files, Command.RENDER, url=url.reveal(), revisions=names, heads=heads)
    ended = await run_worker(job, configuration.directory, heard.hear)
    if not heard.done:
        raise explain_wreck(wreck_of(Site(project, url), configuration, Command.RENDER, heard, ended))
    return await in_thread(lambda: heard.steps(revisions))


def unknown_sql(steps: Sequence[StepSQL]) -> tuple[Finding, ...]:
    """Return what there is to say of `steps` whose SQL is not all known, or is that of an empty copy."""
    copied = next((step.copied for step in steps if step.copied), None)
    unknown = [
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
    ]
    return (*unknown, *((_of_a_copy(copied),) if copied else ()))


def _of_a_copy(why: str) -> Finding:
    return Finding(
        Code.REHEARSED_ON_COPY,
        "It was rehearsed on an empty copy of the database",
        f"{why}, so that it could not be rolled back. What is applied and what is pending was run in a scratch "
        "database on the same server, which has been dropped. It had no rows: what a step does with them, whether they "
        "stand in its way, and how long it takes and whom it blocks on the real tables was not tried.",
        severity=Severity.WARNING,
        fixes=(Fix("See what it locks on the real tables, and for how long", "stackdeck migrate lint"),),
    )


@dataclass(slots=True)
class Heard:
    """What the worker has told so far of the SQL of steps, by revision and direction."""

    secrets: Sequence[str]
    statements: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    unknown: dict[tuple[str, str], Unknown] = field(default_factory=dict)
    begun: str = ""
    failed: Event | None = None
    done: bool = False

    def hear(self, event: Event) -> None:
        """Take one event."""
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
        """Return what `revisions` send; blocking, where a file has to be looked at."""
        return tuple(
            StepSQL(revision, self._side(revision, Direction.UPGRADE), self._side(revision, Direction.DOWNGRADE))
            for revision in revisions
        )

    def _side(self, revision: Revision, direction: Direction) -> Side:
        key = (revision.revision, direction.value)
        statements, unknown = tuple(self.statements.get(key, ())), self.unknown.get(key)
        if unknown and direction is Direction.DOWNGRADE and read_review(revision.path).downgrade in _NO_WAY:
            return Side(statements, refusal=unknown.why)
        return Side(statements, unknown)


def wreck_of(site: Site, configuration: Configuration, command: Command, heard: Heard, ended: Ended) -> Wreck:
    """Return what is left of a job that was to tell SQL."""
    return Wreck(
        scripts=configuration.scripts,
        plan=Plan(command, "", site.database, ()),
        failed=heard.failed,
        running=None,
        ended=ended,
        secrets=secrets_of(site.url),
    )
