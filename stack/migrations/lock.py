"""One runner at a time: an advisory lock of the database, held while migrations run."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from psycopg import sql

from stack.database.asking import Ask, ask_alone
from stack.environment.url import DatabaseURL
from stack.findings import Progress
from stack.text import clean_line

# Advisory locks belong to one database, so that one key serves all of them.
_KEY: Final = int.from_bytes(hashlib.sha256(b"stackdeck:migrations").digest()[:8], "big", signed=True)
_POLL: Final = 0.25

_TRY: Final = sql.SQL("SELECT pg_try_advisory_lock(%(key)s)").format()
# A key of 64 bits is shown in two halves (https://www.postgresql.org/docs/current/view-pg-locks.html).
_HOLDER: Final = sql.SQL(
    """
    SELECT a.pid, a.usename, a.application_name, coalesce(host(a.client_addr), 'a local socket')
    FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
      AND (l.classid::bigint << 32) | l.objid::bigint = %(key)s
    """
).format()


@asynccontextmanager
async def only_runner(url: DatabaseURL, progress: Progress) -> AsyncIterator[Ask]:
    """Wait until nobody else migrates the database at `url`, and keep others waiting until left.

    Yields what asks on the connection that holds the lock, in autocommit. It asks again and again rather than wait on
    the server: a waiting statement holds a snapshot, and CREATE INDEX CONCURRENTLY in the runner that holds the lock
    would wait for that snapshot for ever.

    Raises:
        psycopg.Error: there is no connection, or the server refuses.
    """
    # Closing the connection is what releases the lock, whatever happened to it.
    async with ask_alone(url, application_name="stackdeck migrate") as ask:
        told = ""
        while not (await ask(_TRY, {"key": _KEY}))[0][0]:
            holder = await _holder(ask)
            if holder and holder != told:
                progress(holder)
                told = holder
            await asyncio.sleep(_POLL)
        yield ask


async def _holder(ask: Ask) -> str:
    rows = await ask(_HOLDER, {"key": _KEY})
    if not rows:
        return ""
    pid, user, application, client = rows[0]
    return clean_line(f"Waiting: {application or user} (process {pid}, from {client}) is migrating this database")
