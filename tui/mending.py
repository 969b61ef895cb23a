"""Fixes, carried out from the deck: as its long action, asked about first where something is destroyed."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from stack.findings import Fix, Loss, Progress
from tui.consent import dump_file
from tui.widgets.plan_question import Answer, PlanQuestion, Proposal

if TYPE_CHECKING:
    from tui.app import Deck

_UNNAMED: Final = Loss("Data that cannot be brought back", None)


def mend(deck: "Deck", fix: Fix) -> None:
    """Carry out `fix` on `deck`, after a dump where a person wants one first; then open the project anew."""
    if not fix.destructive:
        _start(deck, fix, None)
        return
    workspace, project = deck.workspace, deck.vitals.project
    dump = dump_file(workspace.project.root, project) if workspace else None

    def answered(answer: Answer | None) -> None:
        match answer:
            case Answer.YES:
                _start(deck, fix, None)
            case Answer.DUMP_FIRST:
                _start(deck, fix, dump)
            case None:
                pass

    losses = fix.losses or (_UNNAMED,)
    deck.push_screen(PlanQuestion(Proposal(fix.title, losses, (), fix.command, project, dump)), answered)


def _start(deck: "Deck", fix: Fix, dump: Path | None) -> None:
    async def work(progress: Progress) -> None:
        workspace = deck.workspace
        if workspace is None:
            if fix.apply is not None:
                await fix.apply(progress)
            return
        if dump is not None:
            await (await workspace.services()).dump(dump, progress=progress)
        await workspace.mend(fix, progress)

    deck.start_job(fix.title, work, lambda _none: deck.open(), command=fix.command)
