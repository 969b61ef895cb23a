"""A session commits, rolls back and gives its connection back, under an application's load and when it is cancelled."""

import asyncio
import dataclasses
from typing import Annotated

import httpx
import psycopg
import pytest
from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from stack.database.errors import explain
from stack.database.pool import PoolStatus, pool_status
from stack.database.sessions import (
    application_engine,
    create_engine,
    create_sessions,
    dispose_application_engine,
    get_db,
    session_scope,
)
from stack.environment.pool import PoolSettings
from stack.findings import Code

SMALL = PoolSettings(size=2, max_overflow=1, timeout=0.2)


@pytest.fixture
def notes(database):
    with psycopg.connect(database.reveal(), autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (id int PRIMARY KEY)")
        yield lambda: [row[0] for row in connection.execute("SELECT id FROM notes ORDER BY id").fetchall()]


@pytest.fixture
async def engine(database):
    engine = create_engine(database, SMALL)
    yield engine
    await engine.dispose()


async def test_a_scope_commits_at_its_end(engine, notes):
    async with session_scope(create_sessions(engine)) as session:
        await session.execute(text("INSERT INTO notes VALUES (1)"))
        assert notes() == []
    assert notes() == [1]
    assert pool_status(engine).checked_out == 0


async def test_a_scope_rolls_back_on_an_error(engine, notes):
    async def work() -> None:
        async with session_scope(create_sessions(engine)) as session:
            await session.execute(text("INSERT INTO notes VALUES (1)"))
            raise LookupError

    with pytest.raises(LookupError):
        await work()
    assert notes() == []
    assert pool_status(engine).checked_out == 0


async def test_a_cancelled_scope_writes_nothing_and_stops_on_the_server(engine, notes, database):
    written = asyncio.Event()

    async def work() -> None:
        async with session_scope(create_sessions(engine)) as session:
            await session.execute(text("INSERT INTO notes VALUES (1)"))
            written.set()
            await session.execute(text("SELECT pg_sleep(60)"))

    task = asyncio.create_task(work())
    await written.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert notes() == []
    assert pool_status(engine).checked_out == 0
    with psycopg.connect(database.reveal()) as connection:
        sleeping = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND state = 'active'"
        ).fetchone()[0]
    assert sleeping == 0


async def test_objects_stay_readable_after_a_commit_and_nothing_is_flushed_unasked(engine):
    sessions = create_sessions(engine)
    async with sessions() as session:
        assert not session.sync_session.expire_on_commit
        assert not session.sync_session.autoflush


async def test_what_the_pool_holds(engine, database):
    assert pool_status(engine) == PoolStatus(size=2, max_overflow=1, checked_out=0, idle=0, overflow=0)
    connections = [await engine.connect() for _ in range(3)]
    assert pool_status(engine) == PoolStatus(size=2, max_overflow=1, checked_out=3, idle=0, overflow=1)
    with pytest.raises(PoolTimeoutError) as caught:
        await engine.connect()
    for connection in connections:
        await connection.close()
    assert pool_status(engine) == PoolStatus(size=2, max_overflow=1, checked_out=0, idle=2, overflow=0)
    finding = explain(caught.value, database).finding
    assert finding.code == Code.POOL_EXHAUSTED


async def test_an_idle_connection_that_the_server_ended_is_replaced(engine, database):
    async with engine.connect() as connection:
        first = await connection.scalar(text("SELECT pg_backend_pid()"))
    with psycopg.connect(database.reveal(), autocommit=True) as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 5000)", (first,))
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT pg_backend_pid()")) != first


async def test_a_connection_lost_in_use_is_told(engine, database):
    async with engine.connect() as connection:
        pid = await connection.scalar(text("SELECT pg_backend_pid()"))
        with psycopg.connect(database.reveal(), autocommit=True) as administrator:
            administrator.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        with pytest.raises(Exception) as caught:  # noqa: PT011 - explaining it is the test
            await connection.execute(text("SELECT 1"))
        assert explain(caught.value, database).finding.code == Code.DATABASE_LOST


async def test_a_connection_that_the_server_itself_lacks_is_not_said_to_be_ours(engine, database):
    # So does postgres_fdw end the statement where the foreign server does not answer; the session goes on.
    statement = "DO $$ BEGIN RAISE 'could not connect to server \"loop\"' USING ERRCODE = '08001'; END $$"
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError) as caught:
            await connection.exec_driver_sql(statement)
    finding = explain(caught.value, database).finding
    assert (finding.code, "another server" in finding.title) == (Code.DATABASE_ERROR, True)


async def test_evidence_has_neither_statement_nor_parameters(engine, database):
    async with engine.connect() as connection:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - explaining it is the test
            await connection.execute(text("SELECT :secret / 0"), {"secret": 424242})
    finding = explain(caught.value, database).finding
    assert finding.code == Code.DATABASE_ERROR
    assert "division by zero" in finding.evidence
    assert "424242" not in repr(finding)


@pytest.fixture
async def application(database, notes, monkeypatch, tmp_path):
    """An application as one would write it, on the settings of its environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APP_DB_URL", dataclasses.replace(database, options=()).reveal())
    monkeypatch.setenv("APP_DB_POOL_SIZE", "5")
    monkeypatch.setenv("APP_DB_MAX_OVERFLOW", "5")
    app = FastAPI()

    @app.post("/notes/{number}")
    async def write(number: int, db: Annotated[AsyncSession, Depends(get_db, scope="function")]) -> dict[str, int]:
        await db.execute(text("INSERT INTO notes VALUES (:id)"), {"id": number})
        if number % 10 == 9:
            raise HTTPException(409, "no")
        return {"id": number}

    yield app
    await dispose_application_engine()


async def test_an_application_under_a_hundred_requests_at_once(application, notes):
    peak = 0

    def watch(*_arguments) -> None:
        nonlocal peak
        peak = max(peak, pool_status(application_engine()).checked_out)

    event.listen(application_engine().sync_engine, "checkout", watch)
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

        async def request(number: int) -> None:
            response = await client.post(f"/notes/{number}")
            assert response.status_code == (409 if number % 10 == 9 else 200)
            if response.status_code == 200:
                assert number in notes()  # committed before the answer

        await asyncio.gather(*(request(number) for number in range(100)))
    assert notes() == [number for number in range(100) if number % 10 != 9]
    status = pool_status(application_engine())
    assert (status.size, status.max_overflow, status.checked_out) == (5, 5, 0)
    assert 5 < peak <= 10


async def test_the_application_makes_one_engine_until_it_disposes_of_it(application):
    engine = application_engine()
    assert application_engine() is engine
    await dispose_application_engine()
    assert application_engine() is not engine
