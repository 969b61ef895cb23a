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

from stack.findings import Progress
from stack.tables.query import After, At, Before, Edge, PageQuery
from tui.actions import Fact, Place, bindings
from tui.copying import Copies, Spot
from tui.draft import Draft
from tui.exporting import Exports
from tui.filtering import CellAsked, Filtering, Keep
from tui.screens.base import DeckScreen
from tui.table_questions import RowAsked, Shown, read_page, read_plan, read_row, read_tables, title_of
from tui.trail import Stop, Trail
from tui.vitals import Tone
from tui.widgets.confirm import Question
from tui.widgets.key_prompt import KeyPrompt
from tui.widgets.paged_grid import PagedGrid
from tui.widgets.rows_panel import RowsPanel
from tui.widgets.sheet import Sheet
from tui.widgets.table_finder import TableFinder
from tui.widgets.table_tree import TableTree

if TYPE_CHECKING:
    from stack.tables.catalogue import Table
    from stack.tables.filters import Filter
    from stack.workspace import Workspace

SAMPLE_BOOKINGS: Final = 1000
RANDOM_SEED: Final = 1


class TablesScreen(DeckScreen):
    """Pick a table, page through its rows."""

    place = Place.TABLES
    words = (
        "Left: every table with about how many rows it has, the booking tables first, partitions inside their table; "
        "◇ is a view, ◆ a materialised view, ⇄ a foreign table. Right: the rows of the selected one, as Postgres "
        "writes them; NULL and the empty text are marked, numbers stand to the right, and beside a reference stands "
        "what it means. A page is what fits the screen, and the last page of a large table comes as quickly as the "
        "first. Enter on a reference goes to its row, on any other cell it shows the row whole; Backspace comes back. "
        "/ filters by the column under the cursor; o shows only rows with the cell's value, O all but these, x all; "
        "E changes the filter. Nothing here changes data. Arrows move, Tab and → go to the rows, ← goes back to the "
        "tables."
    )
    CSS_PATH = "../styles/tables.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.TABLES)]

    def __init__(self) -> None:
        """Prepare the screen."""
        super().__init__()
        self.list = TableTree(id="tree")
        self.finder = TableFinder()
        self.filtering = Filtering(self, lambda: self._query, self._narrow)
        self.rows_panel = RowsPanel(self.filtering.bar)
        self.rows = self.rows_panel.grid
        self._tables: tuple[Table, ...] = ()
        self._query: PageQuery | None = None
        self._settled = False
        self._counts: dict[tuple[str, str], int] = {}
        self._landing: Callable[[], None] | None = None
        self._exports = Exports(self)
        self._copies = Copies(self)
        self._draft = Draft()
        self._listing = self.request("tables", self._show_tables)
        self._paging = self.request("page", self._show_page)
        self._trail = Trail(self, lambda: self._tables, lambda: self._here, self._go_to)

    def compose_body(self) -> ComposeResult:
        """Lay out the tables beside the rows."""
        with Horizontal():
            with Vertical(id="tree-panel", classes="panel") as panel:
                panel.border_title = "Tables"
                yield self.list
                yield self.finder
            yield self.rows_panel

    def load(self, workspace: "Workspace") -> None:
        """List the tables again, and read the page again that is shown."""
        self._listing.poll(partial(read_tables, workspace))
        if self._query:
            self._paging.poll(partial(read_page, workspace, self._query, self.rows_panel.fitting))

    def facts(self) -> Fact:
        """State whether a table is open, and which way there are more rows."""
        facts = self.rows_panel.facts
        facts |= Fact.SELECTED if self._query else Fact.NONE
        facts |= Fact.FILTERED if self._query and self._query.filters else Fact.NONE
        facts |= Fact.FOLLOWED if self._trail else Fact.NONE
        facts |= Fact.AWAITED if self._paging.pending or self._listing.pending else Fact.NONE
        return facts

    # -- The tables

    def _show_tables(self, tables: "tuple[Table, ...]") -> None:
        self._tables = tables
        self.list.show(tables, self._counts)
        if not tables:
            self._query = None
            self._trail.forget()
            self.rows_panel.clear("No tables yet: apply the migrations (5)")
        elif self._query is None and self.list.selected:
            self._open(self.list.selected)

    def _open(self, table: "Table") -> None:
        """Show the rows of `table` from the first one, in place of all that was followed."""
        if self._query != PageQuery(table):
            self._trail.forget()
            self.rows.start_over()
            self._go(PageQuery(table), partial(self._land, 0, 0))

    @on(TableTree.Highlighted)
    def _open_highlighted(self, event: TableTree.Highlighted) -> None:
        if self._query is None or self._query.table.identity != event.table.identity or self._trail:
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
        table = self.list.selected if event.found else self._query.table if self._query else None
        self.list.seek("")
        if table:
            self.list.select(table.identity)
        (self.rows if event.found else self.list).focus()

    @on(PagedGrid.Left)
    def _cross(self, event: PagedGrid.Left) -> None:
        """Go from the rows back to the tables, and from page to page, at the edges of the grid."""
        if event.columns < 0:
            self.list.focus()
        elif event.rows > 0:
            self.action_next_page()
        elif event.rows < 0:
            self.action_previous_page()

    # -- The rows

    def _go(self, query: PageQuery, landing: Callable[[], None] | None = None) -> None:
        """Ask for `query`; whatever was asked before is not wanted any more. `landing` is done once it is shown."""
        workspace = self.deck.workspace
        if workspace is not None:
            if self._query is None or self._query.table.identity != query.table.identity:
                # Its rows stay on the screen, but nothing can be asked about them any more.
                self.rows_panel.page = None
            self._query, self._landing = query, landing
            self._paging.ask(partial(read_page, workspace, query, self.rows_panel.fitting))

    def _show_page(self, shown: Shown) -> None:
        if not self._settled:
            # As when the project was opened: what reading rows is made of stays.
            self._settled = True
            gc.freeze()
        query = self._query
        if query:
            self.rows_panel.show(shown, query, self._counted(query), self.colour(Tone.UNKNOWN))
            self.rows_panel.border_title = self._trail.title(query, shown.page.time_zone, self.rows_panel.title_room)
            self.filtering.show(query, shown.page.columns)
        if self._landing:
            self._landing()
            self._landing = None

    def _counted(self, query: PageQuery) -> int | None:
        return None if query.filters else self._counts.get(query.table.identity)

    @on(PagedGrid.Resized)
    def _fit(self) -> None:
        """Read as many rows as fit now: the window is another, or the line of filters has come or gone."""
        workspace, page, fitting = self.deck.workspace, self.rows_panel.page, self.rows_panel.fitting
        if workspace is not None and self._query and page and len(page.rows) != fitting:
            self._paging.poll(partial(read_page, workspace, self._query, fitting))

    @on(PagedGrid.CellHighlighted)
    def _cursor_moved(self) -> None:
        self.rows_panel.say_window()
        self.refresh_facts()

    def _land(self, row: int, column: int | None = None) -> None:
        self.rows.go_to(row if row >= 0 else max(0, self.rows.row_count - 1), column)

    def action_next_page(self) -> None:
        """Go one page on."""
        page = self.rows_panel.page
        if self._query and page and page.next and not self._paging.pending:
            self._go(replace(self._query, position=After(page.next)), partial(self._land, 0))

    def action_previous_page(self) -> None:
        """Go one page back."""
        page = self.rows_panel.page
        if self._query and page and page.previous and not self._paging.pending:
            self._go(replace(self._query, position=Before(page.previous)), partial(self._land, -1))

    def action_first_page(self) -> None:
        """Go to the first rows."""
        if self._query:
            self._go(replace(self._query, position=Edge.FIRST), partial(self._land, 0))

    def action_last_page(self) -> None:
        """Go to the last rows."""
        if self._query:
            self._go(replace(self._query, position=Edge.LAST), partial(self._land, -1))

    def action_go_to_key(self) -> None:
        """Ask for a key, and show the page that begins there."""
        query, page = self._query, self.rows_panel.page
        if not query or not page or not page.key:
            return

        def answered(values: tuple[str, ...] | None) -> None:
            if values:
                self.rows.focus()
                self._go(replace(query, sort=(), position=At(values)), partial(self._land, 0))

        self.app.push_screen(KeyPrompt(query.table.path, page.key), answered)

    def action_sort(self) -> None:
        """Sort by the column under the cursor: upwards, downwards, then by the key again."""
        from stack.tables.names import Name
        from stack.tables.sorting import Direction, Sort

        column = self.rows_panel.column
        if not self._query or not column:
            return
        up = Sort(Name(column.name, quoted=True))
        down = replace(up, direction=Direction.DESCENDING)
        following: dict[tuple[Sort, ...], tuple[Sort, ...]] = {(up,): (down,), (down,): ()}
        self._go(replace(self._query, sort=following.get(self._query.sort, (up,)), position=Edge.FIRST))

    def action_give_up(self) -> None:
        """Wait no longer for what was asked; the server stops working on it."""
        self.forget()
        self.refresh_facts()

    # -- Filters

    def _narrow(self, filters: "tuple[Filter, ...]") -> None:
        """Show the rows of the same table that meet `filters`, from the first one, in the same order."""
        if self._query:
            self.rows.focus()
            self._go(replace(self._query, filters=filters, position=Edge.FIRST), partial(self._land, 0))

    def action_filter(self) -> None:
        """Ask for a condition on the column under the cursor."""
        column, workspace = self.rows_panel.column, self.deck.workspace
        if workspace is not None and self._query and column:
            self.filtering.build(workspace, self._query.table, column)

    def action_only_these(self) -> None:
        """Show only the rows that have the value of the cell under the cursor."""
        self._take_cell(Keep.THESE)

    def action_not_these(self) -> None:
        """Leave out the rows that have the value of the cell under the cursor."""
        self._take_cell(Keep.OTHERS)

    def _take_cell(self, keep: Keep) -> None:
        asked, place = self._asked_row, self.rows_panel.place
        if asked and place:
            self.filtering.take(CellAsked(asked, place[1]), keep)

    def action_clear_filters(self) -> None:
        """Take the filter away, or of several all or one."""
        self.filtering.clear()

    def action_edit_filter(self) -> None:
        """Change the filter, or of several the one that is picked."""
        self.filtering.edit_one()

    def action_show_plan(self) -> None:
        """Show how the server reads the page, and what in it would read too much."""
        from tui.query_plan_lines import query_plan_lines

        workspace, query = self.deck.workspace, self._query
        if workspace is not None and query:
            read = partial(read_plan, workspace, query, self.rows_panel.fitting)
            self.app.push_screen(Sheet(f"Plan of the page: {title_of(query)}", read, query_plan_lines, "↑↓ Move"))

    # -- The ways between rows

    @property
    def _asked_row(self) -> RowAsked | None:
        """What it takes to ask for the row under the cursor."""
        workspace, page, place = self.deck.workspace, self.rows_panel.page, self.rows_panel.place
        if workspace is None or self._query is None or page is None or place is None:
            return None
        return RowAsked(workspace, self._query.table, page, place[0])

    @property
    def _here(self) -> Stop | None:
        return Stop(self._query, *self.rows.place) if self._query and self.rows.place else None

    def _go_to(self, stop: Stop) -> None:
        """Go to a place in the rows of a table that may be another one."""
        self.list.select(stop.query.table.identity)
        self.rows.start_over()
        self.rows.focus()
        self._go(stop.query, partial(self._land, stop.row, stop.column))

    @on(PagedGrid.CellSelected)
    def _entered(self) -> None:
        if self.rows_panel.reference:
            self.action_follow()
        else:
            self.action_show_row()

    def action_follow(self) -> None:
        """Go to the row that the cell under the cursor refers to."""
        key, asked = self.rows_panel.reference, self._asked_row
        if key and asked:
            self._trail.follow(asked, key)

    def action_show_uses(self) -> None:
        """Show which rows of other tables refer to the row under the cursor, and go to those that are picked."""
        asked = self._asked_row
        if asked:
            self._trail.show_uses(asked)

    def action_go_back(self) -> None:
        """Go back to where the last reference was followed from."""
        self._trail.go_back()

    # -- More about them

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
        if workspace and self._query:
            table = self._query.table
            read = partial(workspace.table_details, table)
            self.app.push_screen(Sheet(table.path, read, structure_lines, "⏎ Fold"))

    def action_find_table(self) -> None:
        """Let a part of a table's name be typed."""
        self.finder.ask()

    def action_count(self) -> None:
        """Count the rows of the table exactly."""
        workspace, query = self.deck.workspace, self._query
        if workspace is None or query is None:
            return

        async def work(progress: Progress) -> int:
            progress(f"reading all rows of {query.table.path}; Esc stops it")
            rows = await (await workspace.tables()).count(query)
            progress(f"{rows:,} rows")
            return rows

        def counted(rows: int) -> None:
            if not query.filters:
                self._counts[query.table.identity] = rows
                self.list.show(self._tables, self._counts)
                if self._query and self._query.table == query.table:
                    self.rows_panel.say_count(self._counted(self._query))

        self.deck.start_job(f"Count {title_of(query)}", work, counted)

    def action_copy(self) -> None:
        """Copy a cell, a row or the page."""
        page, place = self.rows_panel.page, self.rows_panel.place
        if self._query and page and page.columns and place:
            self._copies.copy(Spot(self._query.table, page, *place))

    def action_export(self) -> None:
        """Write the rows to a file, all of them and not only the page."""
        if self._query:
            self._exports.export(self._query)

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
