"""``migrate``: where the database is in its history, and moving it."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.cli.command import UsageError, add_command
from stack.cli.output import Console, Outcome, align

if TYPE_CHECKING:
    from stack.cli.command import Commands
    from stack.migrations.preview import StepSQL
    from stack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Status:
    """Say where the database is, what the heads are and what is pending."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Compare the files with the database."""
        migrations = await workspace.migrations()
        status = await migrations.status()
        lines = [
            f"current  {', '.join(status.current) or 'nothing applied'}",
            f"heads    {', '.join(status.heads) or 'no migrations'}",
        ]
        lines += [f"pending  {r.revision}  {r.message}" for r in status.pending]
        return Outcome(
            {
                "current": list(status.current),
                "heads": list(status.heads),
                "pending": [{"revision": r.revision, "message": r.message} for r in status.pending],
                "unknown": list(status.unknown),
            },
            "\n".join(lines),
            status.findings,
        )


@dataclass(frozen=True, slots=True)
class History:
    """List every revision, oldest first."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Read the files."""
        migrations = await workspace.migrations()
        history = await migrations.history()
        rows = [("REVISION", "AFTER", "MESSAGE")]
        rows += [(r.revision, ", ".join(r.down_revisions) or "-", r.message) for r in history.revisions]
        return Outcome(
            {
                "revisions": [
                    {
                        "revision": r.revision,
                        "down_revisions": list(r.down_revisions),
                        "message": r.message,
                        "file": str(r.path),
                    }
                    for r in history.revisions
                ],
                "heads": list(history.heads),
            },
            align(rows),
        )


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Apply what is pending, up to `target`."""

    target: str

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Apply."""
        migrations = await workspace.migrations()
        return _moved("applied", await migrations.upgrade(self.target, console.progress))


@dataclass(frozen=True, slots=True)
class Downgrade:
    """Take back what was applied, down to `target`."""

    target: str

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Take back."""
        migrations = await workspace.migrations()
        return _moved("reverted", await migrations.downgrade(self.target, console.progress))


@dataclass(frozen=True, slots=True)
class Sql:
    """Print the SQL of the steps along `span`, or of what is pending."""

    span: str | None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Render."""
        migrations = await workspace.migrations()
        return _sql(await (migrations.sql(self.span) if self.span else migrations.pending_sql()))


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Print the SQL that the pending steps send when they are run for real, and rolled back."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Rehearse."""
        migrations = await workspace.migrations()
        return _sql(await migrations.rehearse(console.progress))


def _sql(steps: "Sequence[StepSQL]") -> Outcome:
    from stack.migrations.preview import unknown_sql

    return Outcome(
        {
            "steps": [
                {
                    "revision": step.revision.revision,
                    "message": step.revision.message,
                    "upgrade": list(step.upgrade.statements),
                    "downgrade": list(step.downgrade.statements),
                    "known": step.known,
                    "unknown": {
                        name: {"why": side.unknown.why, "line": side.unknown.line}
                        for name, side in (("upgrade", step.upgrade), ("downgrade", step.downgrade))
                        if side.unknown
                    },
                }
                for step in steps
            ]
        },
        "\n\n".join(_script(step) for step in steps) or "-- There is nothing to do.",
        unknown_sql(steps),
    )


def _script(step: "StepSQL") -> str:
    """Return what a step sends upwards, as a script for psql; what is not known of it stands in a comment."""
    unknown = step.upgrade.unknown
    lines = [f"-- {step.revision.revision}: {step.revision.message}", *step.upgrade.statements]
    lines += [f"-- Not known from here on: {' '.join(unknown.why.split())}"] if unknown else []
    return "\n".join(lines)


def _moved(verb: str, revisions: Sequence[str]) -> Outcome:
    text = "\n".join(f"{verb} {revision}" for revision in revisions) or "There was nothing to do."
    return Outcome({verb: list(revisions)}, text)


def _make_sql(arguments: argparse.Namespace) -> Sql | Rehearsal:
    if arguments.span is not None and ":" not in arguments.span:
        raise UsageError("a span is written FROM:TO, as in base:heads")
    return Rehearsal() if arguments.rehearse else Sql(arguments.span)


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    noun = commands.add_parser("migrate", help="the database's history", allow_abbrev=False)
    verbs = noun.add_subparsers(required=True, metavar="VERB")
    add_command(verbs, "status", "where the database is and what is pending", lambda _: Status())
    add_command(verbs, "history", "every revision, oldest first", lambda _: History())
    up = add_command(verbs, "up", "apply what is pending", lambda a: Upgrade(a.target))
    up.add_argument("target", nargs="?", default="heads", metavar="REV")
    down = add_command(verbs, "down", "take migrations back, down to a revision", lambda a: Downgrade(a.target))
    sql = add_command(verbs, "sql", "the SQL of what is pending, or of a span", _make_sql)
    chosen = sql.add_mutually_exclusive_group()
    chosen.add_argument("span", nargs="?", metavar="FROM:TO", help="two revisions, as in base:heads")
    chosen.add_argument(
        "--rehearse",
        action="store_true",
        help="run what is pending and roll it back, which takes its locks meanwhile: for migrations that read",
    )
    down.add_argument("target", metavar="REV", help="a revision, a step as in -1, or base")
