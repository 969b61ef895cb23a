"""What the worker's failures mean to a person."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.findings import Code, Failure, Finding, Fix
from stack.migrations.child import Ended
from stack.migrations.configuration import Configuration, broken
from stack.migrations.protocol import Command, Event, Reason
from stack.text import hide


@dataclass(frozen=True, slots=True)
class Wreck:
    """A run that did not end well: what was asked, what was told, and where the database is now.

    `failed` is what the worker told of the failure and `running` the step that it was at; either may be absent.
    """

    configuration: Configuration
    command: Command
    target: str
    failed: Event | None
    running: Event | None
    ended: Ended
    current: tuple[str, ...]
    secrets: Sequence[str]


def explain_wreck(wreck: Wreck) -> Failure:
    """Return the failure that `wreck` is, without the secrets that its words may hold."""
    event = wreck.failed
    if event is None:
        return _died(wreck)
    text = hide(event["text"], wreck.secrets)
    output = hide(wreck.ended.output.strip(), wreck.secrets) or None
    path = event.get("path")
    match Reason(event["reason"]):
        case Reason.TARGET:
            return _no_such_revision(wreck, text)
        case Reason.HISTORY:
            return broken(Path(path) if path else wreck.configuration.scripts, event.get("line"), text, output)
        case Reason.ENVIRONMENT:
            environment = Path(path) if path else wreck.configuration.scripts / "env.py"
            return _environment(environment, event.get("line"), text, output)
        case Reason.STEP | Reason.REHEARSAL:
            return _step(wreck, event, text)


def _no_such_revision(wreck: Wreck, text: str) -> Failure:
    return Failure(
        Finding(
            Code.MIGRATION_NO_SUCH_REVISION,
            f"The database cannot be {wreck.command}d to {wreck.target!r}",
            f"{text[:1].upper()}{text[1:]}. The database is at {_place(wreck)}.",
            fixes=(Fix("See the revisions", "stackdeck migrate history"),),
        )
    )


def _environment(path: Path, line: int | None, text: str, output: str | None) -> Failure:
    where = f"{path}:{line}" if line else str(path)
    fixes = [Fix(f"Correct {path.name}; `alembic current` runs it too")]
    if text.startswith("ModuleNotFoundError"):
        fixes.insert(
            0, Fix("Install Stackdeck into the project's own environment, so that it finds the project's packages")
        )
    return Failure(
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
    return _failed(
        wreck, event.get("revision"), f"{where}: {text.splitlines()[0]}", "\n".join(filter(None, (text, shown)))
    )


def _died(wreck: Wreck) -> Failure:
    status = wreck.ended.status
    how = f"signal {-status}" if status < 0 else f"status {status}"
    output = hide(wreck.ended.output.strip(), wreck.secrets) or None
    if wreck.running is None:
        return _environment(wreck.configuration.scripts / "env.py", None, f"it ended the program with {how}", output)
    return _failed(wreck, wreck.running.get("revision"), f"The process that ran it ended with {how}", output)


def _failed(wreck: Wreck, revision: str | None, cause: str, evidence: str | None) -> Failure:
    upgrading = wreck.command is Command.UPGRADE
    doing = "Migration" if upgrading else "Undoing migration"
    again = "stackdeck migrate up" if upgrading else f"stackdeck migrate down {shlex.quote(wreck.target)}"
    return Failure(
        Finding(
            Code.MIGRATION_FAILED,
            f"{doing} {revision} failed",
            f"{cause}. Its transaction was rolled back, what came before it was kept: the database is at "
            f"{_place(wreck)}.",
            evidence=evidence,
            fixes=(
                Fix("Correct the migration, then run it again", again),
                Fix("See where the database is", "stackdeck migrate status"),
            ),
        )
    )


def _place(wreck: Wreck) -> str:
    return ", ".join(wreck.current) or "the very beginning"
