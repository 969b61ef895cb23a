"""The SQL of a page, put together by SQLAlchemy: names quoted by it, values bound by it, nothing pasted in.

Values travel as text and are cast on the server to the type of their column, and come back as the text that Postgres
prints: Python never sees them as numbers or dates, so nothing is rounded, refused or moved to another time zone.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from stack.tables.catalogue import Table
from stack.tables.conditions import NamedType, compared, condition, exactly, is_null, printed
from stack.tables.description import Column
from stack.tables.filters import Filter
from stack.tables.keyset import Condition, Key, Relation, Segment
from stack.tables.sorting import Direction

_AFTER: Final[dict[tuple[Relation, bool], Callable[[sa.Tuple, sa.Tuple], sa.ColumnElement[bool]]]] = {
    (Relation.BEYOND, True): operator.gt,
    (Relation.BEYOND, False): operator.lt,
    (Relation.FROM, True): operator.ge,
    (Relation.FROM, False): operator.le,
}

Texts = sa.Select[*tuple[str | None, ...]]
"""A statement whose rows are texts."""

Shown = Callable[[sa.ColumnElement[str], Column], sa.ColumnElement[str | None]]
"""What a column's value is selected as."""


def _key(index: int) -> str:
    return f"key_{index}"


def key_parameters(values: Sequence[str | None]) -> dict[str, object]:
    """Return the parameters of `Rows.by_key` that change from one page to the next."""
    return {_key(index): value or "" for index, value in enumerate(values)}


@dataclass(frozen=True, slots=True)
class Ordered:
    """A column of the order and its direction."""

    column: Column
    direction: Direction


class Rows:
    """A table as a source of rows: the columns that are shown, the conditions that all of them meet."""

    def __init__(self, table: Table, columns: Sequence[Column], where: Sequence[tuple[Column, Filter]]) -> None:
        """Take the table, all its columns, of which the readable ones are shown, and each filter with its column."""
        self._columns = [column for column in columns if column.readable]
        # Columns are always named with their table: ORDER BY takes a bare name for the text that is selected.
        named = [sa.column(exactly(column.name), NamedType(column.base_type)) for column in columns]
        self._source = sa.table(exactly(table.name), *named, schema=exactly(table.schema)).alias("source")
        self._where = [condition(self._of(column), column, each) for column, each in where]

    def by_key(
        self,
        order: Sequence[Ordered],
        segment: Segment,
        values: Sequence[str | None],
        *,
        limit: int,
        longest: int | None,
    ) -> Texts:
        """Return at most `limit` rows of one segment in `order`: the columns shown, then the order's, in full.

        The values are the parameters that `key_parameters` names: the statement is one for all of them. The limit is
        none: of one that it does not know the server expects a tenth of all rows, and plans for those.
        """
        keys = [sa.cast(self._of(each.column), sa.Text) for each in order]
        bounds = [self._bound(each, order, values) for each in segment]
        return (
            sa.select(*self._shown(longest), *keys)
            .select_from(self._source)
            .where(*self._where, *bounds)
            .order_by(*self._order(order))
            .limit(sa.literal_column(str(limit), sa.Integer))
        )

    def by_offset(self, order: Sequence[Ordered], offset: int, *, limit: int, longest: int | None) -> Texts:
        """Return at most `limit` rows after the first `offset`.

        Rows that `order` holds equal are told apart by all that they print, so that pages agree on their order.
        """
        # One row value: a list of columns has room for 1,664, which the widest table would fill twice.
        texts = [sa.cast(self._of(column), sa.Text) for column in self._columns]
        ties = [sa.func.row(*texts)] if order and texts else []
        return (
            # A table may have no columns, and still rows.
            sa.select(*(self._shown(longest) or [sa.cast(sa.null(), sa.Text)]))
            .select_from(self._source)
            .where(*self._where)
            .order_by(*self._order(order), *ties)
            .limit(limit)
            .offset(offset)
        )

    def all(self, order: Sequence[Ordered], shown: Shown) -> Texts:
        """Return every row in `order`, with each column as `shown` makes it, under the column's own name."""
        cells = [shown(self._of(column), column).label(exactly(column.name)) for column in self._columns]
        return sa.select(*cells).select_from(self._source).where(*self._where).order_by(*self._order(order))

    def count(self) -> sa.Select[int]:
        """Return how many rows there are, which reads them all."""
        return sa.select(sa.func.count()).select_from(self._source).where(*self._where)

    def _of(self, column: Column) -> sa.ColumnElement[str]:
        return self._source.c[column.name]

    def _shown(self, longest: int | None) -> list[sa.ColumnElement[str | None]]:
        texts = [printed(self._of(column), column) for column in self._columns]
        # One character more than asked for shows that there is more.
        return texts if longest is None else [sa.func.left(text, longest + 1) for text in texts]

    def _order(self, order: Sequence[Ordered]) -> list[sa.UnaryExpression[str]]:
        return [
            self._of(each.column).asc() if each.direction is Direction.ASCENDING else self._of(each.column).desc()
            for each in order
        ]

    def _bound(
        self, bound: Condition, order: Sequence[Ordered], values: Sequence[str | None]
    ) -> sa.ColumnElement[bool]:
        columns = [compared(self._of(column), column) for column in (order[key.index].column for key in bound.keys)]
        match bound.relation:
            case Relation.NULL:
                return is_null(columns[0], order[bound.keys[0].index].column)
            case Relation.NOT_NULL:
                return ~is_null(columns[0], order[bound.keys[0].index].column)
            case Relation.EQUAL:
                return columns[0] == self._value(bound.keys[0], order, values)
            case Relation.BEYOND | Relation.FROM:
                left, right = sa.tuple_(*columns), sa.tuple_(*(self._value(key, order, values) for key in bound.keys))
                ascending = bound.keys[0].direction is Direction.ASCENDING
                return _AFTER[bound.relation, ascending](left, right)

    def _value(self, key: Key, order: Sequence[Ordered], values: Sequence[str | None]) -> sa.ColumnElement[str]:
        # Of its type from the start: a text would be cast for each row that is looked at.
        itself = NamedType(order[key.index].column.base_type)
        return sa.cast(sa.bindparam(_key(key.index), values[key.index] or "", itself), itself)
