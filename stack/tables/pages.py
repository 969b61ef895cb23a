"""Pages of any table: forwards, backwards, from either end, in any order.

With a unique key, a page is found by the key values of the row beside it: it costs the same at any depth, and rows that
others insert or delete meanwhile make no row appear twice or not at all. Without one, rows are counted, and the page
says so (`Ordering.OFFSET`): a cursor of the server would see one snapshot, but for that it needs a transaction that is
open as long as somebody looks, which keeps VACUUM from the whole database and a connection from everybody else, or
WITH HOLD, which first copies every row of the table; and neither outlives a connection, or a command.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from operator import itemgetter
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from stack.background import in_thread
from stack.tables.cursors import Cursor, KeyCursor, OffsetCursor
from stack.tables.description import Column, Description, describe
from stack.tables.keyset import Key, Segment, segment_from, segments_after
from stack.tables.query import At, Before, Edge, PageQuery, Query
from stack.tables.reading import Reader
from stack.tables.refusals import blame_input
from stack.tables.requests import Request, prepare
from stack.tables.statements import Ordered, Texts

_ZONED: Final = frozenset({"timestamp with time zone", "tstzrange", "tstzmultirange"})

Statement = Texts | sa.Select[int]


class Ordering(Enum):
    """How the rows of a page were found, and so what can be relied on."""

    KEY = "by key"
    OFFSET = "by counting"


Row = tuple[str | None, ...]
"""A row's cells as Postgres prints them; None is NULL, which the empty text is not."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a table.

    `columns` are those that the role may read. `next` and `previous` are places for `After` and `Before`, None where
    there are no more rows that way. `cut` names the cells, by row and column, of which only the first part is here.
    `estimated_rows` is of the whole table, and None where a filter makes it say nothing. `seconds` is the time that the
    statements took, as seen from here. `key` are the columns that tell rows apart, none where nothing does, and `keys`
    their values in each row, never cut. `time_zone` is the one that times with a zone are printed in, None where no
    column has them.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    next: Cursor | None
    previous: Cursor | None
    estimated_rows: int | None
    ordering: Ordering
    cut: frozenset[tuple[int, int]]
    seconds: float
    key: tuple[str, ...] = ()
    keys: tuple[Row, ...] = ()
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a request: at most `limit` of a segment, in `order`, after the row that has the key's `values`."""

    order: tuple[Ordered, ...]
    segment: Segment
    values: Row
    limit: int


Fetch = Callable[[Part], Awaitable[list[Row]]]
"""Reads a part of a request that it knows."""


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a page, and where the pages beside it begin."""

    rows: list[Row]
    next: Cursor | None
    previous: Cursor | None


async def page(reader: Reader, query: PageQuery) -> Page:
    """Return the page that `query` asks for.

    Raises:
        Failure: a column, value, order or cursor cannot be used (`Code.COLUMN_MISSING`, `FILTER_INVALID`,
            `SORT_INVALID`, `CURSOR_INVALID`, `KEY_INVALID`), or the role may read no column.
    """
    return await described_page(reader, await describe(reader, query.table), query)


async def described_page(reader: Reader, description: Description, query: PageQuery) -> Page:
    """Return what `page` does for a table whose `description` is known."""
    started = time.perf_counter()
    request = await in_thread(partial(prepare, description, query))
    try:
        found = await (
            by_key(partial(_fetch, reader, request), request) if request.keyed else _by_offset(reader, request)
        )
    except DBAPIError as error:
        await blame_input(reader, request, error)
        raise
    return page_of(description, query, request, found, time.perf_counter() - started)


def page_of(description: Description, query: PageQuery, request: Request, found: Found, seconds: float) -> Page:
    """Return the page with the rows that were `found` for `request`, which is `query` looked up, in `seconds`."""
    rows, cut = _cut(found.rows, len(request.columns), request.longest)
    estimate = query.table.estimated_rows if description.estimated_rows is None else description.estimated_rows
    return Page(
        columns=request.columns,
        rows=rows,
        next=found.next,
        previous=found.previous,
        estimated_rows=None if request.where else estimate,
        ordering=Ordering.KEY if request.keyed else Ordering.OFFSET,
        cut=cut,
        key=description.key if request.keyed else (),
        keys=_keys(request, description.key, found.rows) if request.keyed else (),
        seconds=seconds,
        time_zone=description.time_zone if any(map(_is_zoned, request.columns)) else None,
    )


async def count(reader: Reader, query: Query) -> int:
    """Return how many rows `query` has, which reads them all.

    Raises:
        Failure: as `page` does for a filter.
    """
    request = prepare(await describe(reader, query.table), PageQuery(query.table, query.filters))
    try:
        return (await reader.execute(request.rows.count())).scalar_one()
    except DBAPIError as error:
        await blame_input(reader, request, error)
        raise


def _keys(request: Request, key: Sequence[str], rows: Sequence[Row]) -> tuple[Row, ...]:
    order = [each.column.name for each in request.order]
    places = [len(request.columns) + order.index(name) for name in key]
    # Column by column: a generator a row takes as long as all else that is done to a page.
    return tuple(zip(*(map(itemgetter(place), rows) for place in places), strict=True))


def _is_zoned(column: Column) -> bool:
    """Whether values, elements or bounds of the column are moments, which are printed in a session's time zone."""
    return column.base_type.removesuffix("[]") in _ZONED


