"""One runner at a time: an advisory lock of the database, held while migrations run."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from stack.database.sessions import create_engine
from stack.environment.pool import PoolSettings
from stack.environment.url import DatabaseURL
from stack.findings import Progress
from stack.text import clean_line

# Advisory locks belong to one database, so that one key serves all of them.
_KEY: Final = int.from_bytes(hashlib.sha256(b"stackdeck:migrations").digest()[:8], "big", signed=True)
_POLL: Final = 0.25

_TRY: Final = sa.text("SELECT pg_try_advisory_lock(:key)")
# A key of 64 bits is shown in two halves (https://www.postgresql.org/docs/current/view-pg-locks.html).
_HOLDER: Final = sa.text(
    """
    SELECT a.pid, a.usename, a.application_name, coalesce(host(a.client_addr), 'a local socket')
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
      AND (l.classid::bigint << 32) | l.objid::bigint = :key
    """
)


@asynccontextmanager
async def only_runner(url: DatabaseURL, progress: Progress) -> AsyncIterator[AsyncConnection]:
    """Wait until nobody else migrates the database at `url`, and keep others waiting until left.

    Yields the connection that holds the lock, in autocommit. It asks again and again rather than wait on the server: a
    waiting statement holds a snapshot, and CREATE INDEX CONCURRENTLY in the runner that holds the lock would wait for
    that snapshot for ever.
    """
    engine = create_engine(url, PoolSettings(size=1, max_overflow=0), application_name="stackdeck migrate")
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            told = ""
            while not (await connection.execute(_TRY, {"key": _KEY})).scalar_one():
                holder = await _holder(connection)
                if holder and holder != told:
                    progress(holder)
                    told = holder
                await asyncio.sleep(_POLL)
            yield connection
    finally:
        # Closing the connection is what releases the lock, whatever happened to it.
        await engine.dispose()


async def _holder(connection: AsyncConnection) -> str:
    row = (await connection.execute(_HOLDER, {"key": _KEY})).first()
    if row is None:
        return ""
    pid, user, application, client = row
    return clean_line(f"Waiting: {application or user} (process {pid}, from {client}) is migrating this database")
