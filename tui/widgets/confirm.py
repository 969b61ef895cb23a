"""The question before anything that cannot be undone."""

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui.outside import block, line
from tui.widgets.modal import Modal


@dataclass(frozen=True, slots=True)
class Question:
    """What is about to be done, and what it means.

    Where data would be lost, `typed` is the word that must be typed: a key pressed by habit is no consent.
    """

    title: str
    consequence: str
    command: str | None = None
    typed: str | None = None


class Confirm(Modal[bool]):
    """Asks a `Question`; True is consent, anything else is not."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "consent", "Yes"),
        Binding("n", "leave", "No"),
    ]

    def __init__(self, question: Question) -> None:
        """Ask `question`."""
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Lay out the question, its consequence and the ways to answer."""
        question = self._question
        with Vertical(id="box"):
            yield Static(line(question.title, "bold"), id="title")
            yield Static(block(question.consequence), id="consequence")
            if question.command:
                yield Static(line(f"$ {question.command}", "$muted"), id="command")
            if question.typed is None:
                yield Static(_keys(("y", "Yes, do it"), ("n", "No")), id="keys")
            else:
                yield Static(Content.assemble("Type ", line(question.typed, "bold $accent"), " to do it:"))
                yield Input(id="typed")
                yield Static(_keys(("⏎", "Do it"), ("Esc", "No")), id="keys")

    def action_consent(self) -> None:
        """Take `y` for an answer, where no word must be typed."""
        if self._question.typed is None:
            self.close(True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the typed word for an answer, if it is the right one."""
        if event.value.strip() == self._question.typed:
            self.close(True)
        else:
            event.input.add_class("-wrong")


def _keys(*keys: tuple[str, str]) -> Content:
    return Content("   ").join([Content.assemble((key, "bold $accent"), f" {title}") for key, title in keys])
