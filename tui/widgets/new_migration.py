"""A new migration: what it does and what it is made from, then its text before it is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, RadioButton, RadioSet, Static

from stack.migrations.protocol import NewKind
from tui.outside import block, line
from tui.widgets.modal import Modal

if TYPE_CHECKING:
    from stack.migrations.new_revision import Draft

_KINDS: Final = {
    NewKind.AUTOGENERATE: "From the difference between the models and the database",
    NewKind.EMPTY: "Empty, to write by hand",
    NewKind.MERGE: "Join the heads of the history",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new migration is made from, and its message."""

    kind: NewKind
    message: str


class NewMigration(Modal[Wish]):
    """Asks for a `Wish`."""

    def __init__(self, suggested: NewKind) -> None:
        """Suggest what it is made from."""
        super().__init__()
        self._suggested = suggested

    def compose(self) -> ComposeResult:
        """Lay out the message and the choice."""
        with Vertical(id="box"):
            yield Static(Content.styled("New migration", "bold"), id="title")
            yield Input(placeholder="What it does; its file is named after it", id="typed")
            with RadioSet(compact=True):
                for kind, label in _KINDS.items():
                    yield RadioButton(label, value=kind is self._suggested, id=kind.value)
            yield Static(_keys(("⏎", "Draft it"), ("Tab", "Choose"), ("Esc", "Do not")), id="keys")

    @on(Input.Submitted)
    def _draft(self, event: Input.Submitted) -> None:
        message = event.value.strip()
        pressed = self.query_one(RadioSet).pressed_button
        if not message or pressed is None or pressed.id is None:
            event.input.add_class("-wrong")
            return
        self.close(Wish(NewKind(pressed.id), message))


class DraftPreview(Modal[bool]):
    """Shows `drafts` and what autogenerate does not see; True writes them."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "write", "Write")]

    def __init__(self, drafts: "Sequence[Draft]", unseen: Sequence[str], root: Path) -> None:
        """Show `drafts`, whose paths are told from `root`."""
        super().__init__()
        self._drafts = tuple(drafts)
        self._unseen = tuple(unseen)
        self._root = root

    def compose(self) -> ComposeResult:
        """Lay out each draft's text."""
        with Vertical(id="box"):
            for draft in self._drafts:
                inside = draft.path.is_relative_to(self._root)
                yield Static(line(str(draft.path.relative_to(self._root) if inside else draft.path), "bold"))
            with VerticalScroll(id="text"):
                for draft in self._drafts:
                    yield Static(block(draft.text.rstrip()))
                if self._unseen:
                    yield Static(line("Autogenerate does not see:", "bold"))
                    yield Static(block("\n".join(f"· {each}" for each in self._unseen)))
            yield Static(_keys(("⏎", "Write it"), ("↑↓", "Scroll"), ("Esc", "Do not")), id="keys")

    def action_write(self) -> None:
        """Take it as it is."""
        self.close(True)


def _keys(*keys: tuple[str, str]) -> Content:
    return Content("   ").join([Content.assemble((key, "bold $accent"), f" {title}") for key, title in keys])
