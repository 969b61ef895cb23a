"""Which rows a command is about: its table, ``--where`` and ``--sort``, and for a page ``--limit`` and ``--after``."""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from stack.tables.browser import TableBrowser
    from stack.tables.query import PageQuery, Query

DEFAULT_LIMIT: Final = 50


@dataclass(frozen=True, slots=True)
class RowsWanted:
    """Rows of a table, as they were typed."""

    table: str
    where: tuple[str, ...]
    sort: tuple[str, ...]

    async def query(self, browser: "TableBrowser") -> "Query":
        """Return the query that this is.

        Raises:
            Failure: there is no such table, or what was typed is no filter or no sort order.
        """
        from stack.tables.filters import parse_filter
        from stack.tables.query import Query
        from stack.tables.sorting import parse_sort

        filters = tuple(map(parse_filter, self.where))
        sort = tuple(map(parse_sort, self.sort))
        return Query(await browser.find(self.table), filters, sort)


@dataclass(frozen=True, slots=True)
class PageWanted:
    """A page of `rows`: the first one, or the one after a cursor."""

    rows: RowsWanted
    limit: int
    after: str | None

    async def query(self, browser: "TableBrowser") -> "PageQuery":
        """Return the query that this is, as `RowsWanted.query` does."""
        from stack.tables.cursors import decode
        from stack.tables.query import After, Edge, PageQuery

        rows = await self.rows.query(browser)
        position = After(decode(self.after)) if self.after else Edge.FIRST
        return PageQuery(rows.table, rows.filters, rows.sort, position, self.limit)


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
    parser.add_argument("--after", metavar="CURSOR", help="the page after one that said `next`")


def rows_wanted(arguments: argparse.Namespace) -> RowsWanted:
    """Return the rows that `arguments` ask for."""
    return RowsWanted(arguments.table, tuple(arguments.where), tuple(arguments.sort))


def page_wanted(arguments: argparse.Namespace) -> PageWanted:
    """Return the page that `arguments` ask for."""
    return PageWanted(rows_wanted(arguments), arguments.limit, arguments.after)


def _limit(text: str) -> int:
    limit = int(text)
    if not 1 <= limit <= 10_000:
        raise argparse.ArgumentTypeError("must be from 1 to 10000")
    return limit
