"""Who holds the lock that a running step waits for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
from psycopg import sql

from stack.database.asking import Ask
from stack.text import clean_line

_POLL: Final = 0.5

_HOLDERS: Final = sql.SQL(
    """
    SELECT a.pid, a.usename, a.application_name, coalesce(host(a.client_addr), 'a local socket') AS client,
           a.state, a.xact_start
    FROM unnest(pg_catalog.pg_blocking_pids(%(pid)s)) AS blocking (pid)
    JOIN pg_catalog.pg_stat_activity a ON a.pid = blocking.pid
    ORDER BY a.xact_start NULLS LAST, a.pid
    """
).format()


@dataclass(frozen=True, slots=True)
class Holder:
    """A session that others wait for. What the asking role may not see is None or empty."""

    pid: int
    user: str
    application: str
    client: str
    state: str | None
    since: datetime | None

    @property
    def words(self) -> str:
        """It on a line, clean."""
        since = f" since {self.since.astimezone():%H:%M:%S}" if self.since else ""
        state = f", {self.state}" if self.state else ""
        name = self.application or "a session"
        return clean_line(f"{name} (process {self.pid}, user {self.user}){since}{state}, from {self.client}")


async def holders_of(ask: Ask, pid: int) -> tuple[Holder, ...]:
    """Return whom the server's process `pid` waits for at this moment; nobody where it does not wait."""
    return tuple(
        Holder(
            pid=int(str(holder)),
            user=str(user or ""),
            application=str(application or ""),
            client=str(client),
            state=str(state) if state else None,
            since=since if isinstance(since, datetime) else None,
        )
        for holder, user, application, client, state, since in await ask(_HOLDERS, {"pid": pid})
    )


class HolderWatch:
    """Looks now and then whom a step waits for, on a connection that may be asked meanwhile."""

    def __init__(self, ask: Ask, waiting: Callable[[str], None]) -> None:
        """Tell `waiting` in a line, each time that it is somebody else."""
        self._ask = ask
        self._waiting = waiting
        self._over = asyncio.Event()
        self.pid: int | None = None
        self.seen: tuple[Holder, ...] = ()
        """Who held the lock when somebody did for the last time."""

    def begin_step(self) -> None:
        """Forget whom an earlier step waited for."""
        self.seen = ()

    def stop(self) -> None:
        """Look no more; what has begun is finished, since a broken-off query would lose the connection."""
        self._over.set()

    async def run(self) -> None:
        """Look until `stop`."""
        self._over.clear()
        told: tuple[int, ...] = ()
        while not self._over.is_set():
            try:
                await asyncio.wait_for(self._over.wait(), _POLL)
            except TimeoutError:
                found = await self._look()
                pids = tuple(holder.pid for holder in found)
                if found and pids != told:
                    self._waiting(f"Waiting for a lock of {'; and of '.join(holder.words for holder in found)}")
                told = pids

    async def _look(self) -> tuple[Holder, ...]:
        if self.pid is None:
            return ()
        try:
            found = await holders_of(self._ask, self.pid)
        except psycopg.Error:
            # Whatever is wrong with the server, the step meets it too, and says it.
            self.pid = None
            return ()
        self.seen = found or self.seen
        return found
