"""Running one statement: what it returns, as far as a person reads it, or where and why the server refuses it."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Final

import psycopg
from psycopg import generators, pq
from psycopg.pq.abc import PGresult

from stack.database.connection import connect
from stack.database.errors import explain
from stack.environment.url import DatabaseURL
from stack.tables.console.lexing import Token, statements
from stack.tables.console.refusals import (
    DECLARE,
    WITHOUT_CURSOR,
    Refusal,
    empty,
    not_text,
    refused,
    too_many,
    withheld,
)
from stack.tables.console.rights import Connection, Rights, begin, forbidden
from stack.tables.description import Column, family
from stack.tables.names import storable
from stack.tables.pages import Row
from stack.tables.reading import LOCK_TIMEOUT

APPLICATION_NAME: Final = "stackdeck console"

ROWS: Final = 500
"""Rows that are read of what a statement returns."""

CELL: Final = 20_000
"""Characters of a value that are kept."""

STATEMENT_TIMEOUT: Final = 300.0
"""Seconds that a statement may take; Esc ends it at any time."""

_FIRST_BATCH: Final = 10
_BATCH: Final = 100
"""Rows that are fetched at once, fewer where they are long or wide: taking them must not hold up a key."""
_BATCH_BYTES: Final = 4_000_000
_BATCH_CELLS: Final = 20_000

_BYTES: Final = 32_000_000
"""Bytes of rows after which no more are read."""
_NOTICES: Final = 50

# Classes of SQLSTATE that are not about the statement: the connection, resources, locks, a session that is ended.
_OF_THE_SERVER: Final = frozenset({"08", "53", "55", "57"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement returned.

    `cut` are the cells, by row and column, of which only the first part is here; `more` says that there are more rows.
    `notices` are what the server said meanwhile. `seconds` is the time the statement took, as seen from here.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    cut: frozenset[tuple[int, int]]
    more: bool
    notices: tuple[str, ...]
    seconds: float
    rights: Rights


async def run(
    url: DatabaseURL,
    statement: str,
    *,
    limit: int = ROWS,
    statement_timeout: float = STATEMENT_TIMEOUT,
    lock_timeout: float = LOCK_TIMEOUT,
) -> Answer | Refusal:
    """Carry out `statement` as `stack.tables.console.rights` says, and return at most `limit` of its rows.

    Cancelling the call cancels the statement on the server.

    Raises:
        Failure: the database cannot be reached, or is lost on the way.
    """
    read = _judge(statement)
    if isinstance(read, Refusal):
        return read
    try:
        connection = await connect(url, application_name=APPLICATION_NAME, autocommit=True)
    except (psycopg.Error, OSError) as error:
        raise explain(error, url) from None
    notices: list[str] = []
    connection.add_notice_handler(partial(_note, notices))
    granted: Rights | None = None
    try:
        granted = await begin(connection, statement_timeout=statement_timeout, lock_timeout=lock_timeout)
        started = time.perf_counter()
        rows = _Rows(limit)
        returned = await _carry_out(connection, statement, read[0], rows)
        seconds = time.perf_counter() - started
        columns = await _columns(connection, returned)
        return Answer(columns, tuple(rows.kept), frozenset(rows.cut), rows.more, tuple(notices), seconds, granted)
    except psycopg.Error as error:
        if granted is None or (error.sqlstate or "08")[:2] in _OF_THE_SERVER:
            raise explain(error, url) from None
        return refused(error, read, granted, tuple(notices))
    finally:
        # Nothing is left of it but a closed connection: the server rolls back what was begun.
        await connection.close()


def _judge(statement: str) -> tuple[Token, ...] | Refusal:
    """Return the tokens of the one statement, or refuse what need not be asked of the server."""
    several = statements(statement)
    if not storable(statement):
        return Refusal(not_text(), next(place for place, each in enumerate(statement) if not storable(each)))
    if not several:
        return Refusal(empty())
    if len(several) > 1:
        return Refusal(too_many(len(several)), several[1][0].start)
    token = forbidden(several[0])
    return Refusal(withheld(token), token.start) if token else several[0]


def _note(notices: list[str], said: psycopg.errors.Diagnostic) -> None:
    if len(notices) < _NOTICES:
        notices.append(f"{said.severity}: {said.message_primary}")


async def _carry_out(connection: Connection, statement: str, begins: Token, rows: "_Rows") -> PGresult:
    """Carry out `statement`, gather its first rows, and return a result with its columns."""
    if begins.name in WITHOUT_CURSOR:
        result = await _read(connection, statement)
        rows.take(result)
        return result
    await _execute(connection, f"{DECLARE}{statement}")
    while True:
        wanted = rows.batch
        result = await _execute(connection, f"FETCH FORWARD {wanted} FROM console")
        if not rows.take(result) or result.ntuples < wanted:
            return result


async def _read(connection: Connection, command: str) -> PGresult:
    """Carry out one command, if what it returns are rows; the server says so before it runs anything."""
    await _prepare(connection, command)
    connection.pgconn.send_describe_prepared(b"")
    described = await _result(connection)
    if not described.nfields:
        raise psycopg.errors.ReadOnlySqlTransaction("the statement returns nothing to read")
    return await _run_prepared(connection)


async def _execute(connection: Connection, command: str) -> PGresult:
    """Carry out one command."""
    await _prepare(connection, command)
    return await _run_prepared(connection)


async def _prepare(connection: Connection, command: str) -> None:
    """Have the server parse `command`, of which there may be one: what psycopg sends without parameters, it splits."""
    connection.pgconn.send_prepare(b"", command.encode())
    await _result(connection)


async def _run_prepared(connection: Connection) -> PGresult:
    connection.pgconn.send_query_prepared(b"", None)
    return await _result(connection)


async def _result(connection: Connection) -> PGresult:
    result: PGresult = (await connection.wait(generators.execute(connection.pgconn)))[-1]
    if result.status == pq.ExecStatus.FATAL_ERROR:
        raise psycopg.errors.error_from_result(result)
    return result


class _Rows:
    """Rows as they come, as many of them as are kept."""

    def __init__(self, limit: int) -> None:
        self.kept: list[Row] = []
        self.cut: set[tuple[int, int]] = set()
        self.more = False
        self._limit = limit
        self._bytes = 0

    @property
    def batch(self) -> int:
        """How many rows to fetch next, so that they are not too long together if they are like those before.

        One more than are kept tells whether there are more.
        """
        if not self.kept:
            return min(_FIRST_BATCH, self._limit + 1)
        long = _BATCH_BYTES * len(self.kept) // (self._bytes + 1)
        wide = _BATCH_CELLS // max(1, len(self.kept[0]))
        return max(1, min(_BATCH, long, wide, self._limit + 1 - len(self.kept)))

    def take(self, result: PGresult) -> bool:
        """Keep the rows of `result`, and return whether more are wanted."""
        for number in range(result.ntuples):
            if len(self.kept) == self._limit or self._bytes > _BYTES:
                self.more = True
                return False
            self.kept.append(tuple(self._cell(result, number, place) for place in range(result.nfields)))
        return True

    def _cell(self, result: PGresult, number: int, place: int) -> str | None:
        value = result.get_value(number, place)
        if value is None:
            return None
        # A character takes at most four bytes; a database in SQL_ASCII may hold anything.
        text = value[: 4 * (CELL + 1)].decode(errors="replace")
        if len(text) > CELL:
            self.cut.add((len(self.kept), place))
        self._bytes += len(value)
        return text[:CELL]


async def _columns(connection: Connection, result: PGresult) -> tuple[Column, ...]:
    names = [(result.fname(place) or b"").decode(errors="replace") for place in range(result.nfields)]
    oids = [result.ftype(place) for place in range(result.nfields)]
    found = await connection.execute(
        """
        SELECT format_type(t.oid, u.modifier), format_type(t.oid, -1), t.typcategory::text
        FROM unnest(%s::bigint[], %s::int[]) WITH ORDINALITY AS u(type, modifier, place)
        JOIN pg_catalog.pg_type t ON t.oid = u.type::oid ORDER BY u.place
        """,
        (oids, [result.fmod(place) for place in range(result.nfields)]),
    )
    return tuple(
        Column(name, declared, base, family(oid, category), True, None, None, True)
        for name, oid, (declared, base, category) in zip(names, oids, await found.fetchall(), strict=True)
    )
