"""Pages of any table: forwards, backwards, from either end, in any order.

With a unique key, a page is found by the key values of the row beside it: it costs the same at any depth, and rows that
others insert or delete meanwhile make no row appear twice or not at all. Without one, rows are counted, and the page
says so (`Ordering.OFFSET`).
"""

import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from stack.findings import Code, Failure, Finding, Fix
from stack.tables import cursors, filters
from stack.tables.catalogue import Table
from stack.tables.cursors import Cursor, KeyCursor, OffsetCursor
from stack.tables.description import Column, Description, describe
from stack.tables.filters import Filter
from stack.tables.keyset import Key, Segment, segments_after
from stack.tables.names import Name, quote_name
from stack.tables.reading import Reader, server_words, sqlstate
from stack.tables.sorting import Direction, Sort
from stack.tables.statements import Ordered, Rows, condition, typed

PAGE_SIZE: Final = 100


class Edge(Enum):
    """The two ends of a table."""

    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class After:
    """The page that follows the place of a cursor."""

    cursor: str


@dataclass(frozen=True, slots=True)
class Before:
    """The page that ends before the place of a cursor."""

    cursor: str


Position = Edge | After | Before


class Ordering(Enum):
    """How the rows of a page were found, and so what can be relied on."""

    KEY = "by key"
    OFFSET = "by counting"


