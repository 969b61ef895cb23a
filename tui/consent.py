"""A person's consent to a plan, asked for while the action that made the plan waits."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stack.services.approval import losses_of
from stack.services.control import Action, Approval, PlanStep
from tui.widgets.plan_question import Answer, PlanQuestion, Proposal

if TYPE_CHECKING:
    from tui.app import Deck

_COSTLY: Final = {Action.RECREATED, Action.REMOVED}


def dump_file(directory: Path, project: str) -> Path:
    """Return where in `directory` a dump of `project` that is made now goes."""
    return directory / f"{project}-{datetime.now().astimezone():%Y%m%d-%H%M%S}.dump"


class Consent:
    """The approval of every plan in one deck: nothing is recreated, removed or lost that nobody has seen before."""

    def __init__(self, deck: "Deck") -> None:
        """Ask on `deck`'s screen, as a part of its job."""
        self._deck = deck

    async def __call__(self, plan: Sequence[PlanStep]) -> None:
        """Approve of `plan` where it costs nothing; else ask."""
        await self._approve("Go on with this?", None, plan)

    def to(self, question: str, command: str | None) -> Approval:
        """Return an approval that asks `question`, and shows the `command` that would do the same."""
        return partial(self._approve, question, command)

    async def _approve(self, question: str, command: str | None, plan: Sequence[PlanStep]) -> None:
        if losses_of(plan) or any(step.action in _COSTLY for step in plan):
            await self._ask(question, command, plan)

    async def _ask(self, question: str, command: str | None, plan: Sequence[PlanStep]) -> None:
        """Return where the answer is yes, after a dump where one was asked for; else end the job."""
        deck, workspace = self._deck, self._deck.workspace
        if workspace is None:
            return
        project = deck.vitals.project
        dump = dump_file(workspace.project.root, project)
        losses = losses_of(plan)
        proposal = Proposal(question, losses, tuple(plan), command, project if losses else None, dump)
        match await deck.push_screen_wait(PlanQuestion(proposal)):
            case Answer.YES:
                return
            case Answer.DUMP_FIRST:
                await (await workspace.services()).dump(dump, progress=deck.report)
            case None:
                deck.action_abandon()
                raise asyncio.CancelledError
