"""What becomes of a column's values when its type changes."""

from enum import Enum, auto
from typing import Final

from stack.migrations.risks.operations import Type


class Conversion(Enum):
    """How much a change of type is."""

    SAME = auto()
    """The stored values stay as they are."""
    REWRITTEN = auto()
    """Each value is computed anew, and all of them have a place in the new type."""
    NARROWED = auto()
    """As `REWRITTEN`, and some values may be cut, rounded or refused."""


# Each may become any that comes after it without losing anything.
_WIDENING: Final = (("int2", "int4", "int8", "numeric"), ("float4", "float8"), ("date", "timestamp"), ("json", "text"))
_LOSSLESS: Final = frozenset({("date", "timestamptz"), ("timestamp", "timestamptz"), ("timestamptz", "timestamp")})
_SCALED: Final = {"timestamp", "timestamptz", "time", "timetz", "interval"}


def convert(old: Type, new: Type) -> Conversion:
    """Say what a change from `old` to `new` does, where USING computes nothing.

    Postgres leaves a table as it is where the old type is binary coercible to the new one, or a greater length or
    precision takes every old value as it is (https://www.postgresql.org/docs/18/sql-altertable.html, Notes).
    """
    if old == new or (old.name, new) in {("varchar", Type("text")), ("text", Type("varchar")), ("cidr", Type("inet"))}:
        return Conversion.SAME
    if old.name == new.name:
        return _resize(old, new)
    if (old.name, new.name) in _LOSSLESS or (old.name == "json" and new.name == "jsonb"):
        return Conversion.REWRITTEN
    if new.name in {"text", "varchar"} and not new.modifiers:
        return Conversion.REWRITTEN
    wider = any(
        new.name in kinds[kinds.index(old.name) + 1 :] and not new.modifiers for kinds in _WIDENING if old.name in kinds
    )
    return Conversion.REWRITTEN if wider else Conversion.NARROWED


def _resize(old: Type, new: Type) -> Conversion:
    if new.name in {"varchar", "varbit"}:
        grows = not new.modifiers or (bool(old.modifiers) and new.modifiers >= old.modifiers)
        return Conversion.SAME if grows else Conversion.NARROWED
    if new.name == "numeric":
        return _resize_numeric(old.modifiers, new.modifiers)
    if new.name in _SCALED:
        grows = not new.modifiers or (bool(old.modifiers) and new.modifiers >= old.modifiers)
        return Conversion.SAME if grows else Conversion.NARROWED
    grows = not new.modifiers or (bool(old.modifiers) and new.modifiers >= old.modifiers)
    return Conversion.REWRITTEN if grows else Conversion.NARROWED


def _resize_numeric(old: tuple[int, ...], new: tuple[int, ...]) -> Conversion:
    if not new:
        return Conversion.SAME
    if not old:
        return Conversion.NARROWED
    (old_digits, old_scale), (digits, scale) = ((*each, 0)[:2] for each in (old, new))
    if scale == old_scale:
        return Conversion.SAME if digits >= old_digits else Conversion.NARROWED
    return (
        Conversion.REWRITTEN if scale > old_scale and digits - scale >= old_digits - old_scale else Conversion.NARROWED
    )
