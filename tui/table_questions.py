"""What the Tables screen asks a project: its tables, pages of rows, rows, and what refers to what."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from stack.tables.catalogue import Table
    from stack.tables.description import ForeignKey
    from stack.tables.explaining import Explained
    from stack.tables.labels import Labels
    from stack.tables.pages import Page, Row
    from stack.tables.query import PageQuery, Query
    from stack.tables.references import Use
    from stack.tables.rows import WholeRow
    from stack.workspace import Workspace

LONGEST: Final = 500
"""Characters of a cell that are read: no cell of the grid shows more."""

LONGEST_VALUE: Final = 80
"""Characters of a filter's value that a title has room for."""


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


def title_of(query: "Query") -> str:
    """Return what a breadcrumb says of `query`."""
    which = ", ".join(str(each.shortened(LONGEST_VALUE)) for each in query.filters)
    return f"{query.table.path}: {which}" if which else query.table.path


async def read_page(workspace: "Workspace", query: "PageQuery", limit: int) -> Shown:
    """Read the page of `query`, at most `limit` rows, with what their references mean."""
    browser = await workspace.tables()
    page = await browser.page(replace(query, limit=limit, longest=LONGEST))
    return Shown(page, await browser.labels(page))


async def read_plan(workspace: "Workspace", query: "PageQuery", limit: int) -> "Explained":
    """Ask how `read_page` for the same is run."""
    return await (await workspace.tables()).explain(replace(query, limit=limit, longest=LONGEST))


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
