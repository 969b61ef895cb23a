"""The one way to read rows: a transaction that the server itself keeps from writing, waiting and dawdling."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NewType

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from stack.database.errors import explain
from stack.environment.url import DatabaseURL

STATEMENT_TIMEOUT: Final = 30.0
LOCK_TIMEOUT: Final = 2.0

Reader = NewType("Reader", AsyncConnection)
"""A connection inside `reading`; whatever reads rows or the catalogue asks for one of these."""

FORMS: Final = {"DateStyle": "ISO", "IntervalStyle": "postgres", "extra_float_digits": "1", "bytea_output": "hex"}
"""How values are printed, which is a session's setting: the forms that lose nothing and can be read back."""

_ORDER: Final = {"synchronize_seqscans": "off", "max_parallel_workers_per_gather": "0"}
"""Keeps rows that have no order of their own in the order in which they lie in the table."""


def session_settings(timeout: float | None, lock_timeout: float = LOCK_TIMEOUT) -> dict[str, str]:
    """Return the settings to read rows with; a statement may take `timeout` seconds, or as long as it takes.

    It may wait `lock_timeout` seconds for a lock.
    """
    limits = {"statement_timeout": timeout or 0.0, "lock_timeout": lock_timeout}
    return {name: f"{round(seconds * 1000)}ms" for name, seconds in limits.items()} | FORMS | _ORDER


_SETTINGS: Final = text(
    "SELECT " + ", ".join(f"set_config('{name}', :{name.lower()}, true)" for name in session_settings(None))
)


@asynccontextmanager
async def reading(
    engine: AsyncEngine,
    url: DatabaseURL,
    *,
    timeout: float = STATEMENT_TIMEOUT,
    lock_timeout: float = LOCK_TIMEOUT,
) -> AsyncIterator[Reader]:
    """Open a read-only transaction that sees one snapshot.

    Each statement in it may take `timeout` seconds, and wait `lock_timeout` seconds for a lock.

    Raises:
        Failure: the database cannot be reached, refuses, or takes too long; said of `url`.
    """
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            settings = session_settings(timeout, lock_timeout)
            await connection.execute(_SETTINGS, {name.lower(): value for name, value in settings.items()})
            yield Reader(connection)
    except (SQLAlchemyError, OSError) as error:
        raise explain(error, url) from None


def sqlstate(error: BaseException) -> str | None:
    """Return the server's five-character code of `error`, where it came from the server."""
    code = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    return code if isinstance(code, str) else None


def server_words(error: DBAPIError) -> str:
    """Return what the server said, without the statement and its parameters."""
    return str(error.orig).partition("\n")[0]
