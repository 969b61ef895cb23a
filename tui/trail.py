"""The ways between rows: from a reference to its row, from a row to those that refer to it, and back again."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from stack.tables.query import PageQuery
from tui.outside import line
from tui.table_questions import RowAsked, read_reference, read_uses, title_of
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stack.tables.catalogue import Table
    from stack.tables.description import ForeignKey
    from stack.tables.filters import Filter
    from stack.tables.pages import Row
    from stack.tables.references import Use
    from tui.screens.base import DeckScreen


@dataclass(frozen=True, slots=True)
class Stop:
    """A place in the rows of a query, by the row of the page and the column."""

    query: PageQuery
    row: int
    column: int


class Trail:
    """Follows references on behalf of one screen, and keeps where it followed them from."""

    def __init__(
        self,
        screen: "DeckScreen",
        tables: "Callable[[], Sequence[Table]]",
        here: Callable[[], Stop | None],
        go: Callable[[Stop], None],
    ) -> None:
        """Have followed nothing. `tables` are all that there are, `here` is where the person is, `go` goes there."""
        self._screen = screen
        self._tables = tables
        self._here = here
        self._go = go
        self._stops: tuple[Stop, ...] = ()
        self._following = screen.request("reference", self._follow_key)

    def __bool__(self) -> bool:
        """Whether there is anywhere to go back to."""
        return bool(self._stops)

    def forget(self) -> None:
        """Forget where anything was followed from."""
        self._stops = ()

    def title(self, query: PageQuery, zone: str | None, room: int) -> Content:
        """Return what `query` is, its time `zone`, and the way to it, as much as has `room` in so many cells."""
        title = line(f"{title_of(query)} · times in {zone}" if zone else title_of(query))
        way = [line(f"{title_of(stop.query)} ▸ ", "$muted") for stop in self._stops]
        while way and title.cell_length + way[-1].cell_length <= room:
            title = way.pop() + title
        return Content.styled("… ▸ ", "$muted") + title if way else title

    def follow(self, asked: RowAsked, key: "ForeignKey") -> None:
        """Go to the row that a row refers to by `key`."""
        self._following.ask(partial(read_reference, asked, key))

    def _follow_key(self, found: "tuple[ForeignKey, Row]") -> None:
        from stack.tables.rows import equal

        key, values = found
        self._follow((key.schema, key.table), equal(key.others, values))

    def show_uses(self, asked: RowAsked) -> None:
        """Show which rows of other tables refer to a row, and go to those that are picked."""
        from stack.tables.rows import equal
        from tui.use_lines import use_lines

        def picked(answer: "tuple[Sequence[Use], int] | None") -> None:
            if answer:
                uses, place = answer
                self._follow(uses[place].identity, equal(uses[place].key.columns, uses[place].values))

        title = f"What refers to {asked.title}"
        self._screen.app.push_screen(Sheet(title, partial(read_uses, asked), use_lines, "⏎ Go to these rows"), picked)

    def _follow(self, identity: tuple[str, str], filters: "tuple[Filter, ...]") -> None:
        """Go to the rows of another table that meet `filters`, to come back from."""
        from stack.tables.catalogue import Kind, Table, gone

        table = next((table for table in self._tables() if table.identity == identity), None)
        self._screen.note("reference", () if table else gone(Table(*identity, Kind.TABLE, visible=False)).findings)
        here = self._here()
        if table and here:
            self._stops = (*self._stops, here)
            self._go(Stop(PageQuery(table, filters), 0, 0))

    def go_back(self) -> None:
        """Go back to where the last reference was followed from."""
        if self._stops:
            *rest, stop = self._stops
            self._stops = tuple(rest)
            self._go(stop)
