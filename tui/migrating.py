"""Applying, taking back, marking and comparing from the deck.

What changes something is planned first, asked about where it must be, and then done as one long job.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from textual.content import Content

from stack.findings import Progress
from tui.consent import dump_file
from tui.outside import line
from tui.widgets.drift_report import DriftReport
from tui.widgets.plan_question import Answer, PlanQuestion, Proposal
from tui.widgets.revision_pane import risk_lines

if TYPE_CHECKING:
    from stack.migrations.approval import Approval
    from stack.migrations.assessment import Assessment
    from stack.migrations.drift.drift import Drift
    from stack.migrations.migrations import Migrations
    from stack.migrations.plan import Plan
    from tui.app import Deck

_QUESTIONS: Final = {
    "upgrade": "Apply these migrations?",
    "downgrade": "Take these migrations back?",
    "stamp": "Mark the database as being elsewhere?",
    "rehearse": "Rehearse what is pending?",
}


def apply(deck: "Deck", target: str, title: str) -> None:
    """Apply what is missing up to `target`."""
    _start(
        deck,
        title,
        "stackdeck migrate up" if target == "heads" else f"stackdeck migrate up {target}",
        lambda migrations: migrations.plan_upgrade(target),
        lambda migrations, progress, approve: migrations.upgrade(target, progress, approve=approve),
    )


def take_back(deck: "Deck", target: str) -> None:
    """Take back what lies above the revision `target`."""
    _start(
        deck,
        f"Downgrade to {target}",
        f"stackdeck migrate down {target}",
        lambda migrations: migrations.plan_downgrade(target),
        lambda migrations, progress, approve: migrations.downgrade(target, progress, approve=approve),
    )


def stamp(deck: "Deck", target: str) -> None:
    """Mark the database as being at the revision `target`."""
    _start(
        deck,
        f"Mark as {target}",
        f"stackdeck migrate stamp {target}",
        lambda migrations: migrations.plan_stamp(target),
        lambda migrations, progress, approve: migrations.stamp(target, progress, approve=approve),
    )


def rehearse(deck: "Deck", take: "Callable[[Assessment | None], None]") -> None:
    """Run what is pending and roll it back, after saying what that takes; `take` gets what is then known of it."""
    command = "stackdeck migrate sql --rehearse"

    async def work(progress: Progress) -> "Assessment | None":
        from stack.migrations.approval import approve_shown

        workspace = deck.workspace
        if workspace is None:
            return None
        migrations = await workspace.migrations()
        plan = await migrations.plan_rehearsal()
        await _ask(deck, plan, command, progress)
        return await migrations.assess(await migrations.rehearse(progress, approve=approve_shown(plan)))

    deck.start_job("Rehearse what is pending", work, take, command=command)


def compare(deck: "Deck") -> None:
    """Compare models, migrations and database, and show what differs."""

    async def work(progress: Progress) -> "Drift | None":
        return await (await deck.workspace.migrations()).drift(progress) if deck.workspace else None

    def show(drift: "Drift | None") -> None:
        if drift is not None:
            deck.push_screen(DriftReport(drift))

    deck.start_job("Compare models, migrations and database", work, show, command="stackdeck migrate drift")


def _start(
    deck: "Deck",
    title: str,
    command: str,
    make_plan: Callable[["Migrations"], Awaitable["Plan"]],
    carry_out: Callable[["Migrations", Progress, "Approval"], Awaitable[object]],
) -> None:
    async def work(progress: Progress) -> None:
        from stack.migrations.approval import approve_shown

        workspace = deck.workspace
        if workspace is None:
            return
        migrations = await workspace.migrations()
        progress("Judging it on the real tables")
        plan = await make_plan(migrations)
        if plan.needs_consent or plan.warns:
            await _ask(deck, plan, command, progress)
        await carry_out(migrations, progress, approve_shown(plan))

    deck.start_job(title, work, lambda _none: None, command=command)


async def _ask(deck: "Deck", plan: "Plan", command: str, progress: Progress) -> None:
    """Return where the answer is yes, after a dump where one was asked for; else end the job.

    Nobody else is kept from migrating meanwhile: what is carried out is compared with what was shown.
    """
    workspace = deck.workspace
    if workspace is None:
        return
    name = plan.database.name
    dump = dump_file(workspace.project.root, name) if plan.may_lose else None
    place = f" on {name} at {plan.database.server}" if not plan.database.own else ""
    question = _QUESTIONS[plan.command].replace("?", f"{place}?")
    # Where nothing is at stake but time, a key is enough.
    word = name if plan.needs_consent else None
    proposal = Proposal(question, (), (), command, word, dump, _told(plan))
    match await deck.push_screen_wait(PlanQuestion(proposal)):
        case Answer.YES:
            return
        case Answer.DUMP_FIRST if dump is not None:
            await (await workspace.services()).dump(dump, progress=progress)
        case _:
            deck.action_abandon()
            raise asyncio.CancelledError


def _told(plan: "Plan") -> Content:
    """Return what `plan` does and risks, as its lines say it, with the risks as they stand beside a revision."""
    lines = [line(each) for each in plan.preface]
    for step in plan.steps:
        lines.append(line(plan.headline(step), "bold"))
        for found in step.judged.warnings(plan.direction) if step.judged else ():
            lines += risk_lines(found.risk, step.judged.reviewed if step.judged else {})
    return Content("\n").join(lines)
