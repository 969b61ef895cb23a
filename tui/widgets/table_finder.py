"""Where a person types a part of a table's name, and sees at once which tables have it."""

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static


class TableFinder(Horizontal):
    """One line to type in; it is hidden until asked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "All tables"),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
    ]

    @dataclass
    class Typed(Message):
        """What is looked for now."""

        text: str

    @dataclass
    class Moved(Message):
        """The table above or below is wanted."""

        by: int

    @dataclass
    class Left(Message):
        """Nothing is looked for any more; `found` says whether because the table was found."""

        found: bool

    def __init__(self) -> None:
        """Be hidden."""
        super().__init__()
        self.display = False
        self._input = Input(compact=True, id="typed")

    def compose(self) -> ComposeResult:
        """Lay out the key and the text."""
        yield Static(Content.styled(" t ", "bold $accent"), id="label")
        yield self._input

    def ask(self) -> None:
        """Let a name be typed."""
        self._input.value = ""
        self.display = True
        self._input.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display:
            self.post_message(self.Typed(event.value))

    @on(Input.Submitted)
    def _done(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave(found=True)

    def action_move(self, by: int) -> None:
        """Go to another of the tables that were found."""
        self.post_message(self.Moved(by))

    def action_leave(self) -> None:
        """Look for nothing."""
        self._leave(found=False)

    def _leave(self, *, found: bool) -> None:
        self.display = False
        self.post_message(self.Left(found))
