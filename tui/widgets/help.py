"""What a screen shows, in words, and every key that works on it."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.actions import Action, Place, at
from tui.widgets.modal import Modal


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
        with Vertical(id="box"):
            yield Static(Content.styled(self._place.value.capitalize(), "bold $primary"))
            with VerticalScroll(id="scroll"):
                yield Static(Content(self._words), id="words")
                yield Static(_keys(at(self._place)), classes="keys")
                yield Static(Content.styled("On every screen", "bold"))
                yield Static(_keys(at(Place.EVERYWHERE)), classes="keys")
            yield Static(Content.styled("↑↓ scroll   Esc close", "$muted"))


def _keys(actions: Iterable[Action]) -> Content:
    rows = [
        Content.assemble((f"{action.key:>5}  ", "bold $accent"), f"{action.title:<16} ", (action.description, "$muted"))
        for action in actions
    ]
    return Content("\n").join(rows)
