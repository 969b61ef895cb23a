"""What every modal of the deck is: a framed box that Esc closes, and that closes only while it is on top."""

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Modal(ModalScreen[Answer | None]):
    """A question or an explanation over a screen; closing it without an answer gives None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", "Close")]

    def action_leave(self) -> None:
        """Close without an answer."""
        self.close(None)

    def close(self, answer: Answer | None) -> None:
        """Close with `answer`, unless it is being closed already or another screen lies over it."""
        if self.is_current:
            self.dismiss(answer)
