"""What COPY sends, drained in a thread as quickly as libpq has it.

One row is one message, and a million awaited rows take twice as long as a million read in a loop; so the loop is
libpq's own here, on the connection of an asynchronous one, which nobody else uses meanwhile.
"""

import selectors
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

CHUNK: Final = 1 << 18
"""Bytes that are gathered before they are written."""

_LOOK_UP: Final = 0.1  # seconds between two looks whether it is still wanted


class Unwanted(Exception):  # noqa: N818 - nothing is wrong
    """Nobody wants the rest any more."""


@dataclass(slots=True)
class Drain:
    """How far it is, in rows and in bytes, and whether the rest is still wanted; one thread writes it, others look."""

    rows: int = 0
    size: int = 0
    _unwanted: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Have `run` end soon, with `Unwanted`."""
        self._unwanted.set()

    def run(self, connection: PGconn, statement: bytes, write: Callable[[bytearray], int]) -> None:
        """Run `statement`, a COPY TO STDOUT, and give `write` whole rows, many at a time; it returns how many bytes.

        Blocking. The connection is of no more use where this does not end well.

        Raises:
            Unwanted: it was stopped.
            psycopg.Error: the server refused, or went away.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(connection.socket, selectors.EVENT_READ)
            connection.send_query(statement)
            while connection.flush():
                self._wait(selector)
            while connection.is_busy():
                self._wait(selector)
                connection.consume_input()
            _expect(connection.get_result(), ExecStatus.COPY_OUT)
            self._take(connection, selector, write)
            _expect(connection.get_result(), ExecStatus.COMMAND_OK)

    def _take(self, connection: PGconn, selector: selectors.BaseSelector, write: Callable[[bytearray], int]) -> None:
        rows, block = 0, bytearray()
        while True:
            # The innermost loop of an export of millions; a list of rows would keep the garbage collector at work.
            length, row = connection.get_copy_data(1)
            if length > 0:
                block += row
                rows += 1
                if len(block) < CHUNK:
                    continue
            elif length == 0:
                self._wait(selector)
                connection.consume_input()
                continue
            self.size += write(block)
            self.rows = rows
            self._check()
            if length < 0:
                return
            block.clear()

    def _wait(self, selector: selectors.BaseSelector) -> None:
        while not selector.select(_LOOK_UP):
            self._check()

    def _check(self) -> None:
        if self._unwanted.is_set():
            raise Unwanted


def _expect(result: PGresult | None, status: ExecStatus) -> None:
    if result is None:
        raise psycopg.OperationalError("the server ended the statement without a result")
    if result.status == ExecStatus.FATAL_ERROR:
        raise error_from_result(result)
    if result.status != status:
        raise psycopg.InternalError(f"unexpected result of COPY: {ExecStatus(result.status).name}")
