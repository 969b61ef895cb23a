"""The history drawn beside its revisions, one line each, the newest first: lanes that open, pass and close.

A line down is a parent, a dotted one something that is only depended on::

    ○─╮    a merge of two branches
    │ ○    the head of one of them
    ○ │
    ●─╯    where they part
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stack.migrations.history import History

NODE: Final = "●"
"""What stands for a revision; whoever draws may put another sign of one cell in its place."""


@dataclass(frozen=True, slots=True)
class Knot:
    """A revision with what lies below it."""

    name: str
    parents: tuple[str, ...]
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Lane:
    """What is still to come below; None is what has just ended, so that nothing begins right under it."""

    awaited: str | None
    dotted: bool = False


def draw(knots: Sequence[Knot]) -> tuple[str, ...]:
    """Return one line for each of `knots`, which are in such an order that whatever lies below comes later.

    Parents that do not come are left out. Every line of a parent is drawn once, and none touches another.
    """
    come = {knot.name for knot in knots}
    lanes: list[_Lane | None] = []
    lines = []
    for knot in knots:
        mine = [place for place, lane in enumerate(lanes) if lane and lane.awaited == knot.name]
        column = mine[0] if mine else _free(lanes, 0)
        below = [_Lane(name) for name in knot.parents if name in come]
        beside = [_Lane(name, dotted=True) for name in knot.dependencies if name in come]
        first, *rest = [*below, *beside] or [_Lane(None)]
        before = list(lanes)
        closing = set(mine[1:])
        opening: dict[int, _Lane] = {}
        for lane in rest:
            place = _free(lanes, column + 1)
            opening[place] = lanes[place] = lane
        lines.append(_line(before, column, closing, opening))
        lanes = [None if lane and lane.awaited is None else lane for lane in lanes]
        for place in closing:
            lanes[place] = None
        lanes[column] = first
        while lanes and lanes[-1] is None:
            lanes.pop()
    return tuple(lines)


def _free(lanes: list[_Lane | None], least: int) -> int:
    """Return the first place from `least` on that nothing holds, making one at the end where there is none."""
    for place in range(least, len(lanes)):
        if lanes[place] is None:
            return place
    lanes.extend([None] * (max(least, len(lanes)) + 1 - len(lanes)))
    return len(lanes) - 1


def _line(before: Sequence[_Lane | None], column: int, closing: set[int], opening: dict[int, _Lane]) -> str:
    end = max([column, *closing, *opening])
    cells = []
    for place in range(max(len(before), end + 1)):
        lane = before[place] if place < len(before) else None
        passes = lane is not None and lane.awaited is not None
        across = column < place < end
        if place == column:
            sign = NODE
        elif place in closing:
            sign = "┴" if across else "╯"
        elif place in opening:
            sign = "┬" if across else "╮"
        elif passes and lane is not None:
            sign = "┼" if across else "┊" if lane.dotted else "│"
        else:
            sign = "─" if across else " "
        cells.append(sign + ("─" if column <= place < end else " "))
    return "".join(cells).rstrip()


def knots(history: History) -> tuple[Knot, ...]:
    """Return the revisions of `history` for drawing, the newest first."""
    labelled = {label: revision.revision for revision in history.revisions for label in revision.branch_labels}
    return tuple(
        Knot(
            revision.revision,
            tuple(labelled.get(name, name) for name in revision.down_revisions),
            tuple(labelled.get(name, name) for name in revision.depends_on),
        )
        for revision in reversed(history.revisions)
    )
