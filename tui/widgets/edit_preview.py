"""How a change of a file is shown before it is made: the lines that go, and the lines that come."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from tui.outside import line

if TYPE_CHECKING:
    from stack.environment.diff import LineChange


def preview(changes: "Sequence[LineChange]") -> Content:
    """Return `changes`, in which secrets are hidden already, a line each."""
    return Content("\n").join(_lines(changes))


def _lines(changes: "Sequence[LineChange]") -> Iterator[Content]:
    for change in changes:
        for sign, text, colour in (("-", change.before, "$error"), ("+", change.after, "$success")):
            if text is not None:
                yield Content.assemble((f"{change.line:>4} ", "$muted"), line(f"{sign} {text.strip()}", colour))
