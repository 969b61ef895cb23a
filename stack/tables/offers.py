"""What a filter on a column can ask: the operators that fit its type, and the values that there are to pick."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text

from stack.tables.description import Column, Family
from stack.tables.filters import Operator
from stack.tables.reading import Reader

_TEXTS: Final = frozenset({"text", "character varying", "bpchar", "citext", "name"})

_NULLS: Final = (Operator.NULL, Operator.NOT_NULL)
_EQUALITY: Final = (Operator.EQUAL, Operator.NOT_EQUAL)
_REST: Final = (Operator.DISTINCT, *_NULLS)
_ORDER: Final = (Operator.BETWEEN, Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST)
_TEXT: Final = (Operator.CONTAINS, *_EQUALITY, Operator.ONE_OF, *_ORDER, *_REST)
_ORDERED: Final = (Operator.EQUAL, *_ORDER, Operator.ONE_OF, Operator.NOT_EQUAL, Operator.CONTAINS, *_REST)
_PICKED: Final = (Operator.EQUAL, Operator.ONE_OF, Operator.NOT_EQUAL, *_REST)
_OPAQUE: Final = (*_EQUALITY, Operator.CONTAINS, *_REST)

_BY_FAMILY: Final = {
    Family.BOOLEAN: _PICKED,
    Family.ARRAY: (Operator.HAS, Operator.OVERLAPS, *_OPAQUE),
    Family.RANGE: (Operator.OVERLAPS, *_OPAQUE),
    Family.BYTES: _OPAQUE,
    Family.COMPOSITE: _OPAQUE,
}

_LABELS: Final = text(
    """
    SELECT e.enumlabel FROM pg_catalog.pg_type t JOIN pg_catalog.pg_enum e ON e.enumtypid IN (t.oid, t.typelem)
    WHERE t.oid = to_regtype(:type) ORDER BY e.enumsortorder
    """
)


def operators(column: Column, labels: Sequence[str], path: str) -> tuple[Operator, ...]:
    """Return the operators that fit `column`, the likeliest first.

    `labels` are the values that there are to pick, `path` leads into JSON where it is not empty.
    """
    if column.family is Family.JSON:
        whole = (Operator.CONTAINS, *_NULLS) if column.base_type == "json" else _OPAQUE
        return _TEXT if path else (Operator.MATCHES, *whole)
    if column.family in _BY_FAMILY:
        return _BY_FAMILY[column.family]
    if labels:
        return _PICKED
    return _TEXT if column.base_type in _TEXTS else _ORDERED


async def values_to_pick(reader: Reader, column: Column) -> tuple[str, ...]:
    """Return all values that `column`, or an element of it, can have besides NULL; none where they are not few."""
    if column.family is Family.BOOLEAN:
        return "true", "false"
    return tuple((await reader.execute(_LABELS, {"type": column.base_type})).scalars())
