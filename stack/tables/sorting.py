"""The order of rows: ``COLUMN``, ``COLUMN:asc`` or ``COLUMN:desc``."""

from dataclasses import dataclass
from enum import StrEnum

from stack.findings import Code, Failure, Finding, Fix
from stack.tables.names import Name, quote_name, take_name


class Direction(StrEnum):
    """Which end comes first. NULLs are where Postgres puts them: last when ascending, first when descending."""

    ASCENDING = "asc"
    DESCENDING = "desc"

    @property
    def reversed(self) -> "Direction":
        """The other direction; it reverses the place of NULLs too."""
        return Direction.DESCENDING if self is Direction.ASCENDING else Direction.ASCENDING


@dataclass(frozen=True, slots=True)
class Sort:
    """One column to sort by."""

    column: Name
    direction: Direction = Direction.ASCENDING

    def __str__(self) -> str:
        """Return it as a person would type it; `parse_sort` reads it back."""
        return f"{quote_name(self.column.text)}:{self.direction.value}"


def parse_sort(text: str) -> Sort:
    """Read one ``--sort``.

    Raises:
        Failure: it is no column with a direction (`Code.SORT_INVALID`).
    """
    taken = take_name(text)
    if taken is not None:
        column, rest = taken
        direction = rest.strip().removeprefix(":").strip().lower()
        if not rest.strip():
            return Sort(column)
        if rest.lstrip().startswith(":") and direction in set(Direction):
            return Sort(column, Direction(direction))
    raise Failure(
        Finding(
            Code.SORT_INVALID,
            f"{text!r} is no sort order",
            "Expected COLUMN, COLUMN:asc or COLUMN:desc, with the column in double quotes where its name has a space "
            "or a sign in it.",
            fixes=(Fix("Name a column", "--sort COLUMN:desc"),),
        )
    )
