"""How filters come about on the Tables screen: built for a column, taken from a cell, changed, taken away."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final

from tui.table_questions import RowAsked, read_row
from tui.widgets.choice import Choice, ChoiceMenu
from tui.widgets.filter_bar import LONGEST, FilterBar
from tui.widgets.filter_builder import FilterBuilder

if TYPE_CHECKING:
    from stack.tables.catalogue import Table
    from stack.tables.description import Column
    from stack.tables.filters import Filter
    from stack.tables.query import Query
    from stack.workspace import Workspace
    from tui.screens.base import DeckScreen

Filters = tuple["Filter", ...]

_ALL: Final = "All of them"


class Keep(Enum):
    """Which rows stay: those with the value of a cell, or all others, NULL among them."""

    THESE = "these"
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class CellAsked:
    """A cell of a page, by its place there."""

    row: RowAsked
    column: int


class Filtering:
    """Filters on behalf of one screen: of the query that `asked` returns, which `go` changes."""

    def __init__(
        self, screen: "DeckScreen", asked: "Callable[[], Query | None]", go: Callable[[Filters], None]
    ) -> None:
        """Have no filters."""
        self._screen = screen
        self._asked = asked
        self._go = go
        self._shown: Filters = ()
        self._columns: tuple[Column, ...] = ()
        self.bar = FilterBar(self.edit, self.remove)
        self._taking = screen.request("cell", self._take)

    def show(self, query: "Query", columns: "tuple[Column, ...]") -> None:
        """Show the filters of `query`, which are on `columns`, as the SQL they are."""
        from stack.tables.sql_text import where

        self._shown, self._columns = query.filters, columns
        self.bar.show(where(columns, [each.shortened(LONGEST) for each in query.filters]))

    def add(self, table: "Table", each: "Filter") -> None:
        """Narrow what is shown of `table`, unless another one has been gone to meanwhile."""
        query = self._asked()
        if query and query.table.identity == table.identity and each not in query.filters:
            self._go((*query.filters, each))

    def remove(self, place: int) -> None:
        """Take away one of the filters that are shown."""
        query = self._asked()
        if query:
            self._go(tuple(each for each in query.filters if each != self._shown[place]))

    def clear(self) -> None:
        """Take the filter away; of several all, or the one that is picked."""

        def picked(answer: Choice | None) -> None:
            if answer == choices[0]:
                self._go(())
            elif answer:
                self.remove(choices.index(answer) - 1)

        if len(self._shown) < 2:
            self._go(())
            return
        choices = [Choice(_ALL, ""), *self._choices()]
        self._screen.app.push_screen(ChoiceMenu("Take away which filter?", choices), picked)

    def _choices(self) -> list[Choice]:
        return [Choice(f"{n}", sql) for n, sql in enumerate(self.bar.conditions, 1)]

    def edit_one(self) -> None:
        """Let the filter be changed; of several the one that is picked."""

        def picked(answer: Choice | None) -> None:
            if answer:
                self.edit(choices.index(answer))

        if len(self._shown) < 2:
            self.edit(0)
            return
        choices = self._choices()
        self._screen.app.push_screen(ChoiceMenu("Change which filter?", choices), picked)

    def edit(self, place: int) -> None:
        """Let one of the filters that are shown be changed, in the form that it could have been built in."""
        workspace, before = self._screen.deck.workspace, self._shown
        name = before[place].column.among(column.name for column in self._columns) if place < len(before) else None
        column = next((column for column in self._columns if column.name == name), None)

        def built(each: "Filter | None") -> None:
            query = self._asked()
            if each and query and query.filters == before:
                self._go(tuple(dict.fromkeys((*before[:place], each, *before[place + 1 :]))))

        if workspace is not None and column is not None:
            self._ask(workspace, column, before[place], built)

    def build(self, workspace: "Workspace", table: "Table", column: "Column") -> None:
        """Ask for a filter on `column` of `table`."""

        def built(each: "Filter | None") -> None:
            if each:
                self.add(table, each)

        self._ask(workspace, column, None, built)

    def _ask(
        self,
        workspace: "Workspace",
        column: "Column",
        before: "Filter | None",
        built: "Callable[[Filter | None], None]",
    ) -> None:
        read, look = partial(read_picks, workspace, column), partial(judge, workspace, column)
        self._screen.app.push_screen(FilterBuilder(column, read, look, before), built)

    def take(self, asked: CellAsked, keep: Keep) -> None:
        """Narrow what is shown to the rows with the value of a cell, or to all others."""
        self._taking.ask(partial(read_filter, asked, keep))

    def _take(self, found: "tuple[Table, Filter]") -> None:
        self.add(*found)


async def read_picks(workspace: "Workspace", column: "Column") -> tuple[str, ...]:
    """Read the values that there are to pick for `column`."""
    return await (await workspace.tables()).values_to_pick(column)


async def judge(workspace: "Workspace", column: "Column", each: "Filter") -> str:
    """Let the server judge `each` on `column`, and return the SQL that it is."""
    from stack.tables.sql_text import where

    await (await workspace.tables()).try_filter(column, each)
    return where((column,), (each,))[0]


async def read_filter(asked: CellAsked, keep: Keep) -> "tuple[Table, Filter]":
    """Return the table and the filter for the rows with the value of a cell, read whole, or for all others.

    Raises:
        Failure: the value cannot be had whole, or its type knows no two values that are equal.
    """
    from stack.tables.rows import equal, unequal

    column = asked.row.page.columns[asked.column]
    value = await _read_whole(asked)
    each = equal((column.name,), (value,))[0] if keep is Keep.THESE else unequal(column.name, value)
    await (await asked.row.workspace.tables()).try_filter(column, each)
    return asked.row.table, each


async def _read_whole(asked: CellAsked) -> str | None:
    from stack.tables.filters import invalid
    from stack.tables.names import quote_name

    page, row = asked.row.page, asked.row.row
    if (row, asked.column) not in page.cut:
        return page.rows[row][asked.column]
    name = page.columns[asked.column].name
    whole = await read_row(asked.row)
    if asked.column in whole.cut:
        why = "It is longer than what is read." if whole.key else "No key tells its row apart, to read it whole by."
        raise invalid(f"{quote_name(name)} = …", f"Only the first part of the value is here. {why}")
    return whole.values((name,))[0]
