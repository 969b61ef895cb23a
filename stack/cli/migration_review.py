"""``migrate sql``, ``lint`` and ``check``: what migrations would do, for their reviewer and for CI."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stack.cli.command import UsageError, add_command
from stack.cli.output import JSON, Console, Outcome
from stack.findings import Code, Failure, Finding, Fix, Progress

if TYPE_CHECKING:
    from stack.cli.command import Commands
    from stack.migrations.assessment import Assessment
    from stack.migrations.migrations import Migrations
    from stack.migrations.preview import StepSQL
    from stack.migrations.protocol import Direction
    from stack.migrations.risks.judge import JudgedStep
    from stack.migrations.risks.risk import Risk
    from stack.migrations.status import MigrationStatus
    from stack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Sql:
    """Print the SQL of the steps along `span`, or of what is pending."""

    span: str | None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Render."""
        from stack.migrations.protocol import Direction

        migrations = await workspace.migrations()
        if self.span is None:
            return _sql(await migrations.pending_sql(), Direction.UPGRADE)
        steps = await migrations.sql(self.span)
        start, _, end = self.span.partition(":")
        if steps or not (start and end):
            return _sql(steps, Direction.UPGRADE)
        # As Alembic has it, a downgrade is a span from the later revision to the earlier one.
        return _sql(await migrations.sql(f"{end}:{start}"), Direction.DOWNGRADE)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Print the SQL that the pending steps send when they are run for real, and undone.

    `name` is the database's, as the person said it who agrees to that on a server that is not the project's own.
    """

    name: str | None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Rehearse."""
        from stack.migrations.approval import approve_said
        from stack.migrations.protocol import Direction

        migrations = await workspace.migrations()
        approve = approve_said(agreed=False, name=self.name)
        return _sql(await migrations.rehearse(console.progress, approve=approve), Direction.UPGRADE)


def _sql(steps: "Sequence[StepSQL]", direction: "Direction") -> Outcome:
    from stack.migrations.preview import unknown_sql

    ordered = steps if direction.value == "upgrade" else steps[::-1]
    return Outcome(
        {
            "direction": direction.value,
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
                    "irreversible": step.downgrade.refusal,
                }
                for step in ordered
            ],
        },
        "\n\n".join(_script(step, direction) for step in ordered) or "-- There is nothing to do.",
        unknown_sql(steps),
    )


def _script(step: "StepSQL", direction: "Direction") -> str:
    """Return what a step sends, as a script for psql; what is not known of it stands in a comment."""
    side = step.side(direction)
    unknown = side.unknown
    lines = [f"-- {step.revision.revision}: {step.revision.message}", *side.statements]
    lines += [f"-- Not known from here on: {' '.join(unknown.why.split())}"] if unknown else []
    lines += [f"-- It cannot be taken back: {' '.join(side.refusal.split())}"] if side.refusal else []
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Lint:
    """Judge the steps that `revisions` name, or what is pending."""

    revisions: tuple[str, ...]

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Judge."""
        from stack.migrations.risks.page import page

        migrations = await workspace.migrations()
        steps = await (migrations.steps(self.revisions) if self.revisions else migrations.pending_sql())
        assessment = await migrations.assess(steps)
        text = page(assessment.steps) or "Nothing is pending, so there is nothing to judge."
        if not assessment.squawked:
            text += "\n\nsquawk was not asked: it is not installed here (the extra `squawk` brings it)."
        return Outcome(
            {"steps": [_judged(step) for step in assessment.steps], "squawk": assessment.squawked},
            text,
            assessment.findings,
        )


def _judged(step: "JudgedStep") -> JSON:
    from stack.migrations.protocol import Direction
    from stack.migrations.risks.page import strongest_locks

    return {
        "revision": step.sql.revision.revision,
        "message": step.sql.revision.message,
        "file": str(step.sql.revision.path),
        "locks": [
            {"table": str(effect.table), "lock": effect.lock.value, "blocks": effect.lock.blocks}
            for effect in strongest_locks(step.upgrade)
        ],
        "risks": [
            *(_risk(found.risk, found.statement, step) for found in step.found(Direction.UPGRADE)),
        ],
    }


def _risk(risk: "Risk", statement: str | None, step: "JudgedStep") -> JSON:
    effect, table = risk.effect, risk.table
    return {
        "rule": risk.rule.value,
        "severity": risk.severity.value,
        "text": risk.text,
        "statement": statement,
        "table": str(effect.table) if effect else None,
        "lock": effect.lock.value if effect else None,
        "blocks": effect.lock.blocks if effect else None,
        "work": effect.work.name.lower() if effect else None,
        "estimated_rows": table.rows if table else None,
        "bytes": table.bytes if table else None,
        "safer": risk.advice.text,
        "safer_sql": risk.advice.sql,
        "reviewed": step.reviewed.get(risk.rule.value),
    }


@dataclass(frozen=True, slots=True)
class _Looked:
    """What `Check` has looked at, what not and why, and what it found."""

    at: list[str] = field(default_factory=list)
    not_at: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Check:
    """Fail where something stands in the way of a release: two heads, pending steps, an unreviewed risk, drift."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Look at each, and say which of them could not be looked at."""
        migrations = await workspace.migrations()
        history, looked = await migrations.history(), _Looked()
        looked.at.append("heads")
        if len(history.heads) > 1:
            looked.findings.append(_branched(history.heads))
        status = await _pending(migrations, looked)
        assessment = await _risks(migrations, looked) if status and status.pending else None
        if status:
            await _drift(migrations, looked, console.progress)
        lines = [f"looked at      {', '.join(looked.at)}"]
        lines += [f"not looked at  {what}: {why}" for what, why in looked.not_at.items()]
        return Outcome(
            {
                "looked_at": looked.at,
                "not_looked_at": looked.not_at,
                "heads": list(history.heads),
                "pending": [each.revision for each in status.pending] if status else None,
                "steps": [_judged(step) for step in assessment.steps] if assessment else [],
            },
            "\n".join(lines),
            tuple(looked.findings),
            failed=bool(looked.findings),
        )


