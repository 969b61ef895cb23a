"""Where a person types what to look for in a log, and sees at once what comes of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from stack.services.log_search import Pattern, PatternError, Plain, Regular
from tui.outside import line


class Purpose(StrEnum):
    """What the typed text is for; the value is its key."""

    SEARCH = "/"
    FILTER = "&"


class LogPrompt(Horizontal):
    """One line to type in, plain text or a regular expression; it says which, and what is wrong with one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "abandon", "Clear"),
        Binding("ctrl+r", "switch_kind", "Text or expression"),
    ]

    @dataclass
    class Typed(Message):
        """What is looked for now; None is nothing."""

        purpose: Purpose
        pattern: Pattern | None

    @dataclass
    class Left(Message):
        """The prompt is done with; what was typed holds."""

        purpose: Purpose

    def __init__(self) -> None:
        """Be hidden, until asked."""
        super().__init__()
        self.display = False
        self._purpose = Purpose.SEARCH
        self._label = Static(id="label")
        self._input = Input(compact=True, id="typed", select_on_focus=False)
        self._note = Static(id="note")
        self._kinds: dict[Purpose, type[Plain | Regular]] = dict.fromkeys(Purpose, Plain)
        self._texts: dict[Purpose, str] = dict.fromkeys(Purpose, "")

    def compose(self) -> ComposeResult:
        """Lay out the key, the text, and what is said about it."""
        yield self._label
        yield self._input
        yield self._note

    def ask(self, purpose: Purpose) -> None:
        """Let the text for `purpose` be typed, on from what it was."""
        self._purpose = purpose
        self._label.update(Content.styled(f" {purpose.value} ", "bold $accent"))
        with self._input.prevent(Input.Changed):
            self._input.value = self._texts[purpose]
        self._input.cursor_position = len(self._input.value)
        self.say("")
        self.display = True
        self._input.focus()

    def forget(self) -> None:
        """Forget what was typed."""
        self._texts = dict.fromkeys(Purpose, "")
        self.display = False

    def say(self, problem: str) -> None:
        """Say what is wrong with what is typed, or with an empty `problem` how it is read."""
        if problem:
            self._note.update(line(f" {problem} ", "bold $error"))
        else:
            kind = "expression" if self._kinds[self._purpose] is Regular else "text"
            self._note.update(
                Content.assemble(
                    " ", ("^R", "bold $accent"), (f" {kind}  ", "$muted"), ("Esc", "bold $accent"), " clear "
                )
            )

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._texts[self._purpose] = event.value
        self._tell()

    def _tell(self) -> None:
        text = self._texts[self._purpose]
        try:
            pattern = self._kinds[self._purpose](text) if text else None
        except PatternError as error:
            # What was found before stays, while one goes on typing.
            self.say(str(error))
            return
        self.say("")
        self.post_message(self.Typed(self._purpose, pattern))

    @on(Input.Submitted)
    def _done(self, event: Input.Submitted) -> None:
        event.stop()
        self.display = False
        self.post_message(self.Left(self._purpose))

    def action_switch_kind(self) -> None:
        """Read what is typed as a regular expression, or as plain text again."""
        self._kinds[self._purpose] = Plain if self._kinds[self._purpose] is Regular else Regular
        self._tell()

    def action_abandon(self) -> None:
        """Look for nothing."""
        self._texts[self._purpose] = ""
        self.display = False
        self.post_message(self.Typed(self._purpose, None))
        self.post_message(self.Left(self._purpose))
