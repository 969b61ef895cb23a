"""A place in a table's order; as text, which fits into a URL and an argument, it is what ``--after`` takes.

A cursor carries the table, the order, and the row's key values as Postgres prints them; or, where rows have no key, how
many of them came before. It is no secret and proves nothing: the server reads its values like those of any filter.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Final, TypedDict

from stack.findings import Code, Failure, Finding, Fix
from stack.tables.names import storable
from stack.tables.sorting import Direction

Order = tuple[tuple[str, Direction], ...]
"""Columns and directions, the most significant first."""


@dataclass(frozen=True, slots=True)
class KeyCursor:
    """A row by the values that the order compares."""

    table: str
    order: Order
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class OffsetCursor:
    """A place by the number of rows before it; `order` is what was asked for."""

    table: str
    order: Order
    offset: int


Cursor = KeyCursor | OffsetCursor

_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class _Packed(TypedDict, total=False):
    t: str
    o: list[list[str]]
    v: list[str | None]
    n: int


def encode(cursor: Cursor) -> str:
    """Return `cursor` as text of letters, digits, ``-`` and ``_``."""
    packed: _Packed = {"t": cursor.table, "o": [[column, direction.value] for column, direction in cursor.order]}
    match cursor:
        case KeyCursor():
            packed["v"] = list(cursor.values)
        case OffsetCursor():
            packed["n"] = cursor.offset
    return base64.urlsafe_b64encode(_JSON.encode(packed).encode("utf-8")).decode("ascii").rstrip("=")


def decode(text: str) -> Cursor:
    """Read what `encode` wrote.

    Raises:
        Failure: it is something else (`Code.CURSOR_INVALID`).
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = _read(json.loads(raw.decode("utf-8")))
    except (binascii.Error, ValueError, RecursionError):
        cursor = None
    if cursor is None:
        raise invalid("It is no cursor: it was cut, or changed, or never was one.")
    return cursor


def invalid(cause: str) -> Failure:
    """Return the failure of a cursor that cannot be used."""
    return Failure(
        Finding(
            Code.CURSOR_INVALID,
            "The cursor does not fit",
            cause,
            fixes=(Fix("Begin at the first page, without --after"),),
        )
    )


def _read(packed: object) -> Cursor | None:
    match packed:
        case {"t": str(table), "o": list(pairs), "v": list(values)}:
            order = _read_order(pairs)
            texts = tuple(value for value in values if value is None or (isinstance(value, str) and storable(value)))
            fits = order is not None and len(texts) == len(values) == len(order)
            return KeyCursor(table, order, texts) if order is not None and fits else None
        case {"t": str(table), "o": list(pairs), "n": int(offset)} if offset is not True and 0 <= offset < 1 << 62:
            order = _read_order(pairs)
            return OffsetCursor(table, order, offset) if order is not None else None
        case _:
            return None


def _read_order(pairs: list[object]) -> Order | None:
    order: list[tuple[str, Direction]] = []
    for pair in pairs:
        match pair:
            case [str(column), ("asc" | "desc") as direction]:
                order.append((column, Direction(direction)))
            case _:
                return None
    return tuple(order)
