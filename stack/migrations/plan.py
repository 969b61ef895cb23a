"""What an upgrade, a downgrade, a stamp or a rehearsal is about to do, before it does it.

What its steps risk is judged apart, by `stack.migrations.scrutiny`, since that takes a process.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stack.findings import Code, Failure, Finding, Fix
from stack.migrations.protocol import Command, Direction
from stack.migrations.revision import Revision

if TYPE_CHECKING:
    from stack.migrations.risks.judge import JudgedStep

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
    """A step, the hash of what its file says, and what was found of it on the real tables, where it was judged."""

    revision: Revision
    digest: str
    judged: "JudgedStep | None" = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is about to be done: `steps` in order, which bring a database from `current` to where `target` says.

    A stamp has no steps: it replaces the mark `current` by `marked`. `unjudged` says why its steps could not be judged.
    """

    command: Command
    target: str
    database: Target
    current: tuple[str, ...] = ()
    steps: tuple[PlannedStep, ...] = ()
    marked: tuple[str, ...] = ()
    unjudged: str = ""

    @property
    def direction(self) -> Direction:
        """Which side of its steps is run, or run first."""
        return Direction.DOWNGRADE if self.command is Command.DOWNGRADE else Direction.UPGRADE

    @property
    def empty(self) -> bool:
        """Whether nothing would be done."""
        return not self.steps and self.command is not Command.STAMP

    @property
    def loses(self) -> bool:
        """Whether data is lost; a downgrade takes back what it made."""
        applies = self.command is Command.UPGRADE
        return self.command is Command.DOWNGRADE or (
            applies and any(each.loses(self.direction) for each in self._judged)
        )

    @property
    def may_lose(self) -> bool:
        """Whether data is lost, or nobody can say that it is not."""
        unseen = bool(self.unjudged) or any(each.may_lose(self.direction) for each in self._judged)
        return self.loses or (self.command is Command.UPGRADE and unseen)

    @property
    def warns(self) -> bool:
        """Whether it has a risk that is more than a remark, or was not judged though it was to be."""
        return bool(self.unjudged) or any(each.warnings(self.direction) for each in self._judged)

    @property
    def _judged(self) -> "Iterator[JudgedStep]":
        return (step.judged for step in self.steps if step.judged)

    @property
    def needs_consent(self) -> bool:
        """Whether somebody must have seen it before it is carried out."""
        return not self.empty and (self.may_lose or not self.database.own or self.command is Command.STAMP)

    @property
    def lines(self) -> tuple[str, ...]:
        """It for a person, a line each: what there is to say of all of it, then each step with what it risks."""
        lines = [*self.preface]
        for step in self.steps:
            lines.append(self.headline(step))
            lines += _risk_lines(step.judged, self.direction) if step.judged else []
        return tuple(lines)

    @property
    def preface(self) -> tuple[str, ...]:
        """What there is to say of it as a whole, a line each."""
        unjudged = (f"What it risks is not known: {self.unjudged}",) if self.unjudged else ()
        return (*_preface(self), *unjudged)

    def headline(self, step: PlannedStep) -> str:
        """Return what is done with `step`, on a line."""
        return f"{_VERBS[self.command]} {step.revision.revision}  {step.revision.message}".rstrip()


def planned(plan: Plan, revisions: Sequence[Revision]) -> Plan:
    """Return `plan` with the steps that are `revisions`; blocking, since it reads their files."""
    return replace(plan, steps=tuple(PlannedStep(each, _digest(each.path)) for each in revisions))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _risk_lines(step: "JudgedStep", direction: Direction) -> list[str]:
    from stack.migrations.risks.page import risk_lines

    return [line for found in step.warnings(direction) for line in risk_lines(found, step.reviewed)]


def _preface(plan: Plan) -> tuple[str, ...]:
    match plan.command:
        case Command.REHEARSE:
            return (
                "Every step is run, and back, in a transaction that is rolled back.",
                "It waits two seconds at most for a lock, and keeps it until the end.",
                "What no transaction covers stays, as numbers a sequence gave out.",
                "Where a step commits: in an empty copy on this server, then dropped.",
            )
        case Command.DOWNGRADE:
            return ("Each step takes back what it made, with the data in it.",)
        case Command.STAMP:
            marked = place(plan.marked)
            return (
                f"alembic_version says {place(plan.current)}, and will say {marked}.",
                "No table is made, changed or dropped, and no migration runs.",
                f"The tables must already be as {marked} leaves them: later upgrades and downgrades start from it.",
            )
        case _:
            return ()


def place(revisions: tuple[str, ...]) -> str:
    """Return where a database at `revisions` is, in words."""
    return ", ".join(revisions) or "the very beginning"


def unreachable(command: Command, target: str, current: tuple[str, ...], why: str) -> Failure:
    """Return the failure of a `target` that a database at `current` cannot be brought to, since `why`."""
    done = {Command.UPGRADE: "upgraded to", Command.DOWNGRADE: "downgraded to"}.get(command, "marked as being at")
    return Failure(
        Finding(
            Code.MIGRATION_NO_SUCH_REVISION,
            f"The database cannot be {done} {target!r}",
            f"{why[:1].upper()}{why[1:]}. The database is at {place(current)}.",
            fixes=(Fix("See the revisions", "stackdeck migrate history"),),
        )
    )
