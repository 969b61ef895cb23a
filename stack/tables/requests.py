"""What was asked for, with every name looked up: the columns, the conditions, and an order that leaves no ties."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from stack.findings import Code, Failure, Finding, Fix
from stack.tables import cursors
from stack.tables.catalogue import Table
from stack.tables.cursors import Cursor, KeyCursor
from stack.tables.description import Column, Description
from stack.tables.filters import Filter
from stack.tables.names import Name, quote_name
from stack.tables.sorting import Direction, Sort
from stack.tables.statements import Ordered, Rows


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


def prepare(
    table: Table,
    description: Description,
    *,
    filters: Sequence[Filter],
    sort: Sequence[Sort],
    position: Position,
    limit: int,
    longest: int | None,
) -> Request:
    """Look up what was asked for of `table`.

    Raises:
        Failure: a column that is not there, a cursor that does not fit, or no column that the role may read.
    """
    columns = tuple(column for column in description.columns if column.readable)
    if description.columns and not columns:
        raise _forbidden(table)
    keyed = bool(description.key) and {column.name for column in columns}.issuperset(description.key)
    path = f"{quote_name(table.schema)}.{quote_name(table.name)}"
    cursor = None if isinstance(position, Edge) else cursors.decode(position.cursor, path)
    asked = _resolve(description, sort)
    if cursor is not None and not asked:
        asked = _resolve_cursor(description, cursor)
    order = _with_key(description, asked) if keyed else asked
    where = tuple((description.column(each.column), each) for each in filters)
    request = Request(
        table=path,
        columns=columns,
        where=where,
        order=order,
        keyed=keyed,
        position=position,
        cursor=cursor,
        rows=Rows(table, description.columns, where),
        limit=limit,
        longest=longest,
    )
    if cursor is not None and (cursor.order != request.named_order or isinstance(cursor, KeyCursor) is not keyed):
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


def _forbidden(table: Table) -> Failure:
    return Failure(
        Finding(
            Code.DATABASE_PERMISSION,
            f"You may not read {table.path}",
            "The role has no SELECT on the table, nor on any of its columns.",
            fixes=(Fix(f"As the owner: GRANT SELECT ON {table.path} TO your role"),),
        )
    )
