"""The pages after the first: on a connection that is ready, by a statement that is made, of a table that is known.

A page of a hundred rows takes the server less than a millisecond; describing its table, preparing a transaction and
putting the statement together take many times as long. None of it changes from one page to the next, so it is kept,
for `KNOWN_FOR`. What goes wrong here is no failure: the ordinary way, which looks at everything anew, then says why.
"""

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import psycopg
import sqlalchemy as sa

from stack.background import in_thread
from stack.database.errors import explain
from stack.environment.url import DatabaseURL
from stack.findings import Failure
from stack.tables.catalogue import Table
from stack.tables.cursors import Cursor, KeyCursor, decode
from stack.tables.description import Column, Description
from stack.tables.filters import Filter
from stack.tables.keyset import Segment
from stack.tables.pages import Page, Part, Row, by_key, page_of
from stack.tables.query import After, Before, PageQuery
from stack.tables.requests import Request, prepare
from stack.tables.round_trip import Connections, Statement, numbered
from stack.tables.sorting import Sort
from stack.tables.statements import Ordered, key_parameters

KNOWN_FOR: Final = 10.0
"""Seconds for which a table is taken to be as it was seen; a statement that fails is reason to look anew at once."""

_Asked = tuple[tuple[Filter, ...], tuple[Sort, ...], int, int | None]
_Shape = tuple[tuple[tuple[Column, Filter], ...], tuple[Ordered, ...], Segment, int | None]


@dataclass(slots=True)
class _Known:
    """A table as it was at `seen`, of the monotonic clock, with the statements that were made for it."""

    description: Description
    seen: float
    statements: dict[_Shape, Statement] = field(default_factory=dict)
    requests: dict[_Asked, Request] = field(default_factory=dict)
    places: dict[str, Cursor | None] = field(default_factory=dict)
    """What the cursors of the page before say."""


class QuickPages:
    """Pages of the tables of one database."""

    def __init__(self, url: DatabaseURL, connections: Connections, dialect: sa.Dialect) -> None:
        """Know nothing yet; `connections` are of `url`, `dialect` is psycopg's."""
        self._url = url
        self._connections = connections
        self._dialect = dialect
        self._known: dict[tuple[str, str], _Known] = {}

    def remember(self, table: Table, description: Description) -> None:
        """Take `description` for what `table` is from now on."""
        known = self._known.get(table.identity)
        if known is None or known.description != description:
            self._known[table.identity] = _Known(description, time.monotonic())
        else:
            known.seen = time.monotonic()

    async def page(self, query: PageQuery) -> Page | None:
        """Return the page beside one that was had before; None where that takes the ordinary way.

        Raises:
            Failure: it took the server longer than it may.
        """
        started = time.perf_counter()
        known = self._known.get(query.table.identity)
        if known is None or not isinstance(query.position, After | Before) or time.monotonic() - known.seen > KNOWN_FOR:
            return None
        try:
            request = await _request(known, query, query.position)
        except Failure:
            # Perhaps a column that is not known yet.
            return None
        if not request.keyed:
            return None
        try:
            async with self._connections.lend() as connection:

                async def fetch(part: Part) -> list[Row]:
                    made = await self._made(known, request, part)
                    return await connection.read(made, key_parameters(part.values, part.limit))

                found = await by_key(fetch, request)
        except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
            raise explain(error, self._url) from None
        except psycopg.Error:
            self._known.pop(query.table.identity, None)
            return None
        page = page_of(known.description, query, request, found, time.perf_counter() - started)
        known.places = {page.next or "": found.next, page.previous or "": found.previous}
        return page

    async def _made(self, known: _Known, request: Request, part: Part) -> Statement:
        def make() -> Statement:
            select = request.rows.by_key(part.order, part.segment, part.values, limit=0, longest=request.longest)
            compiled = select.compile(dialect=self._dialect)
            return numbered(str(compiled), compiled.params)

        shape = (request.where, part.order, part.segment, request.longest)
        made = known.statements.get(shape)
        if made is None:
            made = known.statements[shape] = await in_thread(make)
        return made


async def _request(known: _Known, query: PageQuery, position: After | Before) -> Request:
    """Return what is asked for, put together anew only where its order is another one than before."""
    asked = query.filters, query.sort, query.limit, query.longest
    before = known.requests.get(asked)
    if before is not None:
        cursor = known.places.get(position.cursor) or decode(position.cursor, before.table)
        if isinstance(cursor, KeyCursor) and cursor.order == before.named_order:
            return replace(before, position=position, cursor=cursor)
    made = known.requests[asked] = await in_thread(partial(prepare, known.description, query))
    return made