Row = tuple[str | None, ...]
"""A row's cells as Postgres prints them; None is NULL, which the empty text is not."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a table.

    `columns` are those that the role may read. `next` and `previous` are cursors for `After` and `Before`, None where
    there are no more rows that way. `cut` names the cells, by row and column, of which only the first part is here.
    `estimated_rows` is of the whole table, and None where a filter makes it say nothing. `seconds` is the time that the
    statements took, as seen from here.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    next: str | None
    previous: str | None
    estimated_rows: int | None
    ordering: Ordering
    cut: frozenset[tuple[int, int]]
    seconds: float


@dataclass(frozen=True, slots=True)
class _Request:
    """A page that was asked for, with every name looked up."""

    table: str
    columns: tuple[Column, ...]
    where: tuple[tuple[Column, Filter], ...]
    order: tuple[Ordered, ...]
    cursor: Cursor | None
    rows: Rows
    limit: int
    longest: int | None

    @property
    def named_order(self) -> cursors.Order:
        return tuple((each.column.name, each.direction) for each in self.order)


@dataclass(frozen=True, slots=True)
class _Found:
    rows: list[Row]
    next: Cursor | None
    previous: Cursor | None


async def page(
    reader: Reader,
    table: Table,
    *,
    filters: Sequence[Filter] = (),
    sort: Sequence[Sort] = (),
    limit: int = PAGE_SIZE,
    position: Position = Edge.FIRST,
    longest: int | None = None,
) -> Page:
    """Return at most `limit` rows of `table` that meet all `filters`, in the order of `sort`, at `position`.

    The table's key decides among rows that `sort` holds equal. A cursor brings its order with it where `sort` is empty.
    Cells of more than `longest` characters are cut to that.

    Raises:
        Failure: a column, value, order or cursor cannot be used (`Code.COLUMN_MISSING`, `FILTER_INVALID`,
            `SORT_INVALID`, `CURSOR_INVALID`), or the role may read no column.
    """
    started = time.perf_counter()
    description = await describe(reader, table)
    request = _prepare(table, description, filters=filters, sort=sort, position=position, limit=limit, longest=longest)
    keyed = isinstance(request.cursor, KeyCursor) if request.cursor else _has_key(description)
    fetch = _by_key if keyed else _by_offset
    try:
        found = await fetch(reader, request, position)
    except DBAPIError as error:
        await _blame_input(reader, request, error)
        raise
    rows, cut = _cut(found.rows, len(request.columns), longest)
    estimate = table.estimated_rows if description.estimated_rows is None else description.estimated_rows
    return Page(
        columns=request.columns,
        rows=rows,
        next=cursors.encode(found.next) if found.next else None,
        previous=cursors.encode(found.previous) if found.previous else None,
        estimated_rows=None if filters else estimate,
        ordering=Ordering.KEY if keyed else Ordering.OFFSET,
        cut=cut,
        seconds=time.perf_counter() - started,
    )


def _has_key(description: Description) -> bool:
    readable = {column.name for column in description.columns if column.readable}
    return bool(description.key) and readable.issuperset(description.key)


def _prepare(
    table: Table,
    description: Description,
    *,
    filters: Sequence[Filter],
    sort: Sequence[Sort],
    position: Position,
    limit: int,
    longest: int | None,
) -> _Request:
    columns = tuple(column for column in description.columns if column.readable)
    if description.columns and not columns:
        raise _forbidden(table)
    path = f"{quote_name(table.schema)}.{quote_name(table.name)}"
    cursor = None if isinstance(position, Edge) else cursors.decode(position.cursor, path)
    asked = _resolve(description, sort)
    if cursor is not None and not asked:
        asked = _resolve_cursor(description, cursor)
    order = _with_key(description, asked) if _has_key(description) else asked
    where = tuple((description.column(each.column), each) for each in filters)
    request = _Request(path, columns, where, order, cursor, Rows(table, columns, where), limit, longest)
    if cursor is not None and (
        cursor.order != request.named_order or isinstance(cursor, KeyCursor) is not _has_key(description)
    ):
        shown = ", ".join(f"{column}:{direction}" for column, direction in cursor.order)
        raise cursors.invalid(f"It was made for another order of the rows: {shown or 'none'}.")
    return request


def _resolve(description: Description, sort: Sequence[Sort]) -> tuple[Ordered, ...]:
    order: dict[str, Ordered] = {}
    for each in sort:
        column = description.column(each.column)
        order.setdefault(column.name, Ordered(column, each.direction))
    return tuple(order.values())


def _resolve_cursor(description: Description, cursor: Cursor) -> tuple[Ordered, ...]:
    try:
        return _resolve(description, [Sort(Name(name, quoted=True), way) for name, way in cursor.order])
    except Failure as failure:
        raise cursors.invalid(f"It orders rows by a column that is gone. {failure.finding.title}.") from None


def _with_key(description: Description, order: tuple[Ordered, ...]) -> tuple[Ordered, ...]:
    """Add what is missing of the key, in the direction of the last column: one index then serves both."""
    there = {each.column.name for each in order}
    direction = order[-1].direction if order else Direction.ASCENDING
    rest = [description.column(Name(name, quoted=True)) for name in description.key if name not in there]
    return (*order, *(Ordered(column, direction) for column in rest))


async def _by_key(reader: Reader, request: _Request, position: Position) -> _Found:
    backwards = isinstance(position, Before) or position is Edge.LAST
    order = [_reversed(each) for each in request.order] if backwards else list(request.order)
    values: tuple[str | None, ...] = ()
    segments: list[Segment] = [()]
    if isinstance(request.cursor, KeyCursor):
        values = request.cursor.values
        keys = [Key(index, each.direction, each.column.nullable) for index, each in enumerate(order)]
        segments = segments_after(keys, [value is None for value in values])
    rows: list[Row] = []
    wanted = request.limit + 1
    for segment in segments:
        statement = request.rows.by_key(order, segment, values, limit=wanted - len(rows), longest=request.longest)
        rows += [tuple(row) for row in await reader.execute(statement)]
        if len(rows) == wanted:
            break
    more = len(rows) == wanted
    rows = rows[: request.limit]
    if backwards:
        rows.reverse()
    here = request.cursor
    ends = [_place(request, rows[index]) for index in (0, -1)] if rows else [here, here]
    came_from = here is not None
    return _Found(
        rows=rows,
        previous=ends[0] if (more if backwards else came_from) else None,
        next=ends[1] if (came_from if backwards else more) else None,
    )


def _reversed(each: Ordered) -> Ordered:
    return Ordered(each.column, each.direction.reversed)


def _place(request: _Request, row: Row) -> Cursor:
    return KeyCursor(request.table, request.named_order, row[len(request.columns) :])


async def _by_offset(reader: Reader, request: _Request, position: Position) -> _Found:
    here = request.cursor.offset if isinstance(request.cursor, OffsetCursor) else 0
    limit = request.limit
    start = here
    if isinstance(position, Before):
        start, limit = max(0, here - limit), min(here, limit)
    elif position is Edge.LAST:
        start = max(0, (await reader.execute(request.rows.count())).scalar_one() - limit)
    statement = request.rows.by_offset(request.order, start, limit=limit + 1, longest=request.longest)
    rows = [tuple(row) for row in await reader.execute(statement)]
    if not request.columns:
        rows = [() for _ in rows]
    return _Found(
        rows=rows[:limit],
        previous=OffsetCursor(request.table, request.named_order, start) if start else None,
        next=OffsetCursor(request.table, request.named_order, start + limit) if len(rows) > limit else None,
    )


def _cut(rows: Sequence[Row], width: int, longest: int | None) -> tuple[tuple[Row, ...], frozenset[tuple[int, int]]]:
    shown = tuple(row[:width] for row in rows)
    if longest is None:
        return shown, frozenset()
    cut = frozenset(
        (number, place)
        for number, row in enumerate(shown)
        for place, cell in enumerate(row)
        if cell is not None and len(cell) > longest
    )
    numbers = {number for number, _ in cut}
    return (
        tuple(
            tuple(cell and cell[:longest] for cell in row) if number in numbers else row
            for number, row in enumerate(shown)
        ),
        cut,
    )


async def _blame_input(reader: Reader, request: _Request, error: DBAPIError) -> None:
    """Raise what is wrong with the filters, the order or the cursor, where one of them made the server refuse.

    Class 22 is a value that its type cannot read, 42883 an operator that the type has not
    (https://www.postgresql.org/docs/current/errcodes-appendix.html). Rows can cause both, in a view, so each input is
    tried by itself.
    """
    code = sqlstate(error) or ""
    if not code.startswith("22") and code != "42883":
        return
    for column, each in request.where:
        value = typed(each.value or "", column)
        if each.value is not None and (refusal := await _refusal(reader, [condition(value, column, each)])):
            raise filters.invalid(str(each), f"The column {column.name} is of type {column.type}.", refusal)
    for ordered, text in zip(request.order, _values(request.cursor), strict=False):
        if text is not None and (refusal := await _refusal(reader, [typed(text, ordered.column)])):
            raise cursors.invalid(f"Its value for {ordered.column.name} cannot be read: {refusal}")
    if code == "42883" and request.order:
        unsortable = ", ".join(f"{each.column.name} ({each.column.type})" for each in request.order)
        raise Failure(
            Finding(
                Code.SORT_INVALID,
                "The rows cannot be sorted that way",
                f"A type among these has no order: {unsortable}.",
                evidence=server_words(error),
                fixes=(Fix("Sort by another column"),),
            )
        )


def _values(cursor: Cursor | None) -> Iterable[str | None]:
    return cursor.values if isinstance(cursor, KeyCursor) else itertools.repeat(None)


async def _refusal(reader: Reader, expressions: Sequence[sa.ColumnElement[bool] | sa.ColumnElement[str]]) -> str | None:
    await reader.rollback()
    try:
        await reader.execute(sa.select(*expressions))
    except DBAPIError as error:
        return server_words(error)
    return None


def _forbidden(table: Table) -> Failure:
    return Failure(
        Finding(
            Code.DATABASE_PERMISSION,
            f"You may not read {table.path}",
            "The role has no SELECT on the table, nor on any of its columns.",
            fixes=(Fix(f"As the owner: GRANT SELECT ON {table.path} TO your role"),),
        )
    )
