"""Who is connected and how many more may come, told to a superuser and to a role that may see nothing else."""

import asyncio
import dataclasses

import psycopg
import pytest

from stack.database.activity import ServerSession, activity, capacity
from stack.database.connection import connect
from stack.database.sessions import create_engine
from stack.environment.pool import PoolSettings
from stack.text import SecretStr


@pytest.fixture
async def connection(database):
    engine = create_engine(database, PoolSettings(size=1))
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


@pytest.fixture
async def unprivileged(database):
    with psycopg.connect(database.reveal(), autocommit=True) as administrator:
        administrator.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        engine = create_engine(
            dataclasses.replace(database, user="guest", password=SecretStr("guest")), PoolSettings(size=1)
        )
        async with engine.connect() as connection:
            yield connection
        await engine.dispose()
        administrator.execute("DROP ROLE guest")


async def test_capacity_counts_clients(connection, database):
    before = await capacity(connection)
    assert before.max_connections == 200
    assert before.reserved >= 3
    assert before.available == before.max_connections - before.reserved - before.used
    await connection.rollback()
    # What another test has let go of may end between two looks.
    for _ in range(20):
        before = await capacity(connection)
        await connection.rollback()
        with psycopg.connect(database.reveal()), psycopg.connect(database.reveal()):
            gained = (await capacity(connection)).used - before.used
        await connection.rollback()
        if gained == 2:
            return
    pytest.fail(f"two more sessions made {gained} more")


async def test_sessions_are_told_with_what_they_wait_for(connection, database):
    with psycopg.connect(database.reveal(), application_name="holder") as holder:
        holder.execute("CREATE TABLE held (id int)")
        holder.commit()
        holder.execute("LOCK TABLE held")

        async def wait() -> None:
            async with await connect(database, application_name="waiter") as waiter:
                await waiter.execute("SELECT * FROM held")

        waiting = asyncio.create_task(wait())
        sessions: dict[str, ServerSession] = {}
        while "waiter" not in sessions or not sessions["waiter"].blocked_by:
            await asyncio.sleep(0.01)
            await connection.rollback()
            sessions = {session.application: session for session in await activity(connection)}
        holder.rollback()
        await waiting
        assert sessions["waiter"].blocked_by == (holder.info.backend_pid,)
        assert sessions["waiter"].waiting_on == "Lock: relation"
        assert sessions["waiter"].state == "active"
        assert sessions["waiter"].query == "SELECT * FROM held"
        assert sessions["holder"].state == "idle in transaction"
        assert sessions["holder"].waiting_on is None
        assert sessions["holder"].client == "127.0.0.1"
        assert sessions["holder"].database == database.database
        assert not sessions["holder"].is_ours
        assert sessions["stackdeck"].is_ours


async def test_a_role_without_privileges_sees_that_others_are_there(unprivileged, database):
    with psycopg.connect(database.reveal(), application_name="other") as other:
        sessions = {session.pid: session for session in await activity(unprivileged)}
        seen = sessions[other.info.backend_pid]
        assert (seen.user, seen.database, seen.application) == ("app", database.database, "other")
        assert seen.query is None
        assert seen.state is None
        assert not seen.is_ours
        assert len([session for session in sessions.values() if session.is_ours]) == 1
        assert (await capacity(unprivileged)).used >= 3
