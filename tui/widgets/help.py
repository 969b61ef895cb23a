"""What a screen shows, in words, and every key that works on it."""

import textwrap
from collections.abc import Iterable
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.actions import Action, Place, at
from tui.widgets.modal import Modal

COLUMN: Final = 24
"""Cells before the descriptions."""

WIDEST: Final = 96
FRAME: Final = 8
"""The width of the box and what its frame and scroll bar take of it, as the styles have them."""


class Help(Modal[None]):
    """The help of one screen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,f1", "leave", "Close")]

    def __init__(self, place: Place, words: str) -> None:
        """Explain `place` by `words`, then list its keys."""
        super().__init__()
        self._place = place
        self._words = words

    def compose(self) -> ComposeResult:
        """Lay out the words and the keys."""
        width = min(WIDEST, int(self.app.size.width * 0.94)) - FRAME
        with Vertical(id="box"):
            yield Static(Content.styled(self._place.value.capitalize(), "bold $primary"))
            with VerticalScroll(id="scroll"):
                yield Static(Content(self._words), id="words")
                yield Static(_keys(at(self._place), width), classes="keys")
                yield Static(Content.styled("On every screen", "bold"))
                yield Static(_keys(at(Place.EVERYWHERE), width), classes="keys")
            yield Static(Content.styled("↑↓ scroll   Esc close", "$muted"))


def _keys(actions: Iterable[Action], width: int) -> Content:
    """Return a line for each action, its description beside its key and wrapped within its own column."""
    lines = []
    for action in actions:
        first, *others = textwrap.wrap(action.description, max(20, width - COLUMN)) or [""]
        head = Content.assemble((f"{action.key:>5}  ", "bold $accent"), f"{action.title:<17}")
        lines.append(head.append_text(first, "$muted"))
        lines += [Content.styled(" " * COLUMN + text, "$muted") for text in others]
    return Content("\n").join(lines)
