"""``seed``, beside a bare COPY of the same rows into tables with the same indexes and constraints, by turns.

The bare COPY has its lines in memory before it begins, on one connection and in one transaction; ``seed`` makes them
meanwhile, and brings the statistics up to date in the end. Prints bookings a second, and how many times the rate of
the bare COPY that of ``seed`` is: above 1 ``seed`` is the quicker one.
"""

import argparse
import asyncio
import statistics
import time

import psycopg
from bookings import scratch_server
from measuring import show_load
from psycopg import sql

from stack.booking.sample import Sample, scale_for
from stack.booking.seed import COLUMNS, seed
from stack.environment.url import DatabaseURL
from tests.support.booking import upgrade


def lines_of(bookings: int) -> dict[str, list[bytes]]:
    """Return the same rows as `seed` makes, table by table."""
    sample = Sample(scale_for(bookings), random_seed=1)
    batches = list(sample.batches())
    return {
        "users": ["".join(sample.users()).encode()],
        "customers": ["".join(sample.customers()).encode()],
        "resources": ["".join(sample.resources()).encode()],
        "bookings": [batch.booking_lines for batch in batches],
        "booking_events": [batch.event_lines for batch in batches],
    }


def bare_copy(url: DatabaseURL, lines: dict[str, list[bytes]]) -> float:
    """Return how many seconds COPY takes for `lines`."""
    began = time.perf_counter()
    with psycopg.connect(url.reveal()) as connection, connection.cursor() as cursor:
        for table, parts in lines.items():
            names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS[table]))
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
            with cursor.copy(statement) as copy:
                for part in parts:
                    copy.write(part)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bookings", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    lines = lines_of(wanted.bookings)
    ours, theirs = [], []
    with scratch_server() as server:
        for _ in range(wanted.rounds):
            with server.database() as url:
                upgrade(url)
                ours.append(asyncio.run(seed(url, wanted.bookings)).seconds)
            with server.database() as url:
                upgrade(url)
                theirs.append(bare_copy(url, lines))
    for name, seconds in (("seed", ours), ("bare COPY of the same rows", theirs)):
        rate = wanted.bookings / statistics.median(seconds)
        print(f"{name:30} {rate:9,.0f} bookings a second, {wanted.bookings:,} in {statistics.median(seconds):.1f} s")
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(f"the rate of seed is {ratio:.2f} times that of the bare COPY (at least 0.50)")
    show_load()


if __name__ == "__main__":
    main()
