"""A plan as a person reads it: what would be lost first, then each step with its cause."""

from collections.abc import Sequence
from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from stack.amounts import size
from stack.findings import Loss
from stack.services.control import Action, PlanStep
from tui.outside import line

COLOURS: Final = {
    Action.CREATED: "$success",
    Action.RECREATED: "$warning",
    Action.STARTED: "$success",
    Action.KEPT: "$muted",
    Action.PULLED: "$primary",
    Action.REMOVED: "$error",
}

_ACTION: Final = 11
"""Cells for the word of an action."""


def loss_lines(losses: Sequence[Loss]) -> Content:
    """Return what would be lost, with how large each of it is."""
    title = Content.styled(" THIS LOSES DATA ", "bold $background on $error")
    return Content("\n").join([title, *(_loss(loss) for loss in losses)])


def _loss(loss: Loss) -> Content:
    large = f" ({size(loss.size)})" if loss.size is not None else ""
    return Content.assemble(("✗ ", "bold $error"), line(loss.what, "bold $error"), (large, "bold $error"))


class PlanSteps(VerticalScroll):
    """What would be done, in its order, each step with its cause; what is kept stands at the end."""

    def __init__(self, steps: Sequence[PlanStep]) -> None:
        """Show `steps`."""
        super().__init__(id="steps")
        self._steps = tuple(steps)

    def compose(self) -> ComposeResult:
        """Lay out a line for each step, and its cause wrapped below it."""
        done = [step for step in self._steps if step.action is not Action.KEPT]
        kept = [step for step in self._steps if step.action is Action.KEPT]
        for step in done:
            yield Static(_head(step))
            yield Static(line(step.cause, "$muted"), classes="cause")
        if not done:
            yield Static("Nothing: everything is as the files say.")
        if kept:
            names = ", ".join(step.resource for step in kept)
            yield Static(Content.styled(f"{'kept':{_ACTION}}", "$muted") + line(names, "$muted"))


def _head(step: PlanStep) -> Content:
    loses = ("  ✗ loses data", "bold $error") if step.losses else ""
    return Content.assemble(
        (f"{step.action.value:{_ACTION}}", f"bold {COLOURS[step.action]}"), line(step.resource), loses
    )
