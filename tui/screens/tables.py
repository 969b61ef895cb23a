"""Tables: the tree of tables on the left, the rows of one on the right, a page at a time, and the ways between them."""

import gc
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content

from stack.findings import Progress
from tui.actions import Fact, Place, bindings
from tui.copying import Copies, Spot
from tui.draft import Draft
from tui.exporting import Exports
from tui.filtering import CellAsked, Filtering, Keep
from tui.outside import line
from tui.screens.base import DeckScreen
from tui.table_cells import title_cell, value_cell
from tui.table_questions import (
    Order,
    RowAsked,
    Shown,
    Stop,
    View,
    read_page,
    read_plan,
    read_reference,
    read_row,
    read_tables,
    read_uses,
)
from tui.vitals import Tone
from tui.widgets.confirm import Question
from tui.widgets.grid import Drawn, GridRow
from tui.widgets.key_prompt import KeyPrompt
from tui.widgets.paged_grid import PagedGrid
from tui.widgets.sheet import Sheet
from tui.widgets.table_finder import TableFinder
from tui.widgets.table_tree import TableTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from stack.tables.catalogue import Table
    from stack.tables.description import Column, ForeignKey
    from stack.tables.filters import Filter
    from stack.tables.pages import Page, Row
    from stack.tables.references import Use
    from stack.workspace import Workspace

SAMPLE_BOOKINGS: Final = 1000
RANDOM_SEED: Final = 1
LEAST_ROWS: Final = 5

_FRAME: Final = 10
"""Cells of a panel's upper edge that no title takes."""


