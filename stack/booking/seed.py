"""Fill the booking tables with sample data: all of it in one transaction, or nothing."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from stack.background import in_thread
from stack.booking.models import TABLES
from stack.booking.sample import Sample, scale_for
from stack.booking.schedule import Batch
from stack.database.connection import connect
from stack.database.errors import explain
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Fix, Progress, silent

_Connection = psycopg.AsyncConnection[TupleRow]

COLUMNS: Final = {
    "users": ("id", "email", "full_name", "is_active", "created_at"),
    "customers": ("id", "full_name", "email", "phone", "created_at"),
    "resources": ("id", "kind", "location", "name", "capacity", "hourly_price", "is_active", "created_at"),
    "bookings": (
        "id",
        "customer_id",
        "resource_id",
        "starts_at",
        "ends_at",
        "status",
        "party_size",
        "price",
        "notes",
        "created_at",
    ),
    "booking_events": ("id", "booking_id", "kind", "user_id", "details", "happened_at"),
}
"""The columns of the sample's lines, each table after those that it refers to."""


@dataclass(frozen=True, slots=True)
class SeedResult:
    """How many rows were made, and in how many seconds."""

    users: int
    customers: int
    resources: int
    bookings: int
    booking_events: int
    seconds: float


async def seed(url: DatabaseURL, bookings: int, random_seed: int = 1, progress: Progress = silent) -> SeedResult:
    """Fill the empty booking tables of `url` with so many `bookings` and all that goes with them.

    The same numbers make the same rows. The rows are made in a thread and sent while the next are made, so memory does
    not grow with their number; statistics are fresh afterwards. Nothing is kept where it fails or is cancelled.

    Raises:
        Failure: the tables are not there or not empty; or whatever the database has against it.
    """
    began = time.perf_counter()
    if bookings < 1:
        raise _refused("Sample data has at least one booking", f"{bookings:,} were asked for")
    sample = await in_thread(lambda: Sample(scale_for(bookings), random_seed))
    try:
        async with await connect(url) as connection:
            await _claim_tables(connection)
            for table, lines in (
                ("users", sample.users()),
                ("customers", sample.customers()),
                ("resources", sample.resources()),
            ):
                await _copy(connection, table, await in_thread(partial(_text, lines)))
            progress(f"Customers: {sample.scale.customers:,}; resources: {sample.scale.resources:,}")
            events = await _copy_bookings(connection, sample, progress)
            await _settle(connection)
    except (psycopg.Error, OSError) as error:
        raise explain(error, url) from None
    scale = sample.scale
    return SeedResult(scale.users, scale.customers, scale.resources, bookings, events, time.perf_counter() - began)


async def _claim_tables(connection: _Connection) -> None:
    """Keep everybody else from writing to the booking tables until the transaction ends, and see that they are empty.

    Raises:
        Failure: a table is missing or has rows.
    """
    for table in COLUMNS:
        if await _value(connection, sql.SQL("SELECT to_regclass({})").format(table)) is None:
            raise Failure(
                Finding(
                    Code.MIGRATIONS_PENDING,
                    "The booking tables are not there yet",
                    f"The database has no table {table}; the migrations make it",
                    fixes=(Fix("Apply the migrations", "stackdeck migrate up"),),
                )
            )
    await connection.execute("SET LOCAL lock_timeout = '5s'")
    tables = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    await connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(tables))
    for table in COLUMNS:
        if await _value(connection, sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table))):
            raise _refused(
                "The booking tables hold rows already",
                f"There are rows in {table}, and sample data is never mixed with others",
                Fix(
                    "Empty the booking tables; every row in them is lost",
                    f'stackdeck psql -c "TRUNCATE {", ".join(TABLES)}"',
                    destructive=True,
                ),
            )


async def _copy_bookings(connection: _Connection, sample: Sample, progress: Progress) -> int:
    """Send bookings and their events batch by batch and return how many events there were."""
    bookings = events = 0
    batches = sample.batches()
    upcoming = asyncio.ensure_future(in_thread(partial(_next, batches)))
    try:
        while (batch := await upcoming) is not None:
            upcoming = asyncio.ensure_future(in_thread(partial(_next, batches)))
            await _copy(connection, "bookings", batch.booking_lines)
            await _copy(connection, "booking_events", batch.event_lines)
            bookings += batch.bookings
            events += batch.events
            progress(f"Bookings: {bookings:,} of {sample.scale.bookings:,}")
    finally:
        upcoming.cancel()
    return events


async def _copy(connection: _Connection, table: str, lines: bytes) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS[table]))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(lines)


async def _settle(connection: _Connection) -> None:
    """Let the next ids follow those of the sample, and the planner know of the rows."""
    for table in COLUMNS:
        await connection.execute(
            sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), max(id)) FROM {}").format(
                table, sql.Identifier(table)
            )
        )
        await connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))


async def _value(connection: _Connection, statement: sql.Composed) -> object:
    row = await (await connection.execute(statement)).fetchone()
    return row[0] if row else None


def _text(lines: Iterable[str]) -> bytes:
    return "".join(lines).encode()


def _next(batches: Iterator[Batch]) -> Batch | None:
    return next(batches, None)


def _refused(title: str, cause: str, *fixes: Fix) -> Failure:
    return Failure(Finding(Code.SEED_REFUSED, title, cause, fixes=fixes))
