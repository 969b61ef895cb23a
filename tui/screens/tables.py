"""Tables: the tables on the left, the rows of one on the right, a page at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from stack.findings import Progress
from tui.actions import Fact, Place, bindings
from tui.copying import Copies, Spot
from tui.exporting import Exports
from tui.outside import cell, line
from tui.screens.base import DeckScreen
from tui.vitals import Tone
from tui.widgets.confirm import Question
from tui.widgets.grid import GridRow
from tui.widgets.paged_grid import PagedGrid

if TYPE_CHECKING:
    from stack.tables.catalogue import Table
    from stack.tables.description import Column
    from stack.tables.pages import Page, Position
    from stack.tables.sorting import Sort
    from stack.workspace import Workspace

SAMPLE_BOOKINGS: Final = 1000
RANDOM_SEED: Final = 1
LEAST_ROWS: Final = 5
LONGEST: Final = 500
"""Characters of a cell that are read: no cell of the grid shows more."""


@dataclass(frozen=True, slots=True)
class _Order:
    column: str
    descending: bool


@dataclass(frozen=True, slots=True)
class _View:
    """What is asked for: a table, an order, a place in it. `position` None is the first page."""

    table: "Table"
    order: _Order | None = None
    position: "Position | None" = None


class TablesScreen(DeckScreen):
    """Pick a table, page through its rows."""

    place = Place.TABLES
    words = (
        "Left: every table with about how many rows it has, the booking tables first. Right: the rows of the selected "
        "one, as Postgres writes them; NULL and the empty text are marked, numbers stand to the right. A page is what "
        "fits the screen, and the last page of a large table comes as quickly as the first. Nothing here changes data. "
        "Arrows move, Tab and → go to the rows, ← goes back to the tables."
    )
    CSS_PATH = "../styles/tables.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.TABLES)]

    def __init__(self) -> None:
        """Prepare the screen."""
        super().__init__()
        self.list = PagedGrid(cursor="row", id="list")
        self.rows_panel = Vertical(id="rows-panel", classes="panel")
        self.rows = PagedGrid(cursor="cell", id="rows")
        self._tables: tuple[Table, ...] = ()
        self._view: _View | None = None
        self._page: Page | None = None
        self._landing: Callable[[], None] | None = None
        self._exports = Exports(self)
        self._copies = Copies(self)
        self._listing = self.request("tables", self._show_tables)
        self._paging = self.request("page", self._show_page)

    def compose_body(self) -> ComposeResult:
        """Lay out the tables beside the rows."""
        with Horizontal():
            with Vertical(id="list-panel", classes="panel") as panel:
                panel.border_title = "Tables"
                yield self.list
            with self.rows_panel:
                yield self.rows

    def load(self, workspace: "Workspace") -> None:
        """List the tables again, and read the page again that is shown."""
        self._listing.poll(partial(_tables, workspace))
        if self._view:
            self._paging.poll(partial(_page, workspace, self._view, self._fitting))

    def facts(self) -> Fact:
        """State whether a table is open, and which way there are more rows."""
        facts = Fact.SELECTED if self._page and self._page.columns else Fact.NONE
        if self._page and self._page.previous:
            facts |= Fact.BEFORE
        if self._page and self._page.next:
            facts |= Fact.AFTER
        return facts

    @property
    def _fitting(self) -> int:
        """How many rows fit: the grid without its head and its horizontal scroll bar."""
        return max(LEAST_ROWS, self.rows.size.height - 2)

    # -- The tables

    def _show_tables(self, tables: "tuple[Table, ...]") -> None:
        self._tables = tables
        muted = self.colour(Tone.UNKNOWN)
        rows = [
            GridRow(table.path, (cell(table.path), cell(_about(table.estimated_rows), muted, right=True)))
            for table in tables
        ]
        self.list.replace((Text("Table"), Text("~Rows", justify="right")), rows)
        if not tables:
            self._view = self._page = None
            self.rows.turn((), ())
            self.rows_panel.border_title = "No tables yet: apply the migrations (5)"
        elif self._view is None:
            self._open_selected()

    @on(PagedGrid.RowHighlighted, "#list")
    def _open_selected(self) -> None:
        table = next((table for table in self._tables if table.path == self.list.selected_key), None)
        if table and (self._view is None or self._view.table.path != table.path):
            self.rows.start_over()
            self._go(_View(table))

    @on(PagedGrid.RowSelected, "#list")
    def _enter_rows(self) -> None:
        self.rows.focus()

    @on(PagedGrid.Left)
    def _cross(self, event: PagedGrid.Left) -> None:
        """Go from the tables to the rows and back, and from page to page, at the edges of the grids."""
        if event.grid is self.list and event.columns > 0:
            self.rows.focus()
        elif event.grid is self.rows and event.columns < 0:
            self.list.focus()
        elif event.grid is self.rows and event.rows > 0 and self._page and self._page.next:
            self.action_next_page()
        elif event.grid is self.rows and event.rows < 0 and self._page and self._page.previous:
            self.action_previous_page()

    # -- The rows

    def _go(self, view: _View, landing: Callable[[], None] | None = None) -> None:
        """Ask for `view`; whatever was asked before is not wanted any more. `landing` is done once it is shown."""
        workspace = self.deck.workspace
        if workspace is not None:
            self._view, self._landing = view, landing
            self._paging.ask(partial(_page, workspace, view, self._fitting))

    def _show_page(self, page: "Page") -> None:
        self._page = page
        order = self._view.order if self._view else None
        titles = [_title(column, order) for column in page.columns]
        muted = self.colour(Tone.UNKNOWN)
        rows = [
            GridRow(
                str(index),
                tuple(_value(value, column, muted) for value, column in zip(row, page.columns, strict=True)),
            )
            for index, row in enumerate(page.rows)
        ]
        self.rows.turn(titles, rows)
        if self._view:
            zone = f" · times in {page.time_zone}" if page.time_zone else ""
            self.rows_panel.border_title = line(f"{self._view.table.path}{zone}")
        self.rows_panel.border_subtitle = _caption(page)
        if self._landing:
            self._landing()
            self._landing = None

    def on_resize(self) -> None:
        """Read as many rows as fit now."""
        self.call_after_refresh(self.look)

    # -- Actions

    def action_next_page(self) -> None:
        """Go one page on."""
        from stack.tables.pages import After

        if self._view and self._page and self._page.next and not self._paging.pending:
            self._go(replace(self._view, position=After(self._page.next)), partial(self._land, 0))

    def action_previous_page(self) -> None:
        """Go one page back."""
        from stack.tables.pages import Before

        if self._view and self._page and self._page.previous and not self._paging.pending:
            self._go(replace(self._view, position=Before(self._page.previous)), partial(self._land, -1))

    def action_first_page(self) -> None:
        """Go to the first rows."""
        if self._view:
            self._go(replace(self._view, position=None), partial(self._land, 0))

    def action_last_page(self) -> None:
        """Go to the last rows."""
        from stack.tables.pages import Edge

        if self._view:
            self._go(replace(self._view, position=Edge.LAST), partial(self._land, -1))

    def _land(self, row: int) -> None:
        self.rows.move_cursor(row=row if row >= 0 else max(0, self.rows.row_count - 1), animate=False)

    def action_sort(self) -> None:
        """Sort by the column under the cursor: upwards, downwards, then by the key again."""
        if not self._view or not self._page or not self._page.columns:
            return
        name = self._page.columns[min(self.rows.cursor_column, len(self._page.columns) - 1)].name
        match self._view.order:
            case _Order(column, False) if column == name:
                order: _Order | None = _Order(name, descending=True)
            case _Order(column, True) if column == name:
                order = None
            case _:
                order = _Order(name, descending=False)
        self._go(replace(self._view, order=order, position=None))

    def action_copy(self) -> None:
        """Copy a cell, a row or the page."""
        if self._view and self._page and self._page.rows and self._page.columns:
            row, column = self.rows.cursor_coordinate
            self._copies.copy(Spot(self._view.table, self._page, row, column))

    def action_export(self) -> None:
        """Write the rows to a file, all of them and not only the page."""
        if self._view:
            self._exports.export(self._view.table, (), _sort(self._view))

    def action_seed(self) -> None:
        """Make sample bookings, after asking."""
        workspace = self.deck.workspace
        if workspace is None:
            return

        async def work(progress: Progress) -> None:
            await workspace.seed(SAMPLE_BOOKINGS, RANDOM_SEED, progress)

        question = Question(
            f"Add {SAMPLE_BOOKINGS:,} sample bookings?",
            "Believable customers, resources and bookings are added to the booking tables of this database.",
            f"stackdeck seed --bookings {SAMPLE_BOOKINGS}",
        )
        self.confirm(question, lambda: self.deck.start_job("Make sample bookings", work, lambda _none: None))


async def _tables(workspace: "Workspace") -> "tuple[Table, ...]":
    return await (await workspace.tables()).list()


async def _page(workspace: "Workspace", view: _View, limit: int) -> "Page":
    from stack.tables.pages import Edge

    browser = await workspace.tables()
    position = view.position or Edge.FIRST
    return await browser.page(view.table, sort=_sort(view), limit=limit, position=position, longest=LONGEST)


def _sort(view: _View) -> "Sequence[Sort]":
    from stack.tables.names import Name
    from stack.tables.sorting import Direction, Sort

    if view.order is None:
        return ()
    direction = Direction.DESCENDING if view.order.descending else Direction.ASCENDING
    return (Sort(Name(view.order.column, quoted=True), direction),)


def _title(column: "Column", order: _Order | None) -> Text:
    arrow = "" if order is None or order.column != column.name else " ↓" if order.descending else " ↑"
    return cell(f"{column.name}{arrow}", right=_is_number(column))


def _value(value: str | None, column: "Column", muted: str) -> Text:
    right = _is_number(column)
    if value is None:
        return cell("NULL", f"italic {muted}", right=right)
    if not value:
        return cell("''", f"italic {muted}")
    return cell(value, right=right)


def _is_number(column: "Column") -> bool:
    return column.family.value in {"integer", "number"}


def _about(rows: int | None) -> str:
    """Return an estimated number of rows, short."""
    if rows is None:
        return "?"
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if rows >= 10 * size:
            return f"~{rows / size:.0f}{unit}"
        if rows >= size > 10**3:
            return f"~{rows / size:.1f}{unit}"
    return f"~{rows}"


def _caption(page: "Page") -> str:
    rows = f"about {page.estimated_rows:,} rows (an estimate)" if page.estimated_rows is not None else "rows uncounted"
    return f"{rows}, {page.ordering.value}, {page.seconds * 1000:.1f} ms"
