"""A statement that reads, in a transaction of its own, in one round trip.

psycopg's pipeline waits for the server several times on the way; libpq's own mode does not
(https://www.postgresql.org/docs/current/libpq-pipeline-mode.html). Beginning, settings, statement and end go out
together. Nothing is left behind in the session, by us or by a function that a view calls: the end is a rollback.
"""

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow

from stack.database.connection import connect
from stack.environment.url import DatabaseURL
from stack.tables.reading import LOCK_TIMEOUT, STATEMENT_TIMEOUT, session_settings

Row = tuple[str | None, ...]

_BEGIN: Final = b"BEGIN READ ONLY"
_END: Final = b"ROLLBACK"
_KEPT: Final = 2  # connections

_CANCEL_TIMEOUT: Final = 3.0
_PARAMETER: Final = re.compile(r"%%|%\((\w+)\)s")


class Planning(Enum):
    """When the server plans a statement that is prepared, as its ``plan_cache_mode`` has it."""

    ANEW = "auto"
    """Each time, for the values that it has then, unless the server finds them to make no difference."""

    ONCE = "force_generic_plan"
    """The first time, for all values."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as the server takes it, ``$1`` for the first of the `names` of its parameters.

    `values` are those of its parameters that are the same each time.
    """

    text: bytes
    names: tuple[str, ...]
    values: Mapping[str, object]
    planning: Planning


def numbered(text: str, values: Mapping[str, object], planning: Planning = Planning.ANEW) -> Statement:
    """Return the statement `text`, which has its parameters in the form of psycopg: by name, each ``%`` doubled."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found.group(1)
        return f"${names.setdefault(name, len(names) + 1)}" if name else "%"

    numbers = _PARAMETER.sub(number, text)
    return Statement(numbers.encode(), tuple(names), values, planning)


class RoundTrips:
    """A connection to read with, one statement at a time."""

    def __init__(self, connection: psycopg.AsyncConnection[TupleRow]) -> None:
        """Take `connection`, which is nobody else's any more."""
        self._connection = connection
        self._prepared: dict[bytes, bytes] = {}
        connection.pgconn.enter_pipeline_mode()
        self._text = Transformer(connection)

    @classmethod
    async def to(cls, url: DatabaseURL) -> "RoundTrips":
        """Connect to `url`."""
        return cls(await connect(url, autocommit=True))

    async def read(
        self,
        statement: Statement,
        values: Mapping[str, object],
        timeout: float,
        lock_timeout: float,
    ) -> list[Row]:
        """Return the rows of `statement`, all of whose columns are texts.

        It may take `timeout` seconds, and wait `lock_timeout` seconds for a lock. Whatever this raises, a cancellation
        too, the connection has to be closed afterwards.

        Raises:
            psycopg.Error: the server refuses, or went away.
        """
        connection = self._connection.pgconn
        values = {**statement.values, **values}
        self._send(_BEGIN)
        self._send(_settings(timeout, lock_timeout, statement.planning))
        self._send(statement.text, [str(values[name]).encode() for name in statement.names])
        self._send(_END)
        connection.pipeline_sync()
        while connection.flush():
            # A statement for 1,600 columns is longer than what some sockets take at once.
            await self._writable()
        found = await self._answer()
        self._text.set_pgresult(found)
        return self._text.load_rows(0, found.ntuples, tuple)

    def _send(self, text: bytes, values: Sequence[bytes] = ()) -> None:
        """Send a statement, prepared once for all."""
        connection = self._connection.pgconn
        name = self._prepared.get(text)
        if name is None:
            name = self._prepared[text] = f"stackdeck_{len(self._prepared)}".encode()
            connection.send_prepare(name, text)
        connection.send_query_prepared(name, values)

    async def _answer(self) -> PGresult:
        """Return the last rows of the answer to all that was sent."""
        connection = self._connection.pgconn
        loop, socket = asyncio.get_running_loop(), connection.socket
        whole: asyncio.Future[None] = loop.create_future()
        found: list[PGresult] = []

        def receive() -> None:
            # The server sends a page in several pieces. Taking one here takes less than waking the task for it.
            try:
                if not whole.done() and _take(connection, found):
                    whole.set_result(None)
            except psycopg.Error as error:
                whole.set_exception(error)

        loop.add_reader(socket, receive)
        try:
            await whole
        finally:
            loop.remove_reader(socket)
        return found[-1]

    async def _writable(self) -> None:
        loop, socket = asyncio.get_running_loop(), self._connection.pgconn.socket
        ready = loop.create_future()
        loop.add_writer(socket, _settle, ready)
        try:
            await ready
        finally:
            loop.remove_writer(socket)

    async def close(self) -> None:
        """Close the connection, and have the server stop what it still does for it."""
        with contextlib.suppress(psycopg.Error):
            await self._connection.cancel_safe(timeout=_CANCEL_TIMEOUT)
        await self._connection.close()


class Connections:
    """Connections of one database that are ready: few are kept from one use to the next."""

    def __init__(self, url: DatabaseURL) -> None:
        """Connect to nothing yet."""
        self._url = url
        self._idle: list[RoundTrips] = []

    async def read(
        self,
        statement: Statement,
        values: Mapping[str, object],
        *,
        timeout: float = STATEMENT_TIMEOUT,
        lock_timeout: float = LOCK_TIMEOUT,
    ) -> list[Row]:
        """Return what `RoundTrips.read` does, on a connection that is kept for the next use where all went well.

        Raises:
            psycopg.Error: the server refuses, or went away.
        """
        connection = self._idle.pop() if self._idle else await RoundTrips.to(self._url)
        try:
            rows = await connection.read(statement, values, timeout, lock_timeout)
        except BaseException:
            await connection.close()
            raise
        if len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            await connection.close()
        return rows

    async def close(self) -> None:
        """Close every connection."""
        while self._idle:
            await self._idle.pop().close()


def _take(connection: PGconn, found: list[PGresult]) -> bool:
    """Take what has come, with the rows into `found`; return whether that was the last of it.

    Raises:
        psycopg.Error: the server refuses, or went away.
    """
    connection.consume_input()
    while not connection.is_busy():
        result = connection.get_result()
        if result is None:
            # The end of a statement.
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            return True
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result)
        if result.status == ExecStatus.TUPLES_OK:
            found.append(result)
    return False


@cache
def _settings(timeout: float, lock_timeout: float, planning: Planning) -> bytes:
    settings = session_settings(timeout, lock_timeout) | {"plan_cache_mode": planning.value}
    made = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    return f"SELECT {made}".encode()


def _settle(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
