"""A plan as a person reads it: what would be lost first, then each step with its cause."""

from collections.abc import Sequence
from typing import Final

from textual.content import Content

from stack.services.control import Action, Loss, PlanStep
from tui.amounts import size
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


def step_lines(steps: Sequence[PlanStep]) -> Content:
    """Return what would be done, in its order; what is kept stands in one line at the end."""
    done = [step for step in steps if step.action is not Action.KEPT]
    kept = [step for step in steps if step.action is Action.KEPT]
    lines = [each for step in done for each in _step(step)]
    if not done:
        lines.append(Content("Nothing: everything is as the files say."))
    if kept:
        names = ", ".join(step.resource for step in kept)
        lines.append(Content.assemble((f"{'kept':{_ACTION}}", "$muted"), line(names, "$muted")))
    return Content("\n").join(lines)


def _step(step: PlanStep) -> list[Content]:
    head = Content.assemble((f"{step.action.value:{_ACTION}}", f"bold {COLOURS[step.action]}"), line(step.resource))
    cause = Content.assemble(" " * _ACTION, line(step.cause, "$muted"))
    return [head, cause, *(Content.assemble(" " * _ACTION, _loss(loss)) for loss in step.losses)]


def _loss(loss: Loss) -> Content:
    large = f" ({size(loss.size)})" if loss.size is not None else ""
    return Content.assemble(("✗ ", "bold $error"), line(loss.what, "bold $error"), (large, "bold $error"))
