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

# The last two keep rows that have no order of their own in the order in which they lie in the table.
_SETTINGS: Final = text(
    f"""
    SELECT set_config('statement_timeout', :statement_timeout, true), set_config('lock_timeout', :lock_timeout, true),
           {", ".join(f"set_config('{name}', '{value}', true)" for name, value in FORMS.items())},
           set_config('synchronize_seqscans', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)
    """
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
            limits = {
                "statement_timeout": f"{round(timeout * 1000)}ms",
                "lock_timeout": f"{round(lock_timeout * 1000)}ms",
            }
            await connection.execute(_SETTINGS, limits)
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
