"""A new migration: what it does and what it is made from, then its text before it is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from stack.migrations.protocol import NewKind
from tui.outside import block, line
from tui.widgets.modal import Modal

if TYPE_CHECKING:
    from stack.migrations.new_revision import Draft

_KINDS: Final = {
    NewKind.AUTOGENERATE: ("ctrl+o", "^O", "from the difference between the models and the database"),
    NewKind.EMPTY: ("ctrl+e", "^E", "empty, to write by hand"),
    NewKind.MERGE: ("ctrl+g", "^G", "one that joins the heads of the history"),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new migration is made from, and its message."""

    kind: NewKind
    message: str


class NewMigration(Modal[Wish]):
    """Asks for a `Wish`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # The field for the message has other uses for these keys.
        Binding(key, f"draft('{kind}')", label, priority=True)
        for kind, (key, _, label) in _KINDS.items()
    ]

    def __init__(self, suggested: NewKind) -> None:
        """Suggest what it is made from."""
        super().__init__()
        self._suggested = suggested

    def compose(self) -> ComposeResult:
        """Lay out the message and the ways."""
        with Vertical(id="box"):
            yield Static(Content.styled("New migration", "bold"), id="title")
            yield Input(placeholder="What it does; its file is named after it", id="typed")
            for kind, (_, key, label) in _KINDS.items():
                shown = " ⏎" if kind is self._suggested else key
                yield Static(Content.assemble((shown, "bold $accent"), f"  {label}"))
            yield Static(_keys(("Esc", "Make none")), id="keys")

    def on_input_submitted(self) -> None:
        """Draft what is suggested."""
        self.action_draft(self._suggested)

    def action_draft(self, kind: str) -> None:
        """Draft a migration of this kind, where there is a message."""
        typed = self.query_one("#typed", Input)
        if typed.value.strip():
            self.close(Wish(NewKind(kind), typed.value.strip()))
        else:
            typed.add_class("-wrong")


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
