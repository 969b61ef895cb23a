"""The SQL of a page, put together by SQLAlchemy: names quoted by it, values bound by it, nothing pasted in.

Values travel as text and are cast on the server to the type of their column, and come back as the text that Postgres
prints: Python never sees them as numbers or dates, so nothing is rounded, refused or moved to another time zone.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

import sqlalchemy as sa
from sqlalchemy.types import UserDefinedType

from stack.tables.catalogue import Table
from stack.tables.description import Column, Family
from stack.tables.filters import Filter, Operator
from stack.tables.keyset import Condition, Key, Relation, Segment
from stack.tables.sorting import Direction

# Casting these to text drops the padding, or adds a netmask; what Postgres prints is asked of their output function.
_CAST_DIFFERS: Final = frozenset({"bpchar", "inet"})

_COMPARISONS: Final[
    dict[Operator, Callable[[sa.ColumnElement[str], sa.ColumnElement[str]], sa.ColumnElement[bool]]]
] = {
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
}

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


_LIMIT: Final = "row_limit"


def _key(index: int) -> str:
    return f"key_{index}"


def key_parameters(values: Sequence[str | None], limit: int) -> dict[str, object]:
    """Return the parameters of `Rows.by_key` that change from one page to the next."""
    return {_LIMIT: limit} | {_key(index): value or "" for index, value in enumerate(values)}


class _NamedType(UserDefinedType[str]):
    """A type by the name that the server gave; `format_type` has quoted it where it must be."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_options: object) -> str:
        # The driver reads a lone % as the start of a parameter.
        return self.name.replace("%", "%%")


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
        named = [sa.column(exactly(column.name), _NamedType(column.base_type)) for column in columns]
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

        The limit and the values are the parameters that `key_parameters` names: the statement is one for all of them.
        """
        keys = [sa.cast(self._of(each.column), sa.Text) for each in order]
        bounds = [self._bound(each, order, values) for each in segment]
        return (
            sa.select(*self._shown(longest), *keys)
            .select_from(self._source)
            .where(*self._where, *bounds)
            .order_by(*self._order(order))
            .limit(sa.bindparam(_LIMIT, limit, sa.Integer))
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
        columns = [self._of(order[key.index].column) for key in bound.keys]
        match bound.relation:
            case Relation.NULL:
                return _is_null(columns[0], order[bound.keys[0].index].column)
            case Relation.NOT_NULL:
                return ~_is_null(columns[0], order[bound.keys[0].index].column)
            case Relation.EQUAL:
                return columns[0] == self._value(bound.keys[0], order, values)
            case Relation.BEYOND | Relation.FROM:
                left, right = sa.tuple_(*columns), sa.tuple_(*(self._value(key, order, values) for key in bound.keys))
                ascending = bound.keys[0].direction is Direction.ASCENDING
                return _AFTER[bound.relation, ascending](left, right)

    def _value(self, key: Key, order: Sequence[Ordered], values: Sequence[str | None]) -> sa.ColumnElement[str]:
        bound = sa.bindparam(_key(key.index), values[key.index] or "", sa.Text)
        return sa.cast(bound, _NamedType(order[key.index].column.base_type))


def typed(value: str, column: Column) -> sa.ColumnElement[str]:
    """Return `value` bound as text and cast to the type of `column`."""
    return sa.cast(sa.bindparam(None, value, type_=sa.Text, unique=True), _NamedType(column.base_type))


def condition(left: sa.ColumnElement[str], column: Column, each: Filter) -> sa.ColumnElement[bool]:
    """Return the condition that `each` is on `left`, which is `column` or has its type."""
    value = each.value or ""
    match each.operator:
        case Operator.CONTAINS:
            return printed(left, column).icontains(value, autoescape=True)
        case Operator.NULL:
            return _is_null(left, column)
        case Operator.NOT_NULL:
            return ~_is_null(left, column)
        case comparison:
            return _COMPARISONS[comparison](left, typed(value, column))


def printed(left: sa.ColumnElement[str], column: Column) -> sa.ColumnElement[str | None]:
    """Return the text of `left`, which is `column` or has its type, as Postgres prints it."""
    if column.base_type not in _CAST_DIFFERS:
        return cast("sa.ColumnElement[str | None]", sa.cast(left, sa.Text))
    return sa.case((left.is_(None), None), else_=sa.func.format("%s", left, type_=sa.Text))


def _is_null(left: sa.ColumnElement[str], column: Column) -> sa.ColumnElement[bool]:
    # A composite value IS NULL already where all of its fields are, though it sorts and prints as a value.
    return left.is_not_distinct_from(sa.null()) if column.family is Family.COMPOSITE else left.is_(None)


def exactly(name: str) -> sa.quoted_name:
    """Return `name` as SQLAlchemy quotes it always: what it takes for harmless may be a reserved word tomorrow."""
    return sa.quoted_name(name, quote=True)
