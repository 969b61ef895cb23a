"""Paging by key: which rows come after a row, so that a page deep in a table costs what the first one costs.

The rows after a row are cut into segments: each is one range of the order, each follows the one before, and each is a
condition that an index can start at. For keys without NULLs and with one direction there is one segment, a comparison
of row values; NULLs and mixed directions need more, since a single condition for them would have to be an OR, which
Postgres answers by reading from the start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from stack.tables.sorting import Direction


@dataclass(frozen=True, slots=True)
class Key:
    """One column of the order, by its position among them; `nullable` where it may hold NULL."""

    index: int
    direction: Direction
    nullable: bool


class Relation(Enum):
    """How a column of the rows that are looked for relates to the row that they come after."""

    EQUAL = "="
    BEYOND = "beyond"
    FROM = "from"
    NULL = "is null"
    NOT_NULL = "is not null"


@dataclass(frozen=True, slots=True)
class Condition:
    """How keys relate to those of the row: one key, or for `BEYOND` and `FROM` several, compared as a row value."""

    relation: Relation
    keys: tuple[Key, ...]


Segment = tuple[Condition, ...]
"""Conditions that all hold."""


def segment_from(keys: Sequence[Key]) -> Segment:
    """Return the segment that holds a row and those after it; `keys` have one direction and hold no NULL."""
    return (Condition(Relation.FROM, tuple(keys)),)


def segments_after(keys: Sequence[Key], nulls: Sequence[bool]) -> list[Segment]:
    """Return the segments that hold the rows after one row, in order; `nulls` says which of its keys are NULL."""
    if not keys:
        return []
    first, run = keys[0], _run(keys, nulls)
    equal = tuple(
        Condition(Relation.NULL if null else Relation.EQUAL, (key,)) for key, null in zip(run, nulls, strict=False)
    )
    segments = [(*equal, *segment) for segment in segments_after(keys[len(run) :], nulls[len(run) :])]
    ascending = first.direction is Direction.ASCENDING
    if not nulls[0]:
        segments.append((Condition(Relation.BEYOND, run),))
    if first.nullable and nulls[0] is not ascending:
        # NULLs come last in ascending order, and what is not NULL after them in descending order.
        segments.append((Condition(Relation.NULL if ascending else Relation.NOT_NULL, (first,)),))
    return segments


def _run(keys: Sequence[Key], nulls: Sequence[bool]) -> tuple[Key, ...]:
    """Return the keys from the start that one comparison of row values can order.

    They share a direction, and only the first may hold NULL: a comparison of rows says neither yes nor no at a NULL.
    """
    length = 1
    while (
        not nulls[0]
        and length < len(keys)
        and keys[length].direction is keys[0].direction
        and not keys[length].nullable
    ):
        length += 1
    return tuple(keys[:length])
