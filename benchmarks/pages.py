"""A page of a hundred bookings at any depth, beside the same statement by plain psycopg and beside OFFSET, by turns.

Ours is what the deck asks for: everything from the cursor to the rows, in a read-only transaction with time-outs. The
peer has the keyset statement and its values in hand, and a connection in autocommit. Prints medians in milliseconds and
the ratios; a sort without an index is measured too, and said to have none.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import psycopg
from bookings import bookings, parser

from stack.database.access import Database
from stack.environment.pool import PoolSettings
from stack.environment.url import DatabaseURL
from stack.findings import Failure
from stack.tables.browser import TableBrowser
from stack.tables.catalogue import Table
from stack.tables.cursors import KeyCursor
from stack.tables.pages import page
from stack.tables.query import After, PageQuery
from stack.tables.reading import reading
from stack.tables.sorting import Direction, Sort, parse_sort
from tests.support.tables import statements

LIMIT = 100
SORTS = (
    (),
    ("starts_at",),
    ("starts_at:desc",),
    ("customer_id", "starts_at"),
    ("resource_id:desc", "starts_at:desc"),
    ("price",),
)
DEPTHS = (0.0, 0.5, 0.999)


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await call()
    return (time.perf_counter() - began) * 1000


async def place(connection: psycopg.AsyncConnection, sort: Sequence[Sort], row: int) -> KeyCursor:
    """Return the cursor of a row that so many rows come before, in the order of `sort` and then of the id."""
    last = sort[-1].direction if sort else Direction.ASCENDING
    order = (*((each.column.text, each.direction) for each in sort), ("id", last))
    shown = ", ".join(f"{name}::text" for name, _ in order)
    by = ", ".join(f"bookings.{name} {way}" for name, way in order)
    found = await (
        await connection.execute(f"SELECT {shown} FROM bookings ORDER BY {by} OFFSET {row} LIMIT 1".encode())
    ).fetchone()
    assert found is not None
    return KeyCursor("public.bookings", order, found)


async def is_indexed(connection: psycopg.AsyncConnection, statement: str, parameters: dict[str, object]) -> bool:
    rows = await (await connection.execute(f"EXPLAIN {statement}".encode(), parameters)).fetchall()
    return not any("Sort" in line and "Incremental" not in line for (line,) in rows if "Key" not in line)


class Measurement:
    """One database, one table, one number of rounds."""

    def __init__(self, url: DatabaseURL, rounds: int, *, offset: bool) -> None:
        self._access = Database(url, PoolSettings(size=2, max_overflow=0))
        self._browser = TableBrowser(self._access)
        self._rounds = rounds
        self._offset = offset

    async def run(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._access.url.reveal(), autocommit=True) as connection:
            table = await self._browser.find("bookings")
            counted = await (await connection.execute("SELECT max(id) FROM bookings")).fetchone()
            assert counted is not None
            print(f"{counted[0]:,} bookings, pages of {LIMIT}, {self._rounds} rounds")
            print(f"{'sort':32}{'before it':>12}{'ours':>9}{'psycopg':>9}{'ratio':>7}{'OFFSET':>10}")
            for texts in SORTS:
                try:
                    await self._sort(connection, table, tuple(map(parse_sort, texts)), counted[0])
                except Failure as failure:
                    # Without an index the whole table is sorted for each page, which may take longer than it may.
                    print(f"{', '.join(texts):32}{failure.finding.title}")
        await self._browser.close()
        await self._access.close()

    async def _sort(
        self, connection: psycopg.AsyncConnection, table: Table, sort: tuple[Sort, ...], count: int
    ) -> None:
        cases = [await self._case(connection, table, sort, int(count * depth)) for depth in DEPTHS]
        # Without an index the server sorts the whole table for each page; with one, perhaps the little that is left.
        indexed = any(case.indexed for case in cases)
        for _ in range(self._rounds if indexed else 1):
            for case in cases:
                case.ours.append(await timed(case.our_page))
                case.plain.append(await timed(case.their_page))
        for case in cases:
            ours, plain = statistics.median(case.ours), statistics.median(case.plain)
            offset = f"{await timed(case.by_offset):10.1f}" if self._offset else ""
            index = "" if indexed else "  no index"
            name = ", ".join(map(str, sort)) or "the key"
            print(f"{name:32}{case.row:12,}{ours:9.2f}{plain:9.2f}{ours / plain:7.2f}{offset}{index}")
        first, last = statistics.median(cases[0].ours), statistics.median(cases[-1].ours)
        print(f"{'':32}{'last to first':>12}{last / first:15.2f}  (at most 1.20)")

    async def _case(
        self, connection: psycopg.AsyncConnection, table: Table, sort: tuple[Sort, ...], row: int
    ) -> "Case":
        cursor = await place(connection, sort, row)
        position = After(cursor)
        with statements(self._access.engine) as sent:
            async with reading(self._access.engine, self._access.url) as reader:
                await page(reader, PageQuery(table, sort=sort, limit=LIMIT, position=position))
        statement, parameters = sent[-1]
        by = ", ".join(f"bookings.{name} {way}" for name, way in cursor.order)
        counting = f"SELECT * FROM bookings ORDER BY {by} OFFSET {row} LIMIT {LIMIT}"

        async def plainly(text: str, values: dict[str, object] | None = None) -> object:
            return await (await connection.execute(text.encode(), values)).fetchall()

        await self._browser.page(PageQuery(table, sort=sort, limit=1))
        return Case(
            row,
            await is_indexed(connection, statement, parameters),
            partial(self._browser.page, PageQuery(table, sort=sort, limit=LIMIT, position=position)),
            partial(plainly, statement, parameters),
            partial(plainly, counting),
        )


@dataclass
class Case:
    """A page `row` rows deep: how each of the three has it, and in how many milliseconds."""

    row: int
    indexed: bool
    our_page: Callable[[], Awaitable[object]]
    their_page: Callable[[], Awaitable[object]]
    by_offset: Callable[[], Awaitable[object]]
    ours: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)


def main() -> None:
    options = parser(__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=300)
    options.add_argument("--no-offset", action="store_true", help="leave OFFSET out, which takes minutes")
    wanted = options.parse_args()
    with bookings(wanted) as url:
        asyncio.run(Measurement(url, wanted.rounds, offset=not wanted.no_offset).run())


if __name__ == "__main__":
    main()
