"""One database as this program uses it: an engine of its own, made when first needed, and errors as findings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from stack.database.activity import Capacity, ServerSession, activity, capacity, database_size
from stack.database.asking import Ask, ask_alone, ask_on
from stack.database.errors import explain
from stack.database.pool import PoolStatus, pool_status
from stack.database.probe import Ping, ping
from stack.environment.pool import PoolSettings
from stack.environment.url import DatabaseURL

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

PING_TIMEOUT: Final = 3.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """One look at a server that answers."""

    ping: Ping
    pool: PoolStatus
    capacity: Capacity
    sessions: tuple[ServerSession, ...]


class Database:
    """The database at `url`, with the pool that the settings ask for.

    Every method raises `Failure` with the reason where the server refuses, is away or goes away.
    """

    def __init__(self, url: DatabaseURL, pool: PoolSettings) -> None:
        """Connect to nothing yet."""
        self.url = url
        self.pool = pool
        self._engine: AsyncEngine | None = None

    @property
    def engine(self) -> "AsyncEngine":
        """The engine behind `connection`."""
        # Imported here: SQLAlchemy's asyncio with its ORM, which a few questions do not need.
        from stack.database.sessions import create_engine

        if self._engine is None:
            self._engine = create_engine(self.url, self.pool)
        return self._engine

    @asynccontextmanager
    async def connection(self) -> "AsyncIterator[AsyncConnection]":
        """Lend a connection; what is not committed is rolled back."""
        try:
            async with self.engine.connect() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise explain(error, self.url) from None

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Ask]:
        """Lend what asks: on a connection of the pool where there is a pool, else on one of its own."""
        if self._engine is not None:
            async with self.connection() as connection:
                yield ask_on(connection)
            return
        try:
            async with ask_alone(self.url) as ask:
                yield ask
        except (psycopg.Error, OSError) as error:
            raise explain(error, self.url) from None

    async def ping(self) -> Ping:
        """Ask a question on a connection of its own and time the answer."""
        return await ping(self.url, timeout=PING_TIMEOUT)

    async def answer(self) -> None:
        """Have the server answer on a connection that is there already, where there is one: cheaper than `ping`."""
        async with self.connection() as connection:
            await connection.execute(text("SELECT 1"))

    async def status(self) -> DatabaseStatus:
        """Look at the server: latency, pool, capacity and sessions."""
        answered = await self.ping()
        async with self.connection() as connection:
            room = await capacity(connection)
            sessions = await activity(connection)
        return DatabaseStatus(answered, self.pool_status(), room, sessions)

    async def size(self) -> int:
        """Return how many bytes the database takes on its server's disk, which reads every file's length."""
        async with self.connection() as connection:
            return await database_size(connection)

    def pool_status(self) -> PoolStatus:
        """Return what our own pool holds, without touching the server."""
        return pool_status(self.engine)

    async def close(self) -> None:
        """Close every connection."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None
