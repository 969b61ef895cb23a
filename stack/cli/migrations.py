"""``migrate``: where the database is in its history, and moving it."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stack.cli.command import add_command
from stack.cli.migration_review import add_review_commands
from stack.cli.options import seconds
from stack.cli.output import JSON, Console, Outcome, align
from stack.migrations.limits import LOCK_TIMEOUT, STATEMENT_TIMEOUT, Limits
from stack.migrations.protocol import NewKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stack.cli.command import Commands
    from stack.migrations.approval import Approval
    from stack.migrations.runner import Done
    from stack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Status:
    """Say where the database is, what the heads are and what is pending."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Compare the files with the database."""
        migrations = await workspace.migrations()
        status, interpreter = await migrations.status(), await migrations.interpreter()
        lines = [
            f"current  {', '.join(status.current) or 'nothing applied'}",
            f"heads    {', '.join(status.heads) or 'no migrations'}",
        ]
        lines += [f"pending  {r.revision}  {r.message}" for r in status.pending]
        lines.append(f"runs     with {interpreter.words}")
        return Outcome(
            {
                "current": list(status.current),
                "heads": list(status.heads),
                "pending": [{"revision": r.revision, "message": r.message} for r in status.pending],
                "unknown": list(status.unknown),
                "interpreter": {
                    "path": str(interpreter.path),
                    "alembic": interpreter.version,
                    "reason": interpreter.reason,
                },
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
class Consent:
    """What a person said beforehand: that they `agreed` to what is lost, or the database's `name`; and the dump.

    Where `dump` names a file, the database is written to it before anything is touched.
    """

    agreed: bool
    name: str | None
    dump: Path | None

    async def approval(self, workspace: "Workspace", console: Console) -> "Approval":
        """Return what is asked before the plan is carried out."""
        from stack.migrations.approval import approve_said

        approve = approve_said(agreed=self.agreed, name=self.name)
        if self.dump is None:
            return approve
        from stack.cli.dumping import dumping

        return dumping(await workspace.services(), self.dump, approve, console)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Apply what is pending, up to `target`."""

    target: str
    consent: Consent
    limits: Limits

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Apply."""
        from stack.migrations.child import standing_by

        async with standing_by(workspace.project) as standby:
            site = await workspace.site(standby)
            # Only now: what it imports, it imports while the worker gets ready.
            from stack.migrations.runner import upgrade

            approve = await self.consent.approval(workspace, console)
            done = await upgrade(site, self.target, console.progress, approve=approve, limits=self.limits)
        return _moved("applied", done)


@dataclass(frozen=True, slots=True)
class Downgrade:
    """Take back what was applied, down to `target`."""

    target: str
    consent: Consent
    limits: Limits

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Take back."""
        from stack.migrations.child import standing_by

        async with standing_by(workspace.project) as standby:
            site = await workspace.site(standby)
            # Only now: what it imports, it imports while the worker gets ready.
            from stack.migrations.runner import downgrade

            approve = await self.consent.approval(workspace, console)
            done = await downgrade(site, self.target, console.progress, approve=approve, limits=self.limits)
        return _moved("reverted", done)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Mark the database as being at `target`, and change no table."""

    target: str
    consent: Consent

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Mark."""
        migrations = await workspace.migrations()
        approve = await self.consent.approval(workspace, console)
        plan = await migrations.stamp(self.target, console.progress, approve=approve)
        fields: dict[str, JSON] = {"before": list(plan.current), "current": list(plan.marked)}
        return Outcome(fields, "\n".join(plan.lines))


@dataclass(frozen=True, slots=True)
class New:
    """Draft a migration, and write it unless it is only to be shown."""

    message: str
    kind: NewKind
    write: bool

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Draft and write."""
        from stack.migrations.drift.aspects import UNSEEN_BY_AUTOGENERATE

        migrations = await workspace.migrations()
        drafts = await migrations.draft(self.kind, self.message)
        if self.write:
            await migrations.write(drafts)
        for draft in drafts:
            console.progress(f"{'Wrote' if self.write else 'Would write'} {draft.path}")
        unseen = UNSEEN_BY_AUTOGENERATE if self.kind is NewKind.AUTOGENERATE else ()
        fields: dict[str, JSON] = {
            "files": [{"path": str(draft.path), "text": draft.text} for draft in drafts],
            "written": self.write and bool(drafts),
            "unseen": list(unseen),
        }
        nothing = (
            "" if drafts else "Nothing is written: Alembic sees no difference between the models and the database."
        )
        seen = "\n".join(["Review it. Autogenerate does not see:", *(f"  {each}" for each in unseen)]) if unseen else ""
        return Outcome(fields, "\n\n".join(filter(None, (*(draft.text.rstrip() for draft in drafts), nothing, seen))))


@dataclass(frozen=True, slots=True)
class Drift:
    """Say what differs between models, migrations and database, and what was not looked at."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Compare."""
        migrations = await workspace.migrations()
        drift = await migrations.drift(console.progress)
        return Outcome(
            {
                "differences": [{"aspect": each.aspect.value, "sentence": each.sentence} for each in drift.differences],
                "looked_at": [aspect.value for aspect in drift.looked_at],
                "not_looked_at": [{"what": each.what, "why": each.why} for each in drift.not_looked_at],
            },
            "\n".join(drift.lines),
            tuple(replace(finding, evidence=None) for finding in drift.findings),  # it stands above
        )


def _moved(verb: str, done: "Sequence[Done]") -> Outcome:
    from stack.migrations.runner import words_of

    text = "\n".join(f"{verb} {words_of(step)}" for step in done) or "There was nothing to do."
    fields: dict[str, JSON] = {
        verb: [step.revision for step in done],
        "steps": [{"revision": step.revision, "seconds": round(step.seconds, 3), "rows": step.rows} for step in done],
    }
    return Outcome(fields, text)


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    noun = commands.add_parser("migrate", help="the database's history", allow_abbrev=False)
    verbs = noun.add_subparsers(required=True, metavar="VERB")
    add_command(verbs, "status", "where the database is and what is pending", lambda _: Status())
    add_command(verbs, "history", "every revision, the newest first", lambda _: History())
    up = add_command(verbs, "up", "apply what is pending", lambda a: Upgrade(a.target, _consent(a), _limits(a)))
    up.add_argument("target", nargs="?", default="heads", metavar="REV")
    _add_limits(up)
    down = add_command(
        verbs,
        "down",
        "take migrations back, down to a revision",
        lambda a: Downgrade(a.target, _consent(a), _limits(a)),
    )
    down.add_argument("target", metavar="REV", help="a revision, a step as in -1, or base")
    add_review_commands(verbs)
    _add_limits(down)
    stamp = add_command(
        verbs,
        "stamp",
        "mark the database as being at a revision; no table changes",
        lambda a: Stamp(a.target, _consent(a)),
    )
    stamp.add_argument("target", metavar="REV", help="a revision, heads, or base")
    new = add_command(
        verbs,
        "new",
        "make a migration from the difference between the models and the database",
        lambda a: New(a.message, a.kind, not a.dry_run),
    )
    new.add_argument(
        "-m", "--message", required=True, type=_message, metavar="TEXT", help="what it does; its file is named after it"
    )
    kinds = new.add_mutually_exclusive_group()
    kinds.add_argument("--empty", dest="kind", action="store_const", const=NewKind.EMPTY, help="one to write by hand")
    kinds.add_argument(
        "--merge", dest="kind", action="store_const", const=NewKind.MERGE, help="one that joins all heads"
    )
    new.set_defaults(kind=NewKind.AUTOGENERATE)
    new.add_argument("--dry-run", action="store_true", help="print it and write nothing")
    add_command(verbs, "drift", "what differs between models, migrations and the database", lambda _: Drift())
    for parser in (up, down, stamp):
        parser.add_argument("--dump", type=Path, metavar="FILE", help="write a dump of the database to FILE first")
        parser.add_argument("--yes", action="store_true", help="go on where data would be lost")
        parser.add_argument(
            "--confirm", metavar="NAME", help="the database's name; what a server needs that is not the project's own"
        )


def _message(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("say in some words what it does")
    return text


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lock-timeout",
        type=seconds,
        metavar="S",
        default=LOCK_TIMEOUT,
        help=f"seconds that a statement waits for a lock, 0 for ever (default: {LOCK_TIMEOUT:.0f})",
    )
    parser.add_argument(
        "--statement-timeout",
        type=seconds,
        metavar="S",
        default=STATEMENT_TIMEOUT,
        help=f"seconds that a statement may take, 0 for ever (default: {STATEMENT_TIMEOUT:.0f})",
    )


def _consent(arguments: argparse.Namespace) -> Consent:
    return Consent(bool(arguments.yes), arguments.confirm, arguments.dump)


def _limits(arguments: argparse.Namespace) -> Limits:
    return Limits(arguments.lock_timeout, arguments.statement_timeout)
