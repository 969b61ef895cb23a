"""Bytes between our standard streams and a program in a container, until the program ends."""

import os
import select
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, TypeAlias

from stack.services.engine.sdk import Attached
from stack.services.handover import STDERR, STDIN, STDOUT

_CHUNK: Final = 1 << 16
_SILENCE_SECONDS: Final = 60
_HEADER: Final = struct.Struct(">B3xL")

Unpack: TypeAlias = Callable[[bytes], Iterator[tuple[int, bytes]]]
"""From received bytes to what goes to which of our file descriptors."""


class OutputError(Exception):
    """What the program writes cannot be passed on; `error` says why. It is no `OSError`, which is the connection's."""

    def __init__(self, error: OSError) -> None:
        """Take the reason."""
        super().__init__(str(error))
        self.error = error


class Frames:
    """Takes apart the one stream into which the engine puts both outputs of a program that has no terminal.

    Before each piece are eight bytes: which output it is, and its length (Docker Engine API, «Stream format»).
    """

    def __init__(self) -> None:
        self._header = b""
        self._output = STDOUT
        self._left = 0

    def feed(self, received: bytes) -> Iterator[tuple[int, bytes]]:
        """Take the next bytes, cut anywhere, and return what they hold for which file descriptor."""
        rest = memoryview(received)
        while rest:
            if not self._left:
                missing = _HEADER.size - len(self._header)
                self._header, rest = self._header + rest[:missing], rest[missing:]
                if len(self._header) < _HEADER.size:
                    return
                output, self._left = _HEADER.unpack(self._header)
                self._output = STDOUT if output == STDOUT else STDERR
                self._header = b""
            piece, rest = rest[: self._left], rest[self._left :]
            self._left -= len(piece)
            if piece:
                yield self._output, bytes(piece)


def as_it_is(received: bytes) -> Iterator[tuple[int, bytes]]:
    """Return what a program wrote to its terminal."""
    yield STDOUT, received


def relay(connection: socket.socket, received: bytes, unpack: Unpack, stop: socket.socket) -> bool:
    """Carry our input to the program and its outputs to ours, until it ends; return whether it did.

    `received` has come already; a byte on `stop` breaks off. The end of our input is told to the program, which goes
    on. Blocks; for threads.

    Raises:
        OutputError: nobody takes our output any more.
        OSError: the connection broke.
    """
    connection.setblocking(False)
    _deliver(unpack, received)
    pending = b""
    has_input = True
    while True:
        # No more input than the program takes, or a large file would be read whole.
        inputs: list[int | socket.socket] = [connection, stop, *([STDIN] if has_input and not pending else [])]
        readable, writable, _ = select.select(inputs, [connection] if pending else [], [])
        if stop in readable:
            return False
        if connection in readable and not _receive(connection, unpack):
            return True
        if writable:
            with suppress(BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                pending = pending[connection.send(pending) :]
        if STDIN in readable:
            pending = _read_input()
            has_input = bool(pending)
            if not has_input:
                _end_input(connection)


def converse(attached: Attached, given: bytes) -> tuple[bytes, bytes]:
    """Give `given` to a program that has no terminal, and return its two outputs when it has ended. Blocks.

    Raises:
        OSError: the connection broke, or the program said nothing for too long.
    """
    frames = Frames()
    outputs = {STDOUT: bytearray(), STDERR: bytearray()}
    attached.connection.settimeout(_SILENCE_SECONDS)
    attached.connection.sendall(given)
    received = attached.received
    while True:
        for descriptor, piece in frames.feed(received):
            outputs[descriptor] += piece
        received = attached.connection.recv(_CHUNK)
        if not received:
            return bytes(outputs[STDOUT]), bytes(outputs[STDERR])


def _receive(connection: socket.socket, unpack: Unpack) -> bool:
    """Deliver what has come; return False at the end of the stream."""
    while True:
        try:
            received = connection.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        if not received:
            return False
        _deliver(unpack, received)
        # What TLS has decrypted already, no `select` sees.
        if not isinstance(connection, ssl.SSLSocket) or not connection.pending():
            return True


def _deliver(unpack: Unpack, received: bytes) -> None:
    for descriptor, piece in unpack(received):
        left = memoryview(piece)
        while left:
            try:
                left = left[os.write(descriptor, left) :]
            except BlockingIOError:
                select.select([], [descriptor], [])
            except OSError as error:
                raise OutputError(error) from None


def _read_input() -> bytes:
    try:
        return os.read(STDIN, _CHUNK)
    except OSError:
        # A terminal that is gone.
        return b""


def _end_input(connection: socket.socket) -> None:
    """Close our half of the connection: the program reads the end of its input, and may still write."""
    if isinstance(connection, ssl.SSLSocket):
        # This says goodbye, and would wait for the engine's.
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            connection.unwrap()
    else:
        connection.shutdown(socket.SHUT_WR)
