"""What an upgrade, a downgrade, a stamp or a rehearsal is about to do, before it does it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from alembic.script.revision import ResolutionError, RevisionError

from stack.findings import Code, Failure, Finding, Fix
from stack.migrations.history import History, Revision, downgrade_steps, pending, stamped, upgrade_steps
from stack.migrations.losses import destroys
from stack.migrations.protocol import Command

REHEARSAL: Final = (
    "Every step is run, and back, in a transaction that is rolled back.",
    "It waits two seconds at most for a lock, and keeps it until the end.",
    "What no transaction covers stays, as numbers a sequence gave out.",
    "Where a step commits: in an empty copy on this server, then dropped.",
)
"""What a rehearsal takes; short, for it stands above the steps in a small window."""

_VERBS: Final = {Command.UPGRADE: "apply", Command.DOWNGRADE: "take back", Command.REHEARSE: "rehearse"}


@dataclass(frozen=True, slots=True)
class Target:
    """The database that is about to be changed.

    `name` is its name on the server at `server`, `own` whether that server is this project's own container or embedded
    one, where nobody else's data are.
    """

    name: str
    server: str
    own: bool


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step and what it destroys, in a phrase each."""

    revision: Revision
    losses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is about to be done: `steps` in order, which bring a database from `current` to where `target` says.

    A stamp has no steps: it replaces the mark `current` by `marked`.
    """

    command: Command
    target: str
    database: Target
    current: tuple[str, ...]
    steps: tuple[PlannedStep, ...] = ()
    marked: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing would be done."""
        return not self.steps and self.command is not Command.STAMP

    @property
    def losses(self) -> tuple[str, ...]:
        """All that is destroyed, each with its step."""
        return tuple(f"{step.revision.revision} {loss}" for step in self.steps for loss in step.losses)

    @property
    def needs_consent(self) -> bool:
        """Whether somebody must have seen it before it is carried out."""
        return not self.empty and (bool(self.losses) or not self.database.own or self.command is Command.STAMP)

    @property
    def lines(self) -> tuple[str, ...]:
        """It for a person, a line each."""
        if self.command is Command.STAMP:
            return _stamp_lines(self)
        verb = _VERBS[self.command]
        lines = list(REHEARSAL) if self.command is Command.REHEARSE else []
        for step in self.steps:
            lines.append(f"{verb} {step.revision.revision}  {step.revision.message}".rstrip())
            lines += [f"    {loss}" for loss in step.losses]
        return tuple(lines)


def plan_upgrade(history: History, current: tuple[str, ...], *, target: str, database: Target) -> Plan:
    """Plan the upgrade of a `database` at `current`, all of it known, to `target`.

    Raises:
        Failure: there is no such target, or it cannot be reached (`Code.MIGRATION_NO_SUCH_REVISION`).
    """
    return _plan_steps(Plan(Command.UPGRADE, target, database, current), partial(upgrade_steps, history))


def plan_downgrade(history: History, current: tuple[str, ...], *, target: str, database: Target) -> Plan:
    """Plan the downgrade to `target`; otherwise like `plan_upgrade`."""
    return _plan_steps(Plan(Command.DOWNGRADE, target, database, current), partial(downgrade_steps, history))


def _plan_steps(plan: Plan, find: Callable[[tuple[str, ...], str], tuple[Revision, ...]]) -> Plan:
    try:
        steps = find(plan.current, plan.target)
    except RevisionError as error:
        raise _unreachable(plan.command, plan.target, plan.current, error) from None
    return replace(plan, steps=tuple(PlannedStep(step, destroys(step.path, plan.command)) for step in steps))


def plan_rehearsal(history: History, current: tuple[str, ...], *, database: Target) -> Plan:
    """Plan to run all that is pending and to roll it back, which destroys nothing."""
    steps = tuple(PlannedStep(step, ()) for step in pending(history, current))
    return Plan(Command.REHEARSE, "heads", database, current, steps)


def plan_stamp(history: History, current: tuple[str, ...], *, target: str, database: Target) -> Plan:
    """Plan to mark the database as being at `target`; `current` may be unknown to the history.

    Raises:
        Failure: there is no such target (`Code.MIGRATION_NO_SUCH_REVISION`).
    """
    try:
        marked = stamped(history, current, target)
    except RevisionError as error:
        raise _unreachable(Command.STAMP, target, current, error) from None
    return Plan(Command.STAMP, target, database, current, marked=marked)


def _stamp_lines(plan: Plan) -> tuple[str, ...]:
    return (
        f"alembic_version says {place(plan.current)}, and will say {place(plan.marked)}.",
        "No table is made, changed or dropped, and no migration runs.",
        f"The tables must already be as {place(plan.marked)} leaves them: later upgrades and downgrades start from it.",
    )


def place(revisions: tuple[str, ...]) -> str:
    """Return where a database at `revisions` is, in words."""
    return ", ".join(revisions) or "the very beginning"


def _unreachable(command: Command, target: str, current: tuple[str, ...], error: RevisionError) -> Failure:
    text = f"no revision or branch is called {error.argument}" if isinstance(error, ResolutionError) else str(error)
    done = {Command.UPGRADE: "upgraded to", Command.DOWNGRADE: "downgraded to"}.get(command, "marked as being at")
    return Failure(
        Finding(
            Code.MIGRATION_NO_SUCH_REVISION,
            f"The database cannot be {done} {target!r}",
            f"{text[:1].upper()}{text[1:]}. The database is at {place(current)}.",
            fixes=(Fix("See the revisions", "stackdeck migrate history"),),
        )
    )
