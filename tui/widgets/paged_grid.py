"""A grid that holds one page of something longer: its edges are doors to the next page and the previous one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.widgets.grid import Grid, GridRow

WIDEST: Final = 40
"""Cells that a column takes at most."""

WINDOW: Final = 48
"""Columns that are laid out at once: more than fit a screen, and few enough to be laid out between two keys."""


class PagedGrid(Grid, inherit_bindings=False):
    """A grid without paging keys of its own, which are the screen's here.

    A column is as wide as its widest cell on any page so far, so that paging does not make columns jump. Of many
    columns a window is laid out, which moves along with the cursor.
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

    @dataclass
    class Resized(Message):
        """Another number of rows may fit `grid` now."""

        grid: "PagedGrid"

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        """Make an empty grid, whose cursor is a cell."""
        super().__init__(cursor="cell", id=id)
        self._widths: dict[str, int] = {}
        self._all_titles: tuple[Text, ...] = ()
        self._all_rows: tuple[GridRow, ...] = ()
        self._widest = WIDEST
        self._first = 0
        """The first column that is laid out."""

    @property
    def place(self) -> tuple[int, int] | None:
        """The row and the column under the cursor; None where there are no rows or no columns."""
        if not self.row_count or not self.columns:
            return None
        return self.cursor_row, self._first + self.cursor_column

    @property
    def window(self) -> range:
        """The columns that are laid out."""
        return range(self._first, min(self._first + WINDOW, len(self._all_titles)))

    def on_resize(self) -> None:
        """Tell whoever gives it pages."""
        self.post_message(self.Resized(self))

    def start_over(self) -> None:
        """Forget how wide columns were: another table comes."""
        self._widths.clear()

    def turn(self, titles: Sequence[Text], rows: Sequence[GridRow], *, widest: int = WIDEST) -> None:
        """Show a page, its columns at most `widest` cells wide, the cursor where it was as far as there are rows."""
        self._widest = widest
        column = self._first + self.cursor_column
        self._all_titles, self._all_rows = tuple(titles), tuple(rows)
        self._first = min(self._first, _last_first(len(titles)))
        self._lay_out(self.cursor_row, column)

    def go_to(self, row: int, column: int | None = None) -> None:
        """Put the cursor on a row, and on a column or the one where it is."""
        column = self._first + self.cursor_column if column is None else column
        if column not in self.window:
            self._first = max(0, min(column - WINDOW // 2, _last_first(len(self._all_titles))))
        self._lay_out(row, column)

    def _lay_out(self, row: int, column: int) -> None:
        """Lay the window's columns out, unless they are already, with the cursor on `row` and `column`."""
        begin, end = self.window.start, self.window.stop
        titles = self._all_titles[begin:end]
        rows = [GridRow(each.key, each.cells[begin:end]) for each in self._all_rows]
        if titles != self._titles or [_drawn(each) for each in rows] != [_drawn(each) for each in self._shown]:
            widths = [self._width(begin + index, title, rows, index) for index, title in enumerate(titles)]
            self.clear(columns=True)
            for title, width in zip(titles, widths, strict=True):
                self.add_column(title, width=width)
            self.take(titles, rows)
        self.move_cursor(
            row=min(row, max(0, len(rows) - 1)),
            column=max(0, min(column - begin, len(titles) - 1)),
            animate=False,
        )

    def _width(self, number: int, title: Text, rows: Sequence[GridRow], index: int) -> int:
        """Return the width of the column `number` of all, which is `index` in `rows`."""
        widest = max((cell_len(row.cells[index].plain) for row in rows), default=0)
        name = f"{number} {title.plain}"
        self._widths[name] = max(self._widths.get(name, 1), cell_len(title.plain), min(self._widest, widest))
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
        if self.cursor_column > 0:
            super().action_cursor_left()
        elif self._first > 0:
            self.go_to(self.cursor_row, self._first - 1)
        else:
            self.post_message(self.Left(self, 0, -1))

    def action_cursor_right(self) -> None:
        """Move right, or out to the right."""
        if self.cursor_column < len(self.columns) - 1:
            super().action_cursor_right()
        elif self.window.stop < len(self._all_titles):
            self.go_to(self.cursor_row, self.window.stop)
        else:
            self.post_message(self.Left(self, 0, 1))


def _last_first(columns: int) -> int:
    """Return where the last window of so many `columns` begins."""
    return max(0, columns - WINDOW)


def _drawn(row: GridRow) -> list[tuple[str, str]]:
    return [(cell.plain, str(cell.style)) for cell in row.cells]
