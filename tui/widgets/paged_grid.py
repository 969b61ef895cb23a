"""A grid that holds one page of something longer: its edges are doors to the next page and the previous one.

It draws itself, line by line and only what is seen. A `DataTable` renders each cell as a text of its own, which takes
four times as long as a page of a table may take to be on the screen.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import attrgetter
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size, Spacing
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.widgets.grid import GridRow

WIDEST: Final = 40
"""Cells that a column takes at most."""

FEW: Final = 24
"""Columns that are all laid out at once. Of more than these a window is, just wider than the grid."""

_BETWEEN: Final = 2
"""Cells between two columns."""

_HEAD: Final = 1
"""Lines above the rows."""


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that is laid out: `left` is the cell at which it begins, with the space before it."""

    title: Text
    left: int
    width: int


@dataclass(frozen=True, slots=True)
class _Styles:
    """What the theme in use makes of the grid, looked up once: it takes as long as drawing a line."""

    rows: Style
    cursor: Style
    head: Style
    head_cursor: Style


class PagedGrid(ScrollView, can_focus=True, inherit_bindings=False):
    """A page of rows under a cursor that is a cell; the keys that turn pages are the screen's.

    A column is as wide as its widest cell on any page so far, so that paging does not make columns jump. Of many
    columns a window is laid out, which moves along with the cursor.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move_cursor(-1, 0)", show=False),
        Binding("down", "move_cursor(1, 0)", show=False),
        Binding("left", "move_cursor(0, -1)", show=False),
        Binding("right", "move_cursor(0, 1)", show=False),
        Binding("enter", "select_cursor", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--head", "grid--head-cursor", "grid--cursor"}

    @dataclass
    class Left(Message):
        """The cursor was moved past an edge of `grid`, which way `rows` and `columns` say with -1, 0 or 1."""

        grid: "PagedGrid"
        rows: int
        columns: int

    class CellHighlighted(Message):
        """The cursor is on another cell, or the cell is another one."""

    class CellSelected(Message):
        """The person wants more of the cell under the cursor."""

    @dataclass
    class Resized(Message):
        """Another number of rows may fit `grid` now."""

        grid: "PagedGrid"

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        """Make an empty grid."""
        super().__init__(id=id)
        self._widths: dict[str, int] = {}
        self._widest = WIDEST
        self._titles: Sequence[Text] = ()
        self._rows: tuple[GridRow, ...] = ()
        self._first = 0
        """The first column that is laid out."""
        self._columns: list[_Column] = []
        self._cells: list[Sequence[Text]] = []
        """The cells of the columns that are laid out, by row."""
        self._cursor = (0, 0)
        """The row, and the column of all."""
        self._drawn: dict[int, Strip] = {}
        self._styles: _Styles | None = None

    @property
    def row_count(self) -> int:
        """How many rows the page has."""
        return len(self._rows)

    @property
    def place(self) -> tuple[int, int] | None:
        """The row and the column under the cursor; None where there are no rows or no columns."""
        return self._cursor if self._rows and self._columns else None

    @property
    def window(self) -> range:
        """The columns that are laid out."""
        return range(self._first, self._first + len(self._columns))

    def cell_at(self, row: int, column: int) -> Text:
        """Return what is drawn in a cell."""
        return self._rows[row].cells[column]

    # -- What is shown

    def start_over(self) -> None:
        """Forget how wide columns were: another table comes."""
        self._widths.clear()

    def turn(self, titles: Sequence[Text], rows: Sequence[GridRow], *, widest: int = WIDEST) -> None:
        """Show a page, its columns at most `widest` cells wide, the cursor where it was as far as there are rows."""
        self._widest = widest
        self._titles, self._rows = titles, tuple(rows)
        self._first = 0 if len(titles) <= FEW else min(self._first, len(titles) - 1)
        self._lay_out(*self._cursor)

    def go_to(self, row: int, column: int | None = None) -> None:
        """Put the cursor on a row, and on a column or the one where it is."""
        column = self._cursor[1] if column is None else column
        if column in self.window:
            self._put(row, column)
        else:
            self._first = max(0, min(column, len(self._titles) - 1) - len(self.window) // 2)
            self._lay_out(row, column)

    def _lay_out(self, row: int, column: int) -> None:
        """Lay the window's columns out, with the cursor on `row` and `column`."""
        begin, end = self._first, self._first + FEW
        titles = self._titles[begin:end]
        self._cells = [each.cells[begin:end] for each in self._rows]
        widths = [self._width(begin + index, title, index) for index, title in enumerate(titles)]
        if len(self._titles) > FEW:
            widths = widths[: self._fitting(widths)]
        lefts = accumulate((width + _BETWEEN for width in widths), initial=0)
        self._columns = [_Column(title, left, width) for title, left, width in zip(titles, lefts, widths, strict=False)]
        self._drawn.clear()
        self.virtual_size = Size(sum(widths) + _BETWEEN * len(widths), _HEAD + len(self._rows))
        self._put(row, column)
        self.refresh()

    def _fitting(self, widths: Sequence[int]) -> int:
        """Return how many columns, the first of which have `widths`, it takes to fill the grid and one more."""
        used = list(accumulate(width + _BETWEEN for width in widths))
        return min(bisect_left(used, self.size.width) + 2, len(widths))

    def _width(self, number: int, title: Text, index: int) -> int:
        """Return the width of the column `number` of all, which is `index` in what is laid out."""
        widest = max((cell_len(cells[index].plain) for cells in self._cells), default=0)
        name = f"{number} {title.plain}"
        self._widths[name] = max(self._widths.get(name, 1), cell_len(title.plain), min(self._widest, widest))
        return self._widths[name]

    # -- Moving

    def _put(self, row: int, column: int) -> None:
        """Put the cursor on a row and a column, as far as they are there."""
        last = max(self._first, self._first + len(self._columns) - 1)
        self._cursor = max(0, min(row, len(self._rows) - 1)), max(self._first, min(column, last))
        if self._columns:
            at = self._columns[self._cursor[1] - self._first]
            seen = Region(at.left, _HEAD + self._cursor[0], min(at.width + _BETWEEN, self.size.width), 1)
            self.scroll_to_region(seen, spacing=Spacing(top=_HEAD), animate=False, immediate=True, force=True)
        self.refresh()
        self.post_message(self.CellHighlighted())

    def action_move_cursor(self, rows: int, columns: int) -> None:
        """Move the cursor, or out of the grid where it ends."""
        row, column = self._cursor[0] + rows, self._cursor[1] + columns
        if not (0 <= row < max(1, len(self._rows)) and 0 <= column < max(1, len(self._titles))):
            self.post_message(self.Left(self, rows, columns))
        elif column in self.window:
            self._put(row, column)
        else:
            self._first = column
            self._lay_out(row, column)

    def action_select_cursor(self) -> None:
        """Ask for more of the cell under the cursor."""
        if self.place:
            self.post_message(self.CellSelected())

    def on_click(self, event: events.Click) -> None:
        """Go to a cell; on the one where the cursor is, ask for more of it."""
        row, x = event.y - _HEAD + self.scroll_offset.y, event.x + self.scroll_offset.x
        found = next((at for at, each in enumerate(self._columns) if x < each.left + each.width + _BETWEEN), None)
        if event.y < _HEAD or row >= len(self._rows) or found is None:
            return
        if (row, self._first + found) == self._cursor:
            self.action_select_cursor()
        else:
            self._put(row, self._first + found)

    def on_resize(self) -> None:
        """Lay out as many columns as fit, and tell whoever gives it pages."""
        if len(self._titles) > FEW:
            self._lay_out(*self._cursor)
        self.post_message(self.Resized(self))

    # -- Drawing

    def notify_style_update(self) -> None:
        """Draw everything anew: the theme is another one, or the keys are elsewhere."""
        super().notify_style_update()
        self._drawn.clear()
        self._styles = None

    @property
    def _looks(self) -> _Styles:
        if self._styles is None:
            rows = self.rich_style
            head, head_cursor, cursor = (
                self.get_component_rich_style(f"grid--{part}", partial=True)
                for part in ("head", "head-cursor", "cursor")
            )
            self._styles = _Styles(rows, rows + cursor, rows + head, rows + head + head_cursor)
        return self._styles

    def render_line(self, y: int) -> Strip:
        """Draw the line at `y` of what is seen."""
        width, left = self.size.width, self.scroll_offset.x
        row = y - _HEAD + self.scroll_offset.y
        if y < _HEAD:
            strip = _strip(self._head())
        elif row >= len(self._rows) or not self._columns:
            return Strip.blank(width, self._looks.rows)
        elif row == self._cursor[0]:
            strip = _strip(self._line(row))
        else:
            strip = self._drawn.get(row) or self._drawn.setdefault(row, _strip(self._line(row)))
        return strip.crop_extend(left, left + width, self._looks.rows)

    def _head(self) -> Iterator[Segment]:
        looks = self._looks
        for number, column in enumerate(self._columns, self._first):
            style = looks.head_cursor if number == self._cursor[1] else looks.head
            yield from self._cell(column.title, column.width, style)

    def _line(self, row: int) -> Iterator[Segment]:
        looks = self._looks
        for index, column in enumerate(self._columns):
            style = looks.cursor if (row, self._first + index) == self._cursor else looks.rows
            yield from self._cell(self._cells[row][index], column.width, style)

    def _cell(self, text: Text, width: int, style: Style) -> Iterator[Segment]:
        """Yield `text` in a column, cut where that is too narrow; a style that it has itself counts over `style`."""
        if cell_len(text.plain) > width:
            text = text.copy()
            text.truncate(width, overflow="ellipsis")
        own = style + self._style(text.style) if text.style else style
        pad = " " * (width - cell_len(text.plain))
        yield Segment(f" {pad}" if text.justify == "right" else " ", style)
        edges = sorted({edge for span in text.spans for edge in (span.start, span.end)})
        for part in text.divide(edges) if edges else [text]:
            yield Segment(part.plain, own + self._style(part.spans[-1].style) if part.spans else own)
        yield Segment(" " if text.justify == "right" else f"{pad} ", style)

    def _style(self, style: str | Style) -> Style:
        return self.app.console.get_style(style) if isinstance(style, str) else style


def _strip(segments: Iterable[Segment]) -> Strip:
    """Return a line of as few segments as its styles need: each costs again wherever lines are cut and filtered."""
    runs = groupby(segments, key=attrgetter("style"))
    return Strip([Segment("".join(each.text for each in run), style) for style, run in runs])
