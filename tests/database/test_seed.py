"""`seed` fills empty booking tables, whole or not at all, and the same every time."""

import asyncio

import psycopg
import pytest

from stack.booking import bookings
from stack.booking.models import TABLES
from stack.booking.seed import SeedResult, seed
from stack.database.probe import ping
from stack.database.sessions import create_engine, create_sessions, session_scope
from stack.environment.pool import PoolSettings
from stack.findings import Code, Failure
from tests.support.booking import upgrade


def counts(url) -> dict[str, int]:
    with psycopg.connect(url.reveal()) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def fingerprint(url) -> list[str]:
    with psycopg.connect(url.reveal(), client_encoding="utf8") as connection:
        return [
            connection.execute(f"SELECT md5(string_agg(t::text, E'\n' ORDER BY id)) FROM {table} t").fetchone()[0]
            for table in TABLES
        ]


async def failure_of(url, **options) -> Failure:
    with pytest.raises(Failure) as caught:
        await seed(url, **{"bookings": 10} | options)
    return caught.value


async def test_it_makes_what_it_says(booking_database):
    told = []
    result = await seed(booking_database, bookings=1000, progress=told.append)
    assert isinstance(result, SeedResult)
    made = counts(booking_database)
    assert made == {table: getattr(result, table) for table in TABLES}
    assert made["bookings"] == 1000
    assert told[-1] == "Bookings: 1,000 of 1,000"
    with psycopg.connect(booking_database.reveal()) as connection:
        estimates = connection.execute("SELECT reltuples FROM pg_class WHERE relname = 'bookings'").fetchone()
        assert estimates == (1000,)


async def test_the_same_seed_makes_the_same_tables(booking_database, postgres, migrated):
    await seed(booking_database, bookings=300, random_seed=5)
    with postgres.database(template=migrated.database) as another:
        await seed(another, bookings=300, random_seed=5)
        assert fingerprint(another) == fingerprint(booking_database)


async def test_an_application_goes_on_where_it_ends(booking_database):
    await seed(booking_database, bookings=50)
    engine = create_engine(booking_database, PoolSettings(size=1))
    async with session_scope(create_sessions(engine)) as session:
        last = (await bookings.list_bookings(session, limit=50))[-1]
        again = await bookings.create_booking(
            session,
            customer_id=1,
            resource_id=last.resource_id,
            starts_at=last.ends_at,
            ends_at=last.ends_at + (last.ends_at - last.starts_at),
        )
        assert again.id == 51
    await engine.dispose()


async def test_a_database_without_an_encoding_holds_the_same(postgres, booking_database):
    await seed(booking_database, 300)
    with psycopg.connect(postgres.url().reveal(), autocommit=True) as administrator:
        administrator.execute(
            "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        try:
            plain = postgres.url("ascii")
            assert " " not in (await ping(plain)).server_version
            upgrade(plain)
            await seed(plain, 300)
            assert fingerprint(plain) == fingerprint(booking_database)
        finally:
            administrator.execute("DROP DATABASE ascii WITH (FORCE)")


async def test_it_is_not_mixed_with_other_rows(booking_database):
    with psycopg.connect(booking_database.reveal()) as connection:
        connection.execute("INSERT INTO customers (full_name) VALUES ('Somebody real')")
    failure = await failure_of(booking_database)
    assert failure.finding.code == Code.SEED_REFUSED
    assert "customers" in failure.finding.cause
    assert failure.finding.fixes[0].destructive
    assert counts(booking_database)["bookings"] == 0


async def test_two_at_once_make_one(booking_database):
    outcomes = await asyncio.gather(*(seed(booking_database, bookings=200) for _ in range(2)), return_exceptions=True)
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert refused.finding.code == Code.SEED_REFUSED
    assert counts(booking_database)["bookings"] == 200


async def test_tables_that_are_not_there_are_migrated_first(database):
    failure = await failure_of(database)
    assert failure.finding.code == Code.MIGRATIONS_PENDING
    assert failure.finding.fixes[0].command == "stackdeck migrate up"


async def test_none_is_no_number_of_bookings(booking_database):
    assert (await failure_of(booking_database, bookings=0)).finding.code == Code.SEED_REFUSED


async def test_cancelling_leaves_nothing_behind(booking_database):
    running = asyncio.Event()

    def watch(line: str) -> None:
        if line.startswith("Customers"):
            running.set()

    task = asyncio.create_task(seed(booking_database, bookings=100_000, progress=watch))
    await running.wait()
    await asyncio.sleep(0.1)  # into the first batch of bookings
    async with asyncio.timeout(30):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert set(counts(booking_database).values()) == {0}


async def test_a_server_that_goes_away_is_told(booking_database):
    def end_it(line: str) -> None:
        if line.startswith("Customers"):
            with psycopg.connect(booking_database.reveal(), autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    assert (await failure_of(booking_database, bookings=100_000, progress=end_it)).finding.code == Code.DATABASE_LOST
    assert set(counts(booking_database).values()) == {0}