def statements(request: Request) -> list[Statement]:
    """Return the statements of the page of `request`; each after the first runs as long as there are rows wanting.

    Of the last page by counting it is the one that counts, which reads all that the other one reads.
    """
    if request.keyed:
        return [statement_of(request, part) for part in _parts(request)]
    if request.position is Edge.LAST:
        return [request.rows.count()]
    start, limit = _span(request)
    return [request.rows.by_offset(request.order, start, limit=limit + 1, longest=request.longest)]


def _parts(request: Request) -> list[Part]:
    """Return the parts of a keyed `request` in their order, each with one row more than the page has.

    That one tells whether there is another page.
    """
    # A page that ends somewhere is one that begins there in the reverse order, turned round.
    order = tuple(map(_reversed, request.order)) if request.backwards else request.order
    wanted = request.limit + 1
    if not isinstance(request.cursor, KeyCursor):
        return [Part(order, (), (), wanted)]
    values = request.cursor.values
    keys = [Key(index, each.direction, each.column.nullable) for index, each in enumerate(order)]
    at = isinstance(request.position, At)
    segments = [segment_from(keys)] if at else segments_after(keys, [value is None for value in values])
    return [Part(order, segment, values, wanted) for segment in segments]


def statement_of(request: Request, part: Part) -> Texts:
    """Return the statement that reads a `part` of `request`."""
    return request.rows.by_key(part.order, part.segment, part.values, limit=part.limit, longest=request.longest)


async def _fetch(reader: Reader, request: Request, part: Part) -> list[Row]:
    return await _read(reader, partial(statement_of, request, part))


async def _read(reader: Reader, make: Callable[[], Texts]) -> list[Row]:
    """Return the rows of a statement, which is made in a thread: for 1,600 columns that takes a quarter of a second."""
    made = await in_thread(lambda: make().compile(dialect=reader.dialect))
    return [tuple(row) for row in await reader.exec_driver_sql(str(made), made.params)]


async def by_key(fetch: Fetch, request: Request) -> Found:
    """Return the page of a `request` that is keyed; rows are had from `fetch`."""
    rows: list[Row] = []
    wanted = request.limit + 1
    for part in _parts(request):
        rows += await fetch(part)
        if len(rows) >= wanted:
            del rows[wanted:]
            break
    if isinstance(request.position, At) and not rows:
        # The key would be after all others.
        return await by_key(fetch, replace(request, position=Edge.LAST, cursor=None))
    beyond, behind = len(rows) == wanted, await _is_behind(fetch, request, rows)
    rows = rows[: request.limit]
    if request.backwards:
        rows.reverse()
        beyond, behind = behind, beyond
    first, last = (_place(request, rows[0]), _place(request, rows[-1])) if rows else (request.cursor, request.cursor)
    return Found(rows, next=last if beyond else None, previous=first if behind else None)


async def _is_behind(fetch: Fetch, request: Request, rows: Sequence[Row]) -> bool:
    """Whether there are rows on the side that was not read: those by the row of a cursor, which is one of them."""
    if not isinstance(request.position, At):
        return request.cursor is not None
    place = _place(request, rows[0])
    before = await by_key(fetch, replace(request, position=Before(place), cursor=place, limit=1))
    return bool(before.rows)


def _reversed(each: Ordered) -> Ordered:
    return Ordered(each.column, each.direction.reversed)


def _place(request: Request, row: Row) -> KeyCursor:
    return KeyCursor(request.table, request.named_order, row[len(request.columns) :])


def _span(request: Request) -> tuple[int, int]:
    """Return how many rows come before the page, and how many are on it at most."""
    start = request.cursor.offset if isinstance(request.cursor, OffsetCursor) else 0
    if isinstance(request.position, Before):
        return max(0, start - request.limit), min(start, request.limit)
    return start, request.limit


async def _by_offset(reader: Reader, request: Request) -> Found:
    start, limit = _span(request)
    if request.position is Edge.LAST:
        start = max(0, (await reader.execute(request.rows.count())).scalar_one() - limit)
    make = partial(request.rows.by_offset, request.order, start, limit=limit + 1, longest=request.longest)
    rows = await _read(reader, make)
    if not request.columns:
        rows = [() for _ in rows]
    return Found(
        rows=rows[:limit],
        previous=OffsetCursor(request.table, request.named_order, start) if start else None,
        next=OffsetCursor(request.table, request.named_order, start + limit) if len(rows) > limit else None,
    )


def _cut(rows: Sequence[Row], width: int, longest: int | None) -> tuple[tuple[Row, ...], frozenset[tuple[int, int]]]:
    shown = tuple(map(itemgetter(slice(width)), rows))
    if longest is None:
        return shown, frozenset()
    # A page of 1,600 columns has too many cells to look at each of them by itself.
    long = {number for number, row in enumerate(shown) if max(map(len, filter(None, row)), default=0) > longest}
    cut = frozenset(
        (number, place)
        for number in long
        for place, cell in enumerate(shown[number])
        if cell is not None and len(cell) > longest
    )
    return (
        tuple(
            tuple(cell and cell[:longest] for cell in row) if number in long else row
            for number, row in enumerate(shown)
        ),
        cut,
    )
