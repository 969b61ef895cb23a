"""The rows of one table: a page of them in a grid, what the cursor is on, and what is said about them at the edges."""

from functools import partial
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.containers import Vertical

from stack.tables.query import PageQuery
from tui.actions import Fact
from tui.table_cells import title_cell, value_cell
from tui.table_questions import Shown
from tui.widgets.filter_bar import FilterBar
from tui.widgets.grid import Drawn, GridRow
from tui.widgets.paged_grid import PagedGrid

if TYPE_CHECKING:
    from rich.text import Text

    from stack.tables.description import Column, ForeignKey
    from stack.tables.pages import Page
    from stack.tables.sorting import Sort

LEAST_ROWS: Final = 5

_FRAME: Final = 10
"""Cells of the upper edge that no title takes."""


class RowsPanel(Vertical):
    """Shows one page; above it stand the filters, on its edges what it is, how many rows there are, what it took."""

    def __init__(self, bar: FilterBar) -> None:
        """Show nothing yet; `bar` has the filters."""
        super().__init__(id="rows-panel", classes="panel")
        self.grid = PagedGrid(id="rows")
        self.page: Page | None = None
        """The page that is shown, as long as something can be asked about it."""
        self._bar = bar
        self._counted: int | None = None

    def compose(self) -> ComposeResult:
        """Lay out the filters over the rows."""
        yield self._bar
        yield self.grid

    @property
    def fitting(self) -> int:
        """How many rows fit: the grid without its head and its horizontal scroll bar."""
        return max(LEAST_ROWS, self.grid.size.height - 2)

    @property
    def title_room(self) -> int:
        """How many cells there are for a title."""
        return self.size.width - _FRAME

    # -- What is shown

    def show(self, shown: Shown, query: PageQuery, counted: int | None, muted: str) -> None:
        """Show a page of `query`, of which somebody may have `counted` the rows; `muted` is a colour."""
        page = self.page = shown.page

        def head(place: int) -> "Text":
            return title_cell(page.columns[place], _arrow(page.columns[place], query.sort))

        def draw(index: int, place: int) -> "Text":
            return value_cell(page.rows[index][place], page.columns[place], muted, shown.labels.get((index, place)))

        rows = [GridRow(str(index), Drawn(len(page.columns), partial(draw, index))) for index in range(len(page.rows))]
        self.grid.turn(Drawn(len(page.columns), head), rows)
        self.say_count(counted)

    def clear(self, title: str) -> None:
        """Show no rows, and `title` in their place."""
        self.page = None
        self.grid.turn((), ())
        self.border_title = title

    def say_count(self, counted: int | None) -> None:
        """Say how many rows there are: as `counted`, or else as estimated."""
        self._counted = counted
        if self.page:
            self.border_subtitle = self._caption(self.page)

    def say_window(self) -> None:
        """Say which columns are seen, where these are not all."""
        if self.page and len(self.grid.window) < len(self.page.columns):
            self.border_subtitle = self._caption(self.page)

    def _caption(self, page: "Page") -> str:
        rows = f"{self._counted:,} rows when counted" if self._counted is not None else _estimate(page)
        window = self.grid.window
        some = len(window) < len(page.columns)
        columns = f"columns {window.start + 1:,}–{window.stop:,} of {len(page.columns):,}, " if some else ""
        return f"{columns}{rows}, {page.ordering.value}, {page.seconds * 1000:.1f} ms"

    @property
    def facts(self) -> Fact:
        """What can be asked about the page: which way there are more rows, and what the cursor is on."""
        page = self.page
        if page is None:
            return Fact.NONE
        facts = Fact.BEFORE if page.previous else Fact.NONE
        facts |= Fact.AFTER if page.next else Fact.NONE
        facts |= Fact.ROW if page.rows else Fact.NONE
        facts |= Fact.REFERENCE if self.reference else Fact.NONE
        facts |= Fact.KEYED if page.key else Fact.NONE
        return facts

    # -- What the cursor is on

    @property
    def place(self) -> tuple[int, int] | None:
        """The row and the column of the cell under the cursor, where it is one of the page."""
        place = self.grid.place
        return place if place and self.page and place[0] < len(self.page.rows) else None

    @property
    def column(self) -> "Column | None":
        """The column under the cursor; the first that is seen where there are no rows to have a cursor on."""
        if self.page is None or not self.page.columns:
            return None
        place = self.grid.place
        return self.page.columns[min(place[1] if place else self.grid.window.start, len(self.page.columns) - 1)]

    @property
    def reference(self) -> "ForeignKey | None":
        """The foreign key that the cell under the cursor is part of, where it refers to a row."""
        page, place = self.page, self.place
        if page is None or place is None or place[1] >= len(page.columns):
            return None
        key = page.columns[place[1]].references
        names = [each.name for each in page.columns]
        if key is None or not set(key.columns) <= set(names):
            return None
        return key if all(page.rows[place[0]][names.index(name)] is not None for name in key.columns) else None


def _arrow(column: "Column", sort: "tuple[Sort, ...]") -> str:
    from stack.tables.sorting import Direction

    directions = {each.column.text: each.direction for each in sort}
    return {None: "", Direction.ASCENDING: " ↑", Direction.DESCENDING: " ↓"}[directions.get(column.name)]


def _estimate(page: "Page") -> str:
    return f"about {page.estimated_rows:,} rows (an estimate)" if page.estimated_rows is not None else "rows uncounted"
