"""What is asked of a table: which of its rows, in which order, and which page of them.

Nothing here is looked up yet; `stack.tables.requests` does that.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    # The deck has queries from its start on, and all of this only once a table is there.
    from stack.tables.catalogue import Table
    from stack.tables.cursors import Cursor
    from stack.tables.filters import Filter
    from stack.tables.sorting import Sort

PAGE_SIZE: Final = 100


class Edge(Enum):
    """The two ends of a table."""

    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class After:
    """The page that follows a place."""

    cursor: "Cursor"


@dataclass(frozen=True, slots=True)
class Before:
    """The page that ends before a place."""

    cursor: "Cursor"


@dataclass(frozen=True, slots=True)
class At:
    """The page that begins at a key, or where the key would be; `values` are of the key's columns, in their order."""

    values: tuple[str, ...]


Position = Edge | After | Before | At


@dataclass(frozen=True, slots=True)
class Query:
    """The rows of `table` that meet all `filters`, in the order of `sort`."""

    table: "Table"
    filters: "tuple[Filter, ...]" = ()
    sort: "tuple[Sort, ...]" = ()


@dataclass(frozen=True, slots=True)
class PageQuery(Query):
    """A page of a query: at most `limit` rows, one or more, at `position`.

    The table's key decides among rows that `sort` holds equal. A cursor brings its order with it where `sort` is empty.
    Cells of more than `longest` characters are cut to that.
    """

    position: Position = Edge.FIRST
    limit: int = PAGE_SIZE
    longest: int | None = None
