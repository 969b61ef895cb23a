"""Engines, sessions and their scope: what an application of this stack, and this program, work with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from stack.database.connection import APPLICATION_NAME, CLIENT_ENCODING, connect
from stack.environment.pool import PoolSettings
from stack.environment.settings import application_settings
from stack.environment.url import DatabaseURL


def sqlalchemy_url(url: DatabaseURL) -> URL:
    """Return `url` as SQLAlchemy has it, for psycopg 3, synchronous or not; its ``str`` hides the password."""
    return URL.create(
        "postgresql+psycopg",
        username=url.user,
        password=url.password.get_secret_value() if url.password else None,
        host=url.host,
        port=url.port,
        database=url.database,
        query={"client_encoding": CLIENT_ENCODING, **dict(url.options)},
    )


def create_engine(url: DatabaseURL, pool: PoolSettings, application_name: str = APPLICATION_NAME) -> AsyncEngine:
    """Return an engine that pools connections to `url`; nothing is connected yet.

    `application_name` is how its sessions are told apart on the server. Whoever makes an engine disposes of it, in
    the event loop that used it.
    """

    async def new_connection() -> psycopg.AsyncConnection[TupleRow]:
        return await connect(url, application_name=application_name)

    return create_async_engine(
        sqlalchemy_url(url),
        async_creator=new_connection,
        pool_size=pool.size,
        max_overflow=pool.max_overflow,
        pool_timeout=pool.timeout,
        pool_recycle=pool.recycle,
        pool_pre_ping=pool.pre_ping,
    )


def create_sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Return a factory of sessions whose objects stay readable after a commit and that flush only when told to."""
    return async_sessionmaker(engine, expire_on_commit=False, autoflush=False)


@asynccontextmanager
async def session_scope(sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
    """Open a session for one unit of work: committed at the end, rolled back on any error or cancellation.

    The connection is back in its pool afterwards in every case: closing the session, which also rolls back, is
    shielded from further cancellation.
    """
    async with sessions() as session:
        yield session
        await session.commit()


@cache
def application_engine() -> AsyncEngine:
    """Return the engine of this process's application, made once from its settings.

    Raises:
        Failure: the settings are missing or invalid.
    """
    settings = application_settings()
    return create_engine(settings.database, settings.pool)


async def dispose_application_engine() -> None:
    """Close the application's pool, at shutdown; the next `get_db` makes a new one."""
    if application_engine.cache_info().currsize:
        engine = application_engine()
        application_engine.cache_clear()
        await engine.dispose()


async def get_db() -> AsyncIterator[AsyncSession]:
    """Yield a session for one request of an application, within `session_scope`.

    With FastAPI, say ``Depends(get_db, scope="function")``: the commit then comes before the response, so that a client
    that was answered finds what it wrote.
    """
    async with session_scope(create_sessions(application_engine())) as session:
        yield session
