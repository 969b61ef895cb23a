"""What the worker's failures mean to a person."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.findings import Code, Failure, Finding, Fix
from stack.migrations.approval import command_of
from stack.migrations.child import Ended
from stack.migrations.configuration import broken
from stack.migrations.holders import Holder
from stack.migrations.limits import is_lock_failure
from stack.migrations.plan import Plan, place
from stack.migrations.protocol import Command, Event, Reason
from stack.text import hide

_QUERY_CANCELED: Final = "57014"
_THERE_ALREADY: Final = frozenset({"42P06", "42P07", "42701", "42710"})
"""A schema, a table, a column or another object of that name: a database that was made before it had migrations."""
_KEPT: Final = 100
_LOOK: Final = Fix("See where the database is", "stackdeck migrate status")


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left where a run did not go on to its end: the database is at `current`.

    Where the step had left its transaction it is `outside`, the statements `kept` stay, and `invalid_indexes` are those
    of the database.
    """

    current: tuple[str, ...] = ()
    outside: bool = False
    kept: tuple[str, ...] = ()
    invalid_indexes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wreck:
    """A run that did not end well: what was planned, what was told, and what is left.

    `scripts` is the directory of ``env.py``. `failed` is what the worker told of the failure and `running` the step
    that it was at; either may be absent. `holders` had the lock that it waited for last.
    """

    scripts: Path
    plan: Plan
    failed: Event | None
    running: Event | None
    ended: Ended
    secrets: Sequence[str]
    remains: Remains = Remains()
    holders: tuple[Holder, ...] = ()
    tries: int = 1


class EnvironmentFailure(Failure):
    """It is ``env.py`` that failed, or what it was run for: the history may be sound."""


def explain_wreck(wreck: Wreck) -> Failure:
    """Return the failure that `wreck` is, without the secrets that its words may hold."""
    event = wreck.failed
    if event is None:
        return _died(wreck)
    text = hide(event["text"], wreck.secrets)
    output = hide(wreck.ended.output.strip(), wreck.secrets) or None
    path = event.get("path")
    match Reason(event["reason"]):
        case Reason.HISTORY:
            return broken(Path(path) if path else wreck.scripts, event.get("line"), text, output)
        case Reason.ENVIRONMENT:
            environment = Path(path) if path else wreck.scripts / "env.py"
            return _environment(wreck, environment, event.get("line"), text, output)
        case Reason.STEP | Reason.REHEARSAL:
            return _step(wreck, event, text)


def _environment(wreck: Wreck, path: Path, line: int | None, text: str, output: str | None) -> EnvironmentFailure:
    where = f"{path}:{line}" if line else str(path)
    fixes = [Fix(f"Correct {path.name}; `alembic current` runs it too")]
    if text.startswith("ModuleNotFoundError"):
        fixes.insert(
            0,
            Fix(
                "Install what it imports, and Alembic, into the project's own environment: "
                f"it ran with {wreck.ended.interpreter.words}"
            ),
        )
    return EnvironmentFailure(
        Finding(
            Code.MIGRATIONS_BROKEN,
            "The migrations' environment does not run",
            f"{where}: {text}",
            evidence=output,
            fixes=tuple(fixes),
        )
    )


def _step(wreck: Wreck, event: Event, text: str) -> Failure:
    path, line = event.get("path"), event.get("line")
    where = f"{path}:{line}" if line else str(path)
    statement = event.get("statement")
    shown = hide(statement, wreck.secrets) if statement else None
    cause = f"{where}: {text.splitlines()[0]}"
    evidence = "\n".join(filter(None, (text, shown)))
    state = event.get("sqlstate")
    if is_lock_failure(state) and not wreck.remains.outside:
        return _locked(wreck, event.get("revision"), cause, evidence)
    revision = event.get("revision")
    fixes: list[Fix] = []
    if state == _QUERY_CANCELED:
        longer = f"{command_of(wreck.plan)} --statement-timeout 0"
        fixes.append(Fix("If it only needs longer, give it longer", longer))
    elif state in _THERE_ALREADY and wreck.plan.command is Command.UPGRADE and revision:
        mark = f"stackdeck migrate stamp {shlex.quote(revision)}"
        fixes.append(Fix("If all that it makes is there already, mark it as applied; no table changes", mark))
    return _failed(wreck, revision, cause, evidence, *fixes)


