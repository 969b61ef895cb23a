"""What the Tables screen asks a project: its tables, pages of rows, rows, and what refers to what."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from stack.tables.catalogue import Table
    from stack.tables.description import ForeignKey
    from stack.tables.explaining import Explained
    from stack.tables.filters import Filter
    from stack.tables.labels import Labels
    from stack.tables.pages import Page, Position, Row
    from stack.tables.references import Use
    from stack.tables.rows import WholeRow
    from stack.tables.sorting import Sort
    from stack.workspace import Workspace

LONGEST: Final = 500
"""Characters of a cell that are read: no cell of the grid shows more."""

LONGEST_VALUE: Final = 80
"""Characters of a filter's value that a title has room for."""


@dataclass(frozen=True, slots=True)
class Order:
    """One column to sort by, before the key."""

    column: str
    descending: bool


@dataclass(frozen=True, slots=True)
class View:
    """What is asked for: a table, which of its rows, an order, a place in it. `position` None is the first page."""

    table: "Table"
    filters: "tuple[Filter, ...]" = ()
    order: Order | None = None
    position: "Position | None" = None

    @property
    def title(self) -> str:
        """What a breadcrumb says of it."""
        which = ", ".join(str(each.shortened(LONGEST_VALUE)) for each in self.filters)
        return f"{self.table.path}: {which}" if which else self.table.path

    @property
    def sort(self) -> "tuple[Sort, ...]":
        """The order as the tables take it."""
        from stack.tables.names import Name
        from stack.tables.sorting import Direction, Sort

        if self.order is None:
            return ()
        direction = Direction.DESCENDING if self.order.descending else Direction.ASCENDING
        return (Sort(Name(self.order.column, quoted=True), direction),)


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a reference was followed from, to come back to."""

    view: View
    row: int
    column: int


@dataclass(frozen=True, slots=True)
class RowAsked:
    """A row of a page, by its number there, and where to ask for it."""

    workspace: "Workspace"
    table: "Table"
    page: "Page"
    row: int

    @property
    def title(self) -> str:
        """How the row is told from others."""
        if not self.page.key:
            return f"a row of {self.table.path}"
        pairs = zip(self.page.key, self.page.keys[self.row], strict=True)
        return f"{self.table.path} with {', '.join(f'{column} = {value}' for column, value in pairs)}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A page, and what its references mean."""

    page: "Page"
    labels: "Labels"


async def read_tables(workspace: "Workspace") -> "tuple[Table, ...]":
    """List the tables."""
    return await (await workspace.tables()).list()


async def read_page(workspace: "Workspace", view: View, limit: int) -> Shown:
    """Read at most `limit` rows of `view`, with what their references mean."""
    from stack.tables.pages import Edge

    browser = await workspace.tables()
    position = view.position or Edge.FIRST
    page = await browser.page(
        view.table, filters=view.filters, sort=view.sort, limit=limit, position=position, longest=LONGEST
    )
    return Shown(page, await browser.labels(page))


async def read_plan(workspace: "Workspace", view: View, limit: int) -> "Explained":
    """Ask how `read_page` for the same is run."""
    from stack.tables.pages import Edge

    browser = await workspace.tables()
    position = view.position or Edge.FIRST
    return await browser.explain(
        view.table, filters=view.filters, sort=view.sort, limit=limit, position=position, longest=LONGEST
    )


async def read_row(asked: RowAsked) -> "WholeRow":
    """Read a row whole."""
    return await (await asked.workspace.tables()).row(asked.table, asked.page, asked.row)


async def read_uses(asked: RowAsked) -> "tuple[Use, ...]":
    """Count what refers to a row."""
    return await (await asked.workspace.tables()).uses(asked.table, asked.page, asked.row)


async def read_reference(asked: RowAsked, key: "ForeignKey") -> "tuple[ForeignKey, Row]":
    """Return what the row refers to by `key`: as the page has it, unless it has only a part of it."""
    names = [column.name for column in asked.page.columns]
    places = [names.index(name) for name in key.columns]
    if any((asked.row, place) in asked.page.cut for place in places):
        return key, (await read_row(asked)).values(key.columns)
    return key, tuple(asked.page.rows[asked.row][place] for place in places)
