"""Conditions as SQL, put together by SQLAlchemy: every value travels as a bound text and is cast to its type there."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import UserDefinedType

from stack.tables.description import Column, Family
from stack.tables.filters import Arrow, Filter, Operator, Path

# Casting these to text drops the padding, or adds a netmask; what Postgres prints is asked of their output function.
_CAST_DIFFERS: Final = frozenset({"bpchar", "inet"})

Condition = sa.ColumnElement[bool]
Value = sa.ColumnElement[str]

_COMPARISONS: Final[dict[Operator, Callable[[Value, Value], Condition]]] = {
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
    Operator.DISTINCT: lambda left, value: left.is_distinct_from(value),
    Operator.HAS: lambda left, value: left.bool_op("@>")(postgresql.array([value])),
    Operator.OVERLAPS: lambda left, value: left.bool_op("&&")(value),
    Operator.MATCHES: lambda left, value: left.bool_op("@?")(value),
}


class NamedType(UserDefinedType[str]):
    """A type by the name that the server gave; `format_type` has quoted it where it must be."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        """Be the type called `name`."""
        self.name = name

    def get_col_spec(self, **_options: object) -> str:
        """Return the name as a statement has it."""
        # The driver reads a lone % as the start of a parameter.
        return self.name.replace("%", "%%")


@dataclass(frozen=True, slots=True)
class _Subject:
    """What a condition is about: an expression, the name of its type, and whether that is composite."""

    expression: Value
    type: str
    composite: bool = False


def exactly(name: str) -> sa.quoted_name:
    """Return `name` as SQLAlchemy quotes it always: what it takes for harmless may be a reserved word tomorrow."""
    return sa.quoted_name(name, quote=True)


def typed(value: str, column: Column) -> Value:
    """Return `value` bound as text and cast to the type of `column`."""
    return _bound(value, column.base_type)


def compared(left: Value, column: Column) -> Value:
    """Return `left`, which is `column`, as what operators know: a domain over an enum has none of its own.

    Such a cast changes no value, and indexes of the column serve it as they serve the column.
    """
    same = column.type.partition("(")[0] == column.base_type
    return left if same else sa.cast(left, NamedType(column.base_type))


def printed(left: Value, column: Column) -> sa.ColumnElement[str | None]:
    """Return the text of `left`, which is `column` or has its type, as Postgres prints it."""
    return _printed(_Subject(left, column.base_type))


def is_null(left: Value, column: Column) -> Condition:
    """Return whether `left`, which is `column` or has its type, is NULL as a whole."""
    return _is_null(_Subject(left, column.base_type, column.family is Family.COMPOSITE))


def condition(left: Value, column: Column, each: Filter) -> Condition:
    """Return the condition that `each` is on `left`, which is `column` or has its type."""
    about = _subject(left, column, each)
    match each.operator:
        case Operator.CONTAINS:
            return _printed(about).icontains(each.values[0], autoescape=True)
        case Operator.NULL:
            return _is_null(about)
        case Operator.NOT_NULL:
            return ~_is_null(about)
        case Operator.BETWEEN:
            low, high = _operands(about, each)
            return about.expression.between(low, high)
        case Operator.ONE_OF:
            return about.expression.in_(_operands(about, each))
        case comparison:
            return _COMPARISONS[comparison](about.expression, *_operands(about, each))


def subject(left: Value, column: Column, each: Filter) -> Value:
    """Return what of `left`, which is `column`, the condition `each` is about: all of it, or what is at a path."""
    return _subject(left, column, each).expression


def trial(column: Column, each: Filter) -> sa.Select[*tuple[object, ...]]:
    """Return a statement that reads no row, and that the server refuses where it would refuse `each` on `column`.

    It reads each value by itself, since a comparison with NULL would not read it.
    """
    nothing = sa.cast(sa.null(), NamedType(column.base_type))
    return sa.select(*_operands(_subject(nothing, column, each), each), condition(nothing, column, each))


def _subject(left: Value, column: Column, each: Filter) -> _Subject:
    if each.path is not None:
        return _inside(left, column, each.path)
    if each.operator is Operator.MATCHES and column.base_type == "json":
        return _Subject(sa.cast(left, NamedType("jsonb")), "jsonb")
    return _Subject(compared(left, column), column.base_type, column.family is Family.COMPOSITE)


def _inside(left: Value, column: Column, path: Path) -> _Subject:
    # JSON of the type json cannot be compared; what is in it as text is read as it is written.
    reached = sa.cast(left, NamedType("jsonb")) if column.base_type == "json" and path.arrow is Arrow.JSON else left
    for place, step in enumerate(path.steps, 1):
        arrow = path.arrow if place == len(path.steps) else Arrow.JSON
        reached = reached.op(arrow.value)(_bound(str(step), "integer" if isinstance(step, int) else "text"))
    return _Subject(reached, "text" if path.arrow is Arrow.TEXT else "jsonb")


def _operands(subject: _Subject, each: Filter) -> list[Value]:
    match each.operator:
        case Operator.CONTAINS:
            return []
        case Operator.HAS:
            return [_bound(each.values[0], subject.type.removesuffix("[]"))]
        case Operator.MATCHES:
            return [_bound(each.values[0], "jsonpath")]
        case _:
            return [_bound(value, subject.type) for value in each.values]


def _bound(value: str, type_: str) -> Value:
    return sa.cast(sa.bindparam(None, value, type_=sa.Text, unique=True), NamedType(type_))


def _printed(subject: _Subject) -> sa.ColumnElement[str | None]:
    left = subject.expression
    if subject.type not in _CAST_DIFFERS:
        return cast("sa.ColumnElement[str | None]", sa.cast(left, sa.Text))
    return sa.case((left.is_(None), None), else_=sa.func.format("%s", left, type_=sa.Text))


def _is_null(subject: _Subject) -> Condition:
    # A composite value IS NULL already where all of its fields are, though it sorts and prints as a value.
    left = subject.expression
    return left.is_not_distinct_from(sa.null()) if subject.composite else left.is_(None)
