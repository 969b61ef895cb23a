"""Who is connected to the server, what each does and waits for, and how many more may come.

A role without privileges sees that others' sessions are there, and by whom, but not what they do; every query here
works for it. Within one transaction the server keeps answering from one snapshot, so ask each time in a new one. State
and wait event are not written at one instant: a session may be seen idle that already waits for a lock.
Specification: PostgreSQL's documentation, «The Cumulative Statistics System», `pg_stat_activity`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

# Walsenders and workers do not count against max_connections. The kind of others' sessions is hidden from a role
# without privileges, which then sees parallel workers as sessions.
_CLIENTS: Final = """
    datid IS NOT NULL AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
"""

_CAPACITY: Final = text(
    f"""
    SELECT current_setting('max_connections')::int AS max_connections,
           current_setting('superuser_reserved_connections')::int
               + coalesce(current_setting('reserved_connections', true), '0')::int AS reserved,
           (SELECT count(*)::int FROM pg_stat_activity WHERE {_CLIENTS}) AS used
"""  # noqa: S608 - made of constants
)

_ACTIVITY: Final = text(
    f"""
    SELECT pid,
           coalesce(usename, '') AS user,
           coalesce(datname, '') AS database,
           coalesce(application_name, '') AS application,
           coalesce(host(client_addr), client_hostname) AS client,
           state,
           CASE WHEN state = 'active' THEN wait_event_type || ': ' || wait_event END AS waiting_on,
           CASE WHEN state = 'active' AND wait_event_type = 'Lock' THEN pg_blocking_pids(pid) ELSE '{{}}' END
               AS blocked_by,
           query_start,
           nullif(query, '<insufficient privilege>') AS query,
           application_name = current_setting('application_name') AND usename = session_user AS is_ours
    FROM pg_stat_activity
    WHERE {_CLIENTS}
    ORDER BY (state = 'active') DESC NULLS LAST, query_start NULLS LAST, pid
"""  # noqa: S608 - made of constants
)


_SIZE: Final = text("SELECT pg_database_size(current_database())")


@dataclass(frozen=True, slots=True)
class Capacity:
    """The server's connections; `reserved` ones are for privileged roles, `available` for everyone else."""

    max_connections: int
    reserved: int
    used: int

    @property
    def available(self) -> int:
        """How many more connections an ordinary role can have."""
        return max(0, self.max_connections - self.reserved - self.used)


@dataclass(frozen=True, slots=True)
class ServerSession:
    """One client's session. What the asking role may not see is None; texts are as the server has them."""

    pid: int
    user: str
    database: str
    application: str
    client: str | None
    state: str | None
    waiting_on: str | None
    blocked_by: tuple[int, ...]
    query_started_at: datetime | None
    query: str | None
    is_ours: bool
    """Whether it is a session of this program: one of our role under our application name."""


async def capacity(connection: "AsyncConnection") -> Capacity:
    """Return how many connections the server allows and has, in one query."""
    row = (await connection.execute(_CAPACITY)).one()
    return Capacity(row.max_connections, row.reserved, row.used)


async def activity(connection: "AsyncConnection") -> tuple[ServerSession, ...]:
    """Return every client's session, those at work first and the longest at it before the others, in one query."""
    rows = await connection.execute(_ACTIVITY)
    return tuple(
        ServerSession(
            pid=row.pid,
            user=row.user,
            database=row.database,
            application=row.application,
            client=row.client,
            state=row.state,
            waiting_on=row.waiting_on,
            blocked_by=tuple(row.blocked_by),
            query_started_at=row.query_start,
            query=row.query,
            is_ours=bool(row.is_ours),
        )
        for row in rows
    )


async def database_size(connection: "AsyncConnection") -> int:
    """Return how many bytes the connection's database takes on disk."""
    size: int = (await connection.execute(_SIZE)).scalar_one()
    return size
