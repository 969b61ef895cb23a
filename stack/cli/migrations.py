"""``migrate``: where the database is in its history, and moving it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.cli.command import add_command
from stack.cli.migration_review import add_review_commands
from stack.cli.output import Console, Outcome, align

if TYPE_CHECKING:
    from stack.cli.command import Commands
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
    """Draw every revision, the newest first, with who wrote it and when; `--json` lists the oldest first."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Read the files, and ask git."""
        from stack.migrations.lanes import draw, knots

        migrations = await workspace.migrations()
        history = await migrations.history()
        origins = await migrations.origins()
        lines = draw(knots(history))
        rows = [("", "REVISION", "MESSAGE", "AUTHOR", "DATE")]
        for line, revision in zip(lines, reversed(history.revisions), strict=True):
            origin = origins.get(revision.path)
            names = " ".join((revision.revision, *(f"({label})" for label in revision.branch_labels)))
            author, date = (origin.author, f"{origin.date:%Y-%m-%d}") if origin else ("", "")
            rows.append((line, names, revision.message, author, date))
        return Outcome(
            {
                "revisions": [
                    {
                        "revision": r.revision,
                        "down_revisions": list(r.down_revisions),
                        "depends_on": list(r.depends_on),
                        "branch_labels": list(r.branch_labels),
                        "message": r.message,
                        "file": str(r.path),
                        "author": origins[r.path].author if r.path in origins else None,
                        "date": origins[r.path].date.isoformat() if r.path in origins else None,
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


def _moved(verb: str, revisions: Sequence[str]) -> Outcome:
    text = "\n".join(f"{verb} {revision}" for revision in revisions) or "There was nothing to do."
    return Outcome({verb: list(revisions)}, text)


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    noun = commands.add_parser("migrate", help="the database's history", allow_abbrev=False)
    verbs = noun.add_subparsers(required=True, metavar="VERB")
    add_command(verbs, "status", "where the database is and what is pending", lambda _: Status())
    add_command(verbs, "history", "every revision, the newest first", lambda _: History())
    up = add_command(verbs, "up", "apply what is pending", lambda a: Upgrade(a.target))
    up.add_argument("target", nargs="?", default="heads", metavar="REV")
    down = add_command(verbs, "down", "take migrations back, down to a revision", lambda a: Downgrade(a.target))
    down.add_argument("target", metavar="REV", help="a revision, a step as in -1, or base")
    add_review_commands(verbs)
