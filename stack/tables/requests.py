"""What was asked for, with every name looked up: the columns, the conditions, and an order that leaves no ties."""

from collections.abc import Sequence
from dataclasses import dataclass

from stack.findings import Code, Failure, Finding, Fix
from stack.tables import cursors
from stack.tables.catalogue import Table
from stack.tables.cursors import Cursor, KeyCursor
from stack.tables.description import Column, Description
from stack.tables.filters import Filter
from stack.tables.names import Name, quote_name, storable
from stack.tables.query import At, Before, Edge, PageQuery, Position
from stack.tables.sorting import Direction, Sort
from stack.tables.statements import Ordered, Rows


@dataclass(frozen=True, slots=True)
class Request:
    """A page that was asked for. Where the table has a key, `keyed`, `order` ends with it."""

    table: str
    columns: tuple[Column, ...]
    where: tuple[tuple[Column, Filter], ...]
    order: tuple[Ordered, ...]
    keyed: bool
    position: Position
    cursor: Cursor | None
    rows: Rows
    limit: int
    longest: int | None

    @property
    def backwards(self) -> bool:
        """Whether rows are looked for from the end of the page to its beginning."""
        return isinstance(self.position, Before) or self.position is Edge.LAST

    @property
    def named_order(self) -> cursors.Order:
        """The order as cursors carry it."""
        return tuple((each.column.name, each.direction) for each in self.order)


def prepare(description: Description, query: PageQuery) -> Request:
    """Look up what `query` asks for; `description` is of its table.

    Raises:
        Failure: a column that is not there, a cursor that does not fit, or no column that the role may read.
    """
    table, position, sort = query.table, query.position, query.sort
    columns = tuple(column for column in description.columns if column.readable)
    if description.columns and not columns:
        raise _forbidden(table)
    keyed = bool(description.key) and {column.name for column in columns}.issuperset(description.key)
    path = f"{quote_name(table.schema)}.{quote_name(table.name)}"
    cursor: Cursor | None = None
    if isinstance(position, At):
        cursor, sort = _locate(table, description, position, path, keyed=keyed), ()
    elif not isinstance(position, Edge):
        cursor = position.cursor
        if cursor.table != path:
            raise cursors.invalid(f"It was made for the table {cursor.table}, and this is {path}.")
    asked = _resolve(description, sort)
    if cursor is not None and not asked:
        asked = _resolve_cursor(description, cursor)
    order = _with_key(description, asked) if keyed else asked
    where = tuple((description.column(each.column), each) for each in query.filters)
    request = Request(
        table=path,
        columns=columns,
        where=where,
        order=order,
        keyed=keyed,
        position=position,
        cursor=cursor,
        rows=Rows(table, description.columns, where),
        limit=query.limit,
        longest=query.longest,
    )
    if cursor is not None and (cursor.order != request.named_order or isinstance(cursor, KeyCursor) is not keyed):
        shown = ", ".join(f"{column}:{direction}" for column, direction in cursor.order)
        raise cursors.invalid(f"It was made for another order of the rows: {shown or 'none'}.")
    return request


def _locate(table: Table, description: Description, position: At, path: str, *, keyed: bool) -> KeyCursor:
    """Return the place of a key that was typed, in the order of the key."""
    typed = position.values
    if not keyed:
        raise key_invalid(typed, f"{table.path} has no key that tells its rows apart.")
    if len(typed) != len(description.key):
        raise key_invalid(
            typed, f"The key of {table.path} is {', '.join(description.key)}: {len(description.key)} values."
        )
    if not all(map(storable, typed)):
        raise key_invalid(typed, "Postgres cannot hold a NUL, nor bytes that are no UTF-8.")
    return KeyCursor(path, tuple((name, Direction.ASCENDING) for name in description.key), typed)


def key_invalid(typed: Sequence[str], cause: str, evidence: str | None = None) -> Failure:
    """Return the failure of a key that there is no going to."""
    shown = ", ".join(typed)
    return Failure(
        Finding(
            Code.KEY_INVALID,
            f"There is no going to the key {shown!r}",
            cause,
            evidence=evidence,
            fixes=(Fix("Type a value for each column of the key, with commas between them"),),
        )
    )


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


def _forbidden(table: Table) -> Failure:
    return Failure(
        Finding(
            Code.DATABASE_PERMISSION,
            f"You may not read {table.path}",
            "The role has no SELECT on the table, nor on any of its columns.",
            fixes=(Fix(f"As the owner: GRANT SELECT ON {table.path} TO your role"),),
        )
    )
