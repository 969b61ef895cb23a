"""The tree of tables: drawn line by line as far as it is seen, so that ten thousand tables are as quick as ten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from stack.amounts import size
from stack.text import clean_line
from tui.table_outline import Branch, Key, Outline

if TYPE_CHECKING:
    from stack.tables.catalogue import Table

SIGNS: Final = {"view": "◇", "materialised view": "◆", "foreign table": "⇄"}
"""What stands after the name of what is no table, by its kind."""

_ROOMY: Final = 32
"""Cells from which on sizes are shown beside rows."""


class TableTree(ScrollView, can_focus=True, inherit_bindings=False):
    """Schemas, tables and partitions. The cursor is the person's; moving it to a table tells of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("left", "close", show=False),
        Binding("right", "open", show=False),
        Binding("space", "fold", show=False),
        Binding("enter", "enter", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"tree--cursor", "tree--schema", "tree--muted"}

    @dataclass
    class Highlighted(Message):
        """The cursor was moved to a table."""

        table: "Table"

    class Left(Message):
        """The person goes on to the rows of the table under the cursor."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        """Make an empty tree."""
        super().__init__(id=id)
        self._outline = Outline()
        self._opened: set[Key] | None = None
        self._counts: Mapping[tuple[str, str], int] = {}
        self._sought = ""
        self._lines: list[Branch] = []
        self._cursor = 0

    # -- What is shown

    @property
    def selected(self) -> "Table | None":
        """The table under the cursor; None where that is a schema, or nothing."""
        branch = self._branch
        return branch.table if branch else None

    @property
    def _branch(self) -> Branch | None:
        return self._lines[self._cursor] if self._cursor < len(self._lines) else None

    def show(self, tables: "Sequence[Table]", counts: Mapping[tuple[str, str], int]) -> None:
        """Show `tables`, what is open left open; `counts` are the rows of those that were counted exactly."""
        self._counts = counts
        if tuple(tables) != self._outline.tables:
            self._outline = Outline(tables)
            if self._opened is None and tables:
                self._opened = self._outline.begins_open
            self._lay_out()
        self.refresh()

    def seek(self, text: str) -> None:
        """Show only tables whose name has `text` in it; all again where it is empty."""
        if text != self._sought:
            self._sought = text
            self._lay_out()
            if text:
                self._go(0)

    def select(self, identity: tuple[str, str]) -> None:
        """Put the cursor on a table, opening what it is in, and tell nobody."""
        self._opened = {*(self._opened or ()), *self._outline.above(identity)}
        self._lay_out(identity)

    def _lay_out(self, key: Key | None = None) -> None:
        """Make the lines anew, the cursor on the line of `key` or where it was."""
        wanted = key or (self._branch.key if self._branch else None)
        opened = self._opened or set()
        self._lines = self._outline.found(self._sought) if self._sought else self._outline.shown(opened)
        found = next((place for place, branch in enumerate(self._lines) if branch.key == wanted), None)
        if found is None and self._cursor == 0:
            # To begin with, a table and not its schema.
            found = next((place for place, branch in enumerate(self._lines) if branch.table), 0)
        self._cursor = min(self._cursor, max(0, len(self._lines) - 1)) if found is None else found
        self.virtual_size = Size(0, len(self._lines))
        self._reveal()
        self.refresh()

    # -- Moving

    def _go(self, place: int) -> None:
        place = max(0, min(place, len(self._lines) - 1))
        if place != self._cursor or self._sought:
            self._cursor = place
            self._reveal()
            self.refresh()
            if self.selected:
                self.post_message(self.Highlighted(self.selected))

    def _reveal(self) -> None:
        self.scroll_to_region(Region(0, self._cursor, 1, 1), animate=False, immediate=True, force=True)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._go(self._cursor + by)

    def action_fold(self) -> None:
        """Open what is closed, close what is open."""
        branch = self._branch
        if branch and branch.below and not self._sought:
            self._opened = (self._opened or set()) ^ {branch.key}
            self._lay_out()

    def action_open(self) -> None:
        """Open what is closed; from what is not, go on to the rows."""
        branch = self._branch
        if branch and branch.below and branch.key not in (self._opened or ()) and not self._sought:
            self.action_fold()
        elif branch and branch.table:
            self.post_message(self.Left())
        else:
            self.action_move(1)

    def action_close(self) -> None:
        """Close what is open; from what is not, go to what it is in."""
        branch = self._branch
        if branch is None or self._sought:
            return
        if branch.below and branch.key in (self._opened or ()):
            self.action_fold()
        elif branch.depth:
            above = self._outline.above(branch.key)[-1]
            self._go(next(place for place, each in enumerate(self._lines) if each.key == above))

    def action_enter(self) -> None:
        """Go on to the rows of a table; open or close a schema."""
        branch = self._branch
        if branch and branch.table:
            self.post_message(self.Left())
        else:
            self.action_fold()

    def on_click(self, event: events.Click) -> None:
        """Go to the line; open or close it where it is clicked on its sign, or is a schema."""
        place = event.y + self.scroll_offset.y
        if place < len(self._lines):
            branch = self._lines[place]
            self._go(place)
            if branch.table is None or event.x == 1 + 2 * branch.depth:
                self.action_fold()

    # -- Drawing

    def watch_has_focus(self, _value: bool) -> None:
        """Draw the cursor as it is with or without the keys."""
        super().watch_has_focus(_value)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the line at `y` of what is seen."""
        width, place = self.size.width, y + self.scroll_offset.y
        if place >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        branch = self._lines[place]
        style = self.rich_style
        if place == self._cursor:
            style += self.get_component_rich_style("tree--cursor", partial=True)
        muted = style + self.get_component_rich_style("tree--muted", partial=True)
        name_style = style + self.get_component_rich_style("tree--schema", partial=True) if not branch.table else style
        right = self._amounts(branch, width)
        left = " " + "  " * branch.depth + self._sign(branch)
        kind = f" {SIGNS[branch.table.kind.value]}" if branch.table and branch.table.kind.value in SIGNS else ""
        room = max(1, width - cell_len(left) - cell_len(kind) - cell_len(right) - 2)
        name = clean_line(branch.name)
        shown = name if cell_len(name) <= room else f"{set_cell_size(name, room - 1)}…"
        gap = " " * max(0, width - cell_len(left) - cell_len(shown) - cell_len(kind) - cell_len(right) - 1)
        return Strip(
            [
                Segment(left, muted),
                Segment(shown, name_style),
                Segment(kind, muted),
                Segment(f"{gap}{right} ", muted),
            ]
        ).crop_extend(0, width, style)

    def _sign(self, branch: Branch) -> str:
        if not branch.below:
            return "  " if self._outline.nested else ""
        return "▾ " if branch.key in (self._opened or ()) else "▸ "

    def _amounts(self, branch: Branch, width: int) -> str:
        if branch.table is None:
            return f"{branch.below:,}"
        exact = self._counts.get(branch.table.identity)
        rows = about(branch.table.estimated_rows) if exact is None else f"{exact:,}"
        stored = "" if branch.table.bytes is None else size(branch.table.bytes)
        return f"{rows}{stored:>9}" if width >= _ROOMY else rows


def about(rows: int | None) -> str:
    """Return an estimated number of rows, short; nothing where there is no estimate."""
    if rows is None:
        return ""
    for amount, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if rows >= 10 * amount:
            return f"~{rows / amount:.0f}{unit}"
        if rows >= amount > 10**3:
            return f"~{rows / amount:.1f}{unit}"
    return f"~{rows}"