async def _pending(migrations: "Migrations", looked: _Looked) -> "MigrationStatus | None":
    try:
        status = await migrations.status()
    except Failure as failure:
        looked.findings.extend(failure.findings)
        for what in ("pending", "risks", "drift"):
            looked.not_at[what] = failure.finding.title
        return None
    looked.at.append("pending")
    looked.findings.extend(status.findings)
    if status.unknown:
        looked.not_at["risks"] = status.findings[0].title
    elif not status.pending:
        looked.not_at["risks"] = "nothing is pending; `migrate lint REV` judges what was applied"
    return status


async def _risks(migrations: "Migrations", looked: _Looked) -> "Assessment | None":
    try:
        assessment = await migrations.assess(await migrations.pending_sql())
    except Failure as failure:
        looked.findings.extend(failure.findings)
        looked.not_at["risks"] = failure.finding.title
        return None
    looked.at.append("risks")
    looked.findings.extend(assessment.findings)
    return assessment


async def _drift(migrations: "Migrations", looked: _Looked, progress: Progress) -> None:
    try:
        drift = await migrations.drift(progress)
    except Failure as failure:
        looked.findings.extend(failure.findings)
        looked.not_at["drift"] = failure.finding.title
        return
    looked.at.extend(aspect.value for aspect in drift.looked_at)
    looked.not_at.update((each.what, each.why) for each in drift.not_looked_at)
    looked.findings.extend(drift.findings)


def _branched(heads: Sequence[str]) -> Finding:
    return Finding(
        Code.MIGRATIONS_BRANCHED,
        f"The history has {len(heads)} heads",
        f"It ends in {', '.join(heads)}, so that `alembic upgrade head` does not know where to go.",
        fixes=(Fix("Join them with a revision", "stackdeck migrate new --merge -m 'Join the branches'"),),
    )


def _make_sql(arguments: argparse.Namespace) -> Sql | Rehearsal:
    if arguments.span is not None and ":" not in arguments.span:
        raise UsageError("a span is written FROM:TO, as in base:heads")
    if arguments.confirm is not None and not arguments.rehearse:
        raise UsageError("--confirm is for --rehearse, which alone touches the database")
    return Rehearsal(arguments.confirm) if arguments.rehearse else Sql(arguments.span)


def add_review_commands(verbs: "Commands") -> None:
    """Add what looks at migrations and changes nothing."""
    sql = add_command(verbs, "sql", "the SQL of what is pending, or of a span", _make_sql)
    chosen = sql.add_mutually_exclusive_group()
    chosen.add_argument(
        "span",
        nargs="?",
        metavar="FROM:TO",
        help="two revisions, as in base:heads; the later one first for the downgrade",
    )
    chosen.add_argument(
        "--rehearse",
        action="store_true",
        help="run what is pending and roll it back, which takes its locks meanwhile: for migrations that read; "
        "what cannot be rolled back is run in an empty copy",
    )
    sql.add_argument(
        "--confirm",
        metavar="NAME",
        help="the database's name; what a rehearsal needs on a server that is not the project's own",
    )
    lint = add_command(
        verbs, "lint", "the risks of what is pending, on the real tables", lambda a: Lint(tuple(a.revisions))
    )
    lint.add_argument("revisions", nargs="*", metavar="REV", help="the steps to judge instead of the pending ones")
    add_command(
        verbs, "check", "fail on two heads, pending steps, an unreviewed risk or drift, for CI", lambda _: Check()
    )