class TablesScreen(DeckScreen):
    """Pick a table, page through its rows."""

    place = Place.TABLES
    words = (
        "Left: every table with about how many rows it has, the booking tables first, partitions inside their table; "
        "◇ is a view, ◆ a materialised view, ⇄ a foreign table. Right: the rows of the selected one, as Postgres "
        "writes them; NULL and the empty text are marked, numbers stand to the right, and beside a reference stands "
        "what it means. A page is what fits the screen, and the last page of a large table comes as quickly as the "
        "first. Enter on a reference goes to its row, on any other cell it shows the row whole; Backspace comes back. "
        "/ filters by the column under the cursor; o shows only rows with the cell's value, O all but these, x all. "
        "Nothing here changes data. Arrows move, Tab and → go to the rows, ← goes back to the tables."
    )
    CSS_PATH = "../styles/tables.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.TABLES)]

    def __init__(self) -> None:
        """Prepare the screen."""
        super().__init__()
        self.list = TableTree(id="tree")
        self.finder = TableFinder()
        self.rows_panel = Vertical(id="rows-panel", classes="panel")
        self.rows = PagedGrid(id="rows")
        self._tables: tuple[Table, ...] = ()
        self._view: View | None = None
        self._page: Page | None = None
        """The page that is shown, as long as it is of the table that is asked for."""
        self._settled = False
        self._stops: tuple[Stop, ...] = ()
        self._counts: dict[tuple[str, str], int] = {}
        self._landing: Callable[[], None] | None = None
        self._exports = Exports(self)
        self._copies = Copies(self)
        self._draft = Draft()
        self._listing = self.request("tables", self._show_tables)
        self._paging = self.request("page", self._show_page)
        self._following = self.request("reference", self._follow_key)
        self.filtering = Filtering(self, lambda: self._view, self._narrow)

    def compose_body(self) -> ComposeResult:
        """Lay out the tables beside the rows."""
        with Horizontal():
            with Vertical(id="tree-panel", classes="panel") as panel:
                panel.border_title = "Tables"
                yield self.list
                yield self.finder
            with self.rows_panel:
                yield self.filtering.bar
                yield self.rows

    def load(self, workspace: "Workspace") -> None:
        """List the tables again, and read the page again that is shown."""
        self._listing.poll(partial(read_tables, workspace))
        if self._view:
            self._paging.poll(partial(read_page, workspace, self._view, self._fitting))

    def facts(self) -> Fact:
        """State whether a table is open, and which way there are more rows."""
        facts = Fact.SELECTED if self._view else Fact.NONE
        if self._page and self._page.previous:
            facts |= Fact.BEFORE
        if self._page and self._page.next:
            facts |= Fact.AFTER
        if self._page and self._page.rows:
            facts |= Fact.ROW
            facts |= Fact.REFERENCE if self._reference else Fact.NONE
        facts |= Fact.KEYED if self._page and self._page.key else Fact.NONE
        facts |= Fact.FILTERED if self._view and self._view.filters else Fact.NONE
        facts |= Fact.FOLLOWED if self._stops else Fact.NONE
        facts |= Fact.AWAITED if self._paging.pending or self._listing.pending else Fact.NONE
        return facts

    @property
    def _fitting(self) -> int:
        """How many rows fit: the grid without its head and its horizontal scroll bar."""
        return max(LEAST_ROWS, self.rows.size.height - 2)

    # -- The tables

    def _show_tables(self, tables: "tuple[Table, ...]") -> None:
        self._tables = tables
        self.list.show(tables, self._counts)
        if not tables:
            self._view = self._page = None
            self._stops = ()
            self.rows.turn((), ())
            self.rows_panel.border_title = "No tables yet: apply the migrations (5)"
        elif self._view is None and self.list.selected:
            self._open(self.list.selected)

    def _open(self, table: "Table") -> None:
        """Show the rows of `table` from the first one, in place of all that was followed."""
        if self._view != View(table):
            self._stops = ()
            self.rows.start_over()
            self._go(View(table), partial(self._land, 0, 0))

    @on(TableTree.Highlighted)
    def _open_highlighted(self, event: TableTree.Highlighted) -> None:
        if self._view is None or self._view.table.identity != event.table.identity or self._stops:
            self._open(event.table)

    @on(TableTree.Left)
    def _enter_rows(self) -> None:
        self.rows.focus()

    @on(TableFinder.Typed)
    def _seek_table(self, event: TableFinder.Typed) -> None:
        self.list.seek(event.text)

    @on(TableFinder.Moved)
    def _move_among_found(self, event: TableFinder.Moved) -> None:
        self.list.action_move(event.by)

    @on(TableFinder.Left)
    def _found_table(self, event: TableFinder.Left) -> None:
        """Show all tables again, the one that was found or was open under the cursor."""
        table = self.list.selected if event.found else self._view.table if self._view else None
        self.list.seek("")
        if table:
            self.list.select(table.identity)
        (self.rows if event.found else self.list).focus()

    @on(PagedGrid.Left)
    def _cross(self, event: PagedGrid.Left) -> None:
        """Go from the rows back to the tables, and from page to page, at the edges of the grid."""
        if event.columns < 0:
            self.list.focus()
        elif event.rows > 0 and self._page and self._page.next:
            self.action_next_page()
        elif event.rows < 0 and self._page and self._page.previous:
            self.action_previous_page()

    # -- The rows

    def _go(self, view: View, landing: Callable[[], None] | None = None) -> None:
        """Ask for `view`; whatever was asked before is not wanted any more. `landing` is done once it is shown."""
        workspace = self.deck.workspace
        if workspace is not None:
            if self._view is None or self._view.table.identity != view.table.identity:
                # Its rows stay on the screen, but nothing can be asked about them any more.
                self._page = None
            self._view, self._landing = view, landing
            self._paging.ask(partial(read_page, workspace, view, self._fitting))

    def _show_page(self, shown: Shown) -> None:
        if not self._settled:
            # As when the project was opened: what reading rows is made of stays.
            self._settled = True
            gc.freeze()
        page = self._page = shown.page
        order = self._view.order if self._view else None
        titles = [title_cell(column, _arrow(column, order)) for column in page.columns]
        muted = self.colour(Tone.UNKNOWN)

        def draw(index: int, place: int) -> "Text":
            return value_cell(page.rows[index][place], page.columns[place], muted, shown.labels.get((index, place)))

        rows = [GridRow(str(index), Drawn(len(page.columns), partial(draw, index))) for index in range(len(page.rows))]
        self.rows.turn(titles, rows)
        if self._view:
            self._show_trail(self._view, page.time_zone)
            self.filtering.show(self._view, page.columns)
        self.rows_panel.border_subtitle = self._caption(page)
        if self._landing:
            self._landing()
            self._landing = None

    @on(PagedGrid.Resized)
    def _fit(self) -> None:
        """Read as many rows as fit now: the window is another, or the line of filters has come or gone."""
        workspace = self.deck.workspace
        if workspace is not None and self._view and self._page and len(self._page.rows) != self._fitting:
            self._paging.poll(partial(read_page, workspace, self._view, self._fitting))

    def _caption(self, page: "Page") -> str:
        exact = self._counts.get(self._view.table.identity) if self._view and not self._view.filters else None
        rows = f"{exact:,} rows when counted" if exact is not None else _estimate(page)
        window = self.rows.window
        some = len(window) < len(page.columns)
        columns = f"columns {window.start + 1:,}–{window.stop:,} of {len(page.columns):,}, " if some else ""
        return f"{columns}{rows}, {page.ordering.value}, {page.seconds * 1000:.1f} ms"

    @on(PagedGrid.CellHighlighted)
    def _cursor_moved(self) -> None:
        if self._page and len(self.rows.window) < len(self._page.columns):
            self.rows_panel.border_subtitle = self._caption(self._page)
        self.refresh_facts()

    # -- Filters

    def _narrow(self, filters: "tuple[Filter, ...]") -> None:
        """Show the rows of the same table that meet `filters`, from the first one, in the same order."""
        if self._view:
            self.rows.focus()
            self._go(replace(self._view, filters=filters, position=None), partial(self._land, 0))

    def action_filter(self) -> None:
        """Ask for a condition on the column under the cursor."""
        column, workspace = self._column, self.deck.workspace
        if workspace is not None and self._view and column:
            self.filtering.build(workspace, self._view.table, column)

    def action_only_these(self) -> None:
        """Show only the rows that have the value of the cell under the cursor."""
        self._take_cell(Keep.THESE)

    def action_not_these(self) -> None:
        """Leave out the rows that have the value of the cell under the cursor."""
        self._take_cell(Keep.OTHERS)

    def _take_cell(self, keep: Keep) -> None:
        asked, place = self._asked_row, self.rows.place
        if asked and place:
            self.filtering.take(CellAsked(asked, place[1]), keep)

    def action_clear_filters(self) -> None:
        """Take the filter away, or of several all or one."""
        self.filtering.clear()

    def action_show_plan(self) -> None:
        """Show how the server reads the page, and what in it would read too much."""
        from tui.query_plan_lines import query_plan_lines

        workspace, view = self.deck.workspace, self._view
        if workspace is not None and view:
            read = partial(read_plan, workspace, view, self._fitting)
            self.app.push_screen(Sheet(f"Plan of the page: {view.title}", read, query_plan_lines, "↑↓ Move"))

    # -- The ways between rows

    @property
    def _reference(self) -> "ForeignKey | None":
        """The foreign key that the cell under the cursor is part of, where it refers to a row."""
        if self._page is None or not self._page.rows or self.rows.place is None:
            return None
        row, column = self.rows.place
        if row >= len(self._page.rows) or column >= len(self._page.columns):
            return None
        key = self._page.columns[column].references
        names = [each.name for each in self._page.columns]
        if key is None or not set(key.columns) <= set(names):
            return None
        return key if all(self._page.rows[row][names.index(name)] is not None for name in key.columns) else None

    def _follow(self, identity: tuple[str, str], filters: "tuple[Filter, ...]") -> None:
        """Go to the rows of another table that meet `filters`, to come back from."""
        from stack.tables.catalogue import Kind, Table, gone

        table = next((table for table in self._tables if table.identity == identity), None)
        self.note("reference", () if table else gone(Table(*identity, Kind.TABLE, visible=False)).findings)
        if table and self._view and self.rows.place:
            self._stops = (*self._stops, Stop(self._view, *self.rows.place))
            self.list.select(identity)
            self.rows.start_over()
            self.rows.focus()
            self._go(View(table, filters), partial(self._land, 0, 0))

    def _show_trail(self, view: View, zone: str | None) -> None:
        """Say what is shown, in which time `zone`, and by which way, as much of the way as there is room for."""
        title, way = (
            line(f"{view.title} · times in {zone}" if zone else view.title),
            [line(f"{stop.view.title} ▸ ", "$muted") for stop in self._stops],
        )
        while way and title.cell_length + way[-1].cell_length <= self.rows_panel.size.width - _FRAME:
            title = way.pop() + title
        self.rows_panel.border_title = Content.styled("… ▸ ", "$muted") + title if way else title

    @on(PagedGrid.CellSelected)
    def _entered(self) -> None:
        if self._reference:
            self.action_follow()
        else:
            self.action_show_row()

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

    def _land(self, row: int, column: int | None = None) -> None:
        self.rows.go_to(row if row >= 0 else max(0, self.rows.row_count - 1), column)

    def action_follow(self) -> None:
        """Go to the row that the cell under the cursor refers to."""
        key, asked = self._reference, self._asked_row
        if key and asked:
            self._following.ask(partial(read_reference, asked, key))

    def _follow_key(self, found: "tuple[ForeignKey, Row]") -> None:
        from stack.tables.rows import equal

        key, values = found
        self._follow((key.schema, key.table), equal(key.others, values))

    def action_go_back(self) -> None:
        """Go back to where the last reference was followed from."""
        if self._stops:
            *rest, stop = self._stops
            self._stops = tuple(rest)
            self.list.select(stop.view.table.identity)
            self.rows.start_over()
            self._go(stop.view, partial(self._land, stop.row, stop.column))

    def action_show_row(self) -> None:
        """Show the row under the cursor, whole."""
        from tui.row_lines import row_lines

        asked = self._asked_row
        if asked:
            self.app.push_screen(Sheet(asked.title, partial(read_row, asked), row_lines, "⏎ Fold"))

    def action_show_details(self) -> None:
        """Show the structure of the table, the statements that make it, and the migration that did."""
        from tui.structure_lines import structure_lines

        workspace = self.deck.workspace
        if workspace and self._view:
            table = self._view.table
            read = partial(workspace.table_details, table)
            self.app.push_screen(Sheet(table.path, read, structure_lines, "⏎ Fold"))

    def action_show_uses(self) -> None:
        """Show which rows of other tables refer to the row under the cursor, and go to those that are picked."""
        from stack.tables.rows import equal
        from tui.use_lines import use_lines

        def picked(answer: "tuple[Sequence[Use], int] | None") -> None:
            if answer:
                uses, place = answer
                self._follow(uses[place].identity, equal(uses[place].key.columns, uses[place].values))

        asked = self._asked_row
        if asked:
            title = f"What refers to {asked.title}"
            self.app.push_screen(Sheet(title, partial(read_uses, asked), use_lines, "⏎ Go to these rows"), picked)

    @property
    def _column(self) -> "Column | None":
        """The column under the cursor; the first that is seen where there are no rows to have a cursor on."""
        if self._page is None or not self._page.columns:
            return None
        place = self.rows.place
        return self._page.columns[min(place[1] if place else self.rows.window.start, len(self._page.columns) - 1)]

    @property
    def _asked_row(self) -> "RowAsked | None":
        """What it takes to ask for the row under the cursor."""
        workspace, page, place = self.deck.workspace, self._page, self.rows.place
        if workspace is None or self._view is None or page is None or place is None or place[0] >= len(page.rows):
            return None
        return RowAsked(workspace, self._view.table, page, place[0])

    def action_go_to_key(self) -> None:
        """Ask for a key, and show the page that begins there."""
        from stack.tables.pages import At

        if not self._view or not self._page or not self._page.key:
            return
        view = self._view

        def answered(values: tuple[str, ...] | None) -> None:
            if values:
                self.rows.focus()
                self._go(replace(view, order=None, position=At(values)), partial(self._land, 0))

        self.app.push_screen(KeyPrompt(view.table.path, self._page.key), answered)

    def action_find_table(self) -> None:
        """Let a part of a table's name be typed."""
        self.finder.ask()

    def action_count(self) -> None:
        """Count the rows of the table exactly."""
        workspace, view = self.deck.workspace, self._view
        if workspace is None or view is None:
            return

        async def work(progress: Progress) -> int:
            progress(f"reading all rows of {view.table.path}; Esc stops it")
            rows = await (await workspace.tables()).count(view.table, view.filters)
            progress(f"{rows:,} rows")
            return rows

        def counted(rows: int) -> None:
            if not view.filters:
                self._counts[view.table.identity] = rows
                self.list.show(self._tables, self._counts)
                if self._page and self._view and self._view.table == view.table:
                    self.rows_panel.border_subtitle = self._caption(self._page)

        self.deck.start_job(f"Count {view.title}", work, counted)

    def action_give_up(self) -> None:
        """Wait no longer for what was asked; the server stops working on it."""
        self.forget()
        self.refresh_facts()

    def action_sort(self) -> None:
        """Sort by the column under the cursor: upwards, downwards, then by the key again."""
        column = self._column
        if not self._view or not column:
            return
        match self._view.order:
            case Order(name, False) if name == column.name:
                order: Order | None = Order(name, descending=True)
            case Order(name, True) if name == column.name:
                order = None
            case _:
                order = Order(column.name, descending=False)
        self._go(replace(self._view, order=order, position=None))

    def action_copy(self) -> None:
        """Copy a cell, a row or the page."""
        if self._view and self._page and self._page.rows and self._page.columns and self.rows.place:
            self._copies.copy(Spot(self._view.table, self._page, *self.rows.place))

    def action_export(self) -> None:
        """Write the rows to a file, all of them and not only the page."""
        if self._view:
            self._exports.export(self._view.table, self._view.filters, self._view.sort)

    def action_open_console(self) -> None:
        """Open the SQL console where it was left."""
        from tui.screens.console import ConsoleScreen

        self.app.push_screen(ConsoleScreen(self._draft))

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


def _arrow(column: "Column", order: Order | None) -> str:
    return "" if order is None or order.column != column.name else " ↓" if order.descending else " ↑"


def _estimate(page: "Page") -> str:
    return f"about {page.estimated_rows:,} rows (an estimate)" if page.estimated_rows is not None else "rows uncounted"
