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
from stack.tables.cursors import Cursor
from stack.tables.description import Description
from stack.tables.filters import Filter
from stack.tables.keyset import Segment
from stack.tables.pages import Page, Part, Row, by_key, page_of, statement_of
from stack.tables.query import After, Before, PageQuery
from stack.tables.requests import Request, prepare
from stack.tables.round_trip import Connections, Planning, Statement, numbered
from stack.tables.sorting import Sort
from stack.tables.statements import key_parameters

KNOWN_FOR: Final = 10.0
"""Seconds for which a table is taken to be as it was seen; a statement that fails is reason to look anew at once."""

_Asked = tuple[tuple[Filter, ...], tuple[Sort, ...], int, int | None]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A request, which differs from others in its place alone, and the statements for it, by segment and limit."""

    request: Request
    statements: dict[tuple[Segment, int], Statement] = field(default_factory=dict)


@dataclass(slots=True)
class _Known:
    """A table as it was at `seen`, of the monotonic clock, with what was prepared for it."""

    description: Description
    seen: float
    prepared: dict[_Asked, _Prepared] = field(default_factory=dict)


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
            prepared, request = await _prepare(known, query, query.position.cursor)
        except Failure:
            # Perhaps a column that is not known yet.
            return None
        if not request.keyed:
            return None

        async def fetch(part: Part) -> list[Row]:
            made = prepared.statements.get((part.segment, part.limit)) or await self._make(prepared, part)
            return await self._connections.read(made, key_parameters(part.values))

        try:
            found = await by_key(fetch, request)
        except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
            raise explain(error, self._url) from None
        except psycopg.Error:
            self._known.pop(query.table.identity, None)
            return None
        return page_of(known.description, query, request, found, time.perf_counter() - started)

    async def _make(self, prepared: _Prepared, part: Part) -> Statement:
        def make() -> Statement:
            compiled = statement_of(prepared.request, part).compile(dialect=self._dialect)
            return numbered(str(compiled), compiled.params, _planning(prepared.request, part.segment))

        made = prepared.statements[part.segment, part.limit] = await in_thread(make)
        return made


def _planning(request: Request, segment: Segment) -> Planning:
    """Return how the rows of a `segment` are best planned.

    Those on one side of a place, all of them, are read in the order of an index wherever the place is. Near the end
    of a table the server would rather gather the rest and sort it, which takes longer, since it thinks that few rows
    are left; and planning takes as long as reading. What equals a value, or meets a filter, may be much or little.
    """
    return Planning.ONCE if len(segment) == 1 and not request.where else Planning.ANEW


async def _prepare(known: _Known, query: PageQuery, cursor: Cursor) -> tuple[_Prepared, Request]:
    """Return what is asked for, put together anew only where its order is another one than before."""
    asked = query.filters, query.sort, query.limit, query.longest
    before = known.prepared.get(asked)
    if before and _alike(before.request.cursor, cursor):
        return before, replace(before.request, position=query.position, cursor=cursor)
    made = known.prepared[asked] = _Prepared(await in_thread(partial(prepare, known.description, query)))
    return made, made.request


def _alike(one: Cursor | None, other: Cursor) -> bool:
    """Whether two places are in the same order of the same table."""
    return type(one) is type(other) and (one.table, one.order) == (other.table, other.order)
