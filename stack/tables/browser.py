"""The tables of one database, to look at: each call is one read-only transaction."""

from typing import Final

from stack.booking.models import TABLES
from stack.database.access import Database
from stack.findings import Progress
from stack.tables.catalogue import Table, find_table, list_tables
from stack.tables.description import Column, describe
from stack.tables.explaining import Explained, explain_page
from stack.tables.export import Destination, Exported, export, plan_export
from stack.tables.export_statement import Format, Formulas
from stack.tables.filters import Filter
from stack.tables.labels import Labels
from stack.tables.offers import values_to_pick
from stack.tables.pages import Page, count, described_page
from stack.tables.query import PageQuery, Query
from stack.tables.quick_labels import QuickLabels
from stack.tables.quick_pages import QuickPages
from stack.tables.reading import reading
from stack.tables.references import Use, uses
from stack.tables.refusals import try_filter
from stack.tables.round_trip import Connections
from stack.tables.rows import WholeRow, whole_row
from stack.tables.structure import Structure, structure

COUNT_TIME: Final = 3600.0
"""Seconds that counting all rows of a table may take; who asks for it can stop it."""


class TableBrowser:
    """Lists tables and reads pages of them; every method raises `Failure` where the database or a name is not there."""

    def __init__(self, database: Database) -> None:
        """Read from `database`, connecting only when asked something."""
        self._database = database
        self._connections = Connections(database.url)
        self._quick = QuickPages(database.url, self._connections, database.engine.dialect)
        self._labels = QuickLabels(database, self._connections)

    async def list(self) -> tuple[Table, ...]:
        """Return every table, the booking tables first."""
        async with reading(self._database.engine, self._database.url) as reader:
            return await list_tables(reader, TABLES)

    async def find(self, name: str) -> Table:
        """Return the table that `name` means, with or without its schema, in SQL's spelling."""
        return find_table(await self.list(), name)

    async def page(self, query: PageQuery) -> Page:
        """Return a page as `stack.tables.pages.page` does."""
        beside = await self._quick.page(query)
        if beside is not None:
            return beside
        async with reading(self._database.engine, self._database.url) as reader:
            description = await describe(reader, query.table)
            self._quick.remember(query.table, description)
            return await described_page(reader, description, query)

    async def labels(self, shown: Page) -> Labels:
        """Return what the references of the page `shown` mean to a person; nothing where that takes too long."""
        return await self._labels.of(shown)

    async def row(self, table: Table, shown: Page, index: int) -> WholeRow:
        """Return row `index` of the page `shown` of `table`, whole."""
        async with reading(self._database.engine, self._database.url) as reader:
            return await whole_row(reader, table, shown, index)

    async def uses(self, table: Table, shown: Page, index: int) -> tuple[Use, ...]:
        """Return which foreign keys refer to row `index` of the page `shown` of `table`, with how many rows."""
        async with reading(self._database.engine, self._database.url) as reader:
            return await uses(reader, table, await whole_row(reader, table, shown, index))

    async def structure(self, table: Table) -> Structure:
        """Return the columns, constraints, indexes and all else that belongs to `table`."""
        async with reading(self._database.engine, self._database.url) as reader:
            return await structure(reader, table)

    async def explain(self, query: PageQuery) -> Explained:
        """Return how the page that `page` returns for the same is read."""
        async with reading(self._database.engine, self._database.url) as reader:
            return await explain_page(reader, query)

    async def try_filter(self, column: Column, each: Filter) -> None:
        """Let the server judge `each` on `column`, without reading a row."""
        async with reading(self._database.engine, self._database.url) as reader:
            await try_filter(reader, column, each)

    async def values_to_pick(self, column: Column) -> tuple[str, ...]:
        """Return all values that `column` can have, where they are few: those of an enum, the truth values."""
        async with reading(self._database.engine, self._database.url) as reader:
            return await values_to_pick(reader, column)

    async def count(self, query: Query) -> int:
        """Return exactly how many rows `query` has, which reads all of them."""
        async with reading(self._database.engine, self._database.url, timeout=COUNT_TIME) as reader:
            return await count(reader, query)

    async def close(self) -> None:
        """Close the connections that were kept for pages."""
        await self._connections.close()

    async def export(
        self,
        query: Query,
        destination: Destination,
        *,
        format: Format,  # noqa: A002 - what it is
        formulas: Formulas = Formulas.KEPT,
        progress: Progress,
    ) -> Exported:
        """Write every row of `query` to `destination`, as `stack.tables.export` does."""
        async with reading(self._database.engine, self._database.url) as reader:
            plan = await plan_export(reader, query, format=format, formulas=formulas)
        return await export(self._database.url, plan, destination, progress)
