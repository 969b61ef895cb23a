"""A grid that holds one page of something longer: its edges are doors to the next page and the previous one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets.data_table import CursorType

from tui.widgets.grid import Grid, GridRow

WIDEST: Final = 40
"""Cells that a column takes at most."""


class PagedGrid(Grid, inherit_bindings=False):
    """A grid without paging keys of its own, which are the screen's here.

    A column is as wide as its widest cell on any page so far, so that paging does not make columns jump.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor_up", show=False),
        Binding("down", "cursor_down", show=False),
        Binding("left", "cursor_left", show=False),
        Binding("right", "cursor_right", show=False),
        Binding("enter", "select_cursor", show=False),
    ]

    @dataclass
    class Left(Message):
        """The cursor was moved past an edge of `grid`, which way `rows` and `columns` say with -1, 0 or 1."""

        grid: "PagedGrid"
        rows: int
        columns: int

    def __init__(self, *, cursor: CursorType, id: str) -> None:  # noqa: A002 - Textual's name
        """Make an empty grid."""
        super().__init__(cursor=cursor, id=id)
        self._widths: dict[str, int] = {}

    def start_over(self) -> None:
        """Forget how wide columns were: another table comes."""
        self._widths.clear()

    def turn(self, titles: Sequence[Text], rows: Sequence[GridRow]) -> None:
        """Show a page, the cursor where it was as far as there are rows and columns."""
        if tuple(titles) == self._titles and [_drawn(row) for row in rows] == [_drawn(row) for row in self._shown]:
            return
        row, column = self.cursor_coordinate
        widths = [self._width(index, title, rows) for index, title in enumerate(titles)]
        self.clear(columns=True)
        for title, width in zip(titles, widths, strict=True):
            self.add_column(title, width=width)
        self.take(titles, rows)
        self.move_cursor(
            row=min(row, max(0, len(rows) - 1)), column=min(column, max(0, len(titles) - 1)), animate=False
        )

    def _width(self, index: int, title: Text, rows: Sequence[GridRow]) -> int:
        widest = max((cell_len(row.cells[index].plain) for row in rows), default=0)
        name = f"{index} {title.plain}"
        self._widths[name] = max(self._widths.get(name, 1), cell_len(title.plain), min(WIDEST, widest))
        return self._widths[name]

    def action_cursor_down(self) -> None:
        """Move down, or out below."""
        if self.cursor_row >= self.row_count - 1:
            self.post_message(self.Left(self, 1, 0))
        else:
            super().action_cursor_down()

    def action_cursor_up(self) -> None:
        """Move up, or out above."""
        if self.cursor_row <= 0:
            self.post_message(self.Left(self, -1, 0))
        else:
            super().action_cursor_up()

    def action_cursor_left(self) -> None:
        """Move left, or out to the left."""
        if self.cursor_type == "row" or self.cursor_column <= 0:
            self.post_message(self.Left(self, 0, -1))
        else:
            super().action_cursor_left()

    def action_cursor_right(self) -> None:
        """Move right, or out to the right."""
        if self.cursor_type == "row" or self.cursor_column >= len(self.columns) - 1:
            self.post_message(self.Left(self, 0, 1))
        else:
            super().action_cursor_right()


def _drawn(row: GridRow) -> list[tuple[str, str]]:
    return [(cell.plain, str(cell.style)) for cell in row.cells]
