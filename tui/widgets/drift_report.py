"""What differs between models, migrations and database, what was looked at, and what was not."""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.outside import line
from tui.widgets.modal import Modal

if TYPE_CHECKING:
    from stack.migrations.drift.drift import Drift


class DriftReport(Modal[None]):
    """Shows a `Drift`."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "leave", "Close")]

    def __init__(self, drift: "Drift") -> None:
        """Show `drift`."""
        super().__init__()
        self._drift = drift

    def compose(self) -> ComposeResult:
        """Lay out the differences first."""
        with Vertical(id="box"):
            yield Static(self._title(), id="title")
            with VerticalScroll(id="text"):
                yield from (Static(part) for part in self._parts())
            yield Static(Content.styled("↑↓ scroll   Esc close", "$muted"), id="keys")

    def _title(self) -> Content:
        count = len(self._drift.differences)
        if count:
            return Content.styled(f"{count} difference{'s' * (count > 1)}", "bold $error")
        if self._drift.looked_at:
            return Content.styled("No difference in what was looked at", "bold $success")
        return Content.styled("Nothing was looked at", "bold $warning")

    def _parts(self) -> Iterator[Content]:
        for each in self._drift.differences:
            yield Content.assemble(("✗ ", "bold $error"), line(each.sentence))
        for aspect in self._drift.looked_at:
            yield Content.assemble(("✓ ", "$success"), line(f"looked at {aspect}", "$muted"))
        for why, group in groupby(self._drift.not_looked_at, key=lambda each: each.why):
            yield line(f"Not looked at, because {why}:", "bold")
            yield from (Content.assemble(("? ", "$warning"), line(each.what)) for each in group)
