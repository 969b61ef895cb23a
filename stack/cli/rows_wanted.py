"""Which rows a command is about: its table, ``--where`` and ``--sort``, and for a page its size and its place."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from stack.cli.command import UsageError
from stack.tables.query import After, At, Before, Edge, PageQuery, Position, Query

if TYPE_CHECKING:
    from stack.tables.browser import TableBrowser
    from stack.tables.cursors import Cursor

DEFAULT_LIMIT: Final = 50

Place: TypeAlias = Callable[[], Position]
"""Reads a position; it raises `Failure` where a cursor is none."""


@dataclass(frozen=True, slots=True)
class RowsWanted:
    """Rows of a table, as they were typed."""

    table: str
    where: tuple[str, ...]
    sort: tuple[str, ...]

    async def query(self, browser: "TableBrowser") -> Query:
        """Return the query that this is.

        Raises:
            Failure: there is no such table, or what was typed is no filter or no sort order.
        """
        from stack.tables.filters import parse_filter
        from stack.tables.sorting import parse_sort

        filters = tuple(map(parse_filter, self.where))
        sort = tuple(map(parse_sort, self.sort))
        return Query(await browser.find(self.table), filters, sort)


@dataclass(frozen=True, slots=True)
class PageWanted:
    """A page of `rows`, of at most `limit` of them, at `place`."""

    rows: RowsWanted
    limit: int
    place: Place

    async def query(self, browser: "TableBrowser") -> PageQuery:
        """Return the query that this is, as `RowsWanted.query` does."""
        rows = await self.rows.query(browser)
        return PageQuery(rows.table, rows.filters, rows.sort, self.place(), self.limit)


def add_rows(parser: argparse.ArgumentParser, unsorted: str) -> None:
    """Add the arguments that `rows_wanted` reads; `unsorted` says what the order is without ``--sort``."""
    parser.add_argument("table", metavar="TABLE")
    parser.add_argument(
        "--where", action="append", default=[], metavar="'COLUMN OP VALUE'", help="only rows for which this holds"
    )
    parser.add_argument(
        "--sort",
        action="append",
        default=[],
        metavar="COLUMN[:desc]",
        help=f"by this column, then by the key (default: {unsorted})",
    )


def add_page(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `page_wanted` reads."""
    add_rows(parser, "by the key alone")
    parser.add_argument("--limit", type=_limit, default=DEFAULT_LIMIT, metavar="N", help="rows a page (default: 50)")
    parser.set_defaults(place=lambda: Edge.FIRST)
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--after", dest="place", type=_after, metavar="CURSOR", help="the page after one that said `next`"
    )
    place.add_argument(
        "--before", dest="place", type=_before, metavar="CURSOR", help="the page before one that said `previous`"
    )
    place.add_argument("--last", dest="place", action="store_const", const=lambda: Edge.LAST, help="the last page")
    place.add_argument(
        "--at",
        action="append",
        metavar="VALUE",
        help="the page that begins at this key, or where it would be; one --at for each column of the key",
    )


def rows_wanted(arguments: argparse.Namespace) -> RowsWanted:
    """Return the rows that `arguments` ask for."""
    return RowsWanted(arguments.table, tuple(arguments.where), tuple(arguments.sort))


def page_wanted(arguments: argparse.Namespace) -> PageWanted:
    """Return the page that `arguments` ask for."""
    if arguments.at and arguments.sort:
        raise UsageError("--at goes by the key, so that there is no other order: leave out --sort")
    place = partial(At, tuple(arguments.at)) if arguments.at else arguments.place
    return PageWanted(rows_wanted(arguments), arguments.limit, place)


def _after(text: str) -> Place:
    return lambda: After(_cursor(text))


def _before(text: str) -> Place:
    return lambda: Before(_cursor(text))


def _cursor(text: str) -> "Cursor":
    from stack.tables.cursors import decode

    return decode(text)


def _limit(text: str) -> int:
    limit = int(text)
    if not 1 <= limit <= 10_000:
        raise argparse.ArgumentTypeError("must be from 1 to 10000")
    return limit