def _died(wreck: Wreck) -> Failure:
    status = wreck.ended.status
    how = f"signal {-status}" if status < 0 else f"status {status}"
    output = hide(wreck.ended.output.strip(), wreck.secrets) or None
    if wreck.running is None:
        return _environment(wreck, wreck.scripts / "env.py", None, f"it ended the program with {how}", output)
    return _failed(wreck, wreck.running.get("revision"), f"The process that ran it ended with {how}", output)


def _locked(wreck: Wreck, revision: str | None, cause: str, evidence: str) -> Failure:
    held = "; ".join(holder.words for holder in wreck.holders) or "Nobody was seen holding it"
    times = f"{wreck.tries} times" if wreck.tries > 1 else "once"
    return Failure(
        Finding(
            Code.MIGRATION_LOCKED,
            f"{_doing(wreck.plan)} {revision} did not get its lock",
            f"{cause}. It was tried {times}, and rolled back each time. Held by: {held}. "
            f"What came before it was kept: {_at(wreck.remains)}",
            evidence=evidence,
            fixes=(
                Fix("See what the others do, and end it there", "stackdeck db activity"),
                Fix("Run it again when it is quieter", command_of(wreck.plan)),
                Fix(
                    "Wait longer for the lock; whoever comes to the table later waits too",
                    f"{command_of(wreck.plan)} --lock-timeout 60",
                ),
            ),
        )
    )


def _failed(wreck: Wreck, revision: str | None, cause: str, evidence: str | None, *fixes: Fix) -> Failure:
    return Failure(
        Finding(
            Code.MIGRATION_FAILED,
            f"{_doing(wreck.plan)} {revision} failed",
            f"{cause}. {_left(wreck.plan, wreck.remains, wreck.secrets)}",
            evidence=evidence,
            fixes=(
                *fixes,
                *_drops(wreck.remains),
                Fix("Correct the migration, then run it again", command_of(wreck.plan)),
                _LOOK,
            ),
        )
    )


def explain_stop(plan: Plan, running: Event, remains: Remains, secrets: Sequence[str]) -> Failure:
    """Return what there is to say of a run that was stopped while a step was outside of its transaction."""
    return Failure(
        Finding(
            Code.MIGRATION_STOPPED,
            f"{_doing(plan)} {running['revision']} was stopped, and part of it stays",
            _left(plan, remains, secrets),
            fixes=(
                *_drops(remains),
                Fix("Take back the rest of what stays, or let the migration pass over it; then run it again"),
                _LOOK,
            ),
        )
    )


def _drops(remains: Remains) -> tuple[Fix, ...]:
    return tuple(
        Fix("Drop the index that was not finished", _psql(f"DROP INDEX CONCURRENTLY {index}"))
        for index in remains.invalid_indexes
    )


def _psql(statement: str) -> str:
    return f"stackdeck psql -c {shlex.quote(statement)}"


def _left(plan: Plan, remains: Remains, secrets: Sequence[str]) -> str:
    """Return what is left of the step that failed, or was stopped."""
    if not remains.outside:
        return f"Its transaction was rolled back, what came before it was kept: {_at(remains)}"
    kept = [hide(statement, secrets) for statement in remains.kept[-_KEPT:]]
    stays = f"so this of it stays: {'; '.join(kept)}." if kept else "so what it did there, if anything, stays."
    indexes = f" Not valid: {', '.join(remains.invalid_indexes)}." if remains.invalid_indexes else ""
    marked = "still" if plan.command is Command.DOWNGRADE else "not"
    return f"It works outside a transaction, {stays}{indexes} It is {marked} marked as applied: {_at(remains)}"


def _at(remains: Remains) -> str:
    return f"the database is at {place(remains.current)}."


def _doing(plan: Plan) -> str:
    return {Command.UPGRADE: "Migration", Command.DOWNGRADE: "Undoing migration"}.get(plan.command, "Marking")
