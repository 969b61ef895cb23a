"""Servers that say on the wire what a real Postgres cannot be made to say when a test wants it."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Iterable, Iterator

TLS_REQUEST = struct.pack("!ii", 8, 80877103)


def refusal(sqlstate: str, message: str) -> bytes:
    """Return an ErrorResponse."""
    fields = {b"S": "FATAL", b"V": "FATAL", b"C": sqlstate, b"M": message}
    body = b"".join(letter + text.encode() + b"\0" for letter, text in fields.items()) + b"\0"
    return b"E" + struct.pack("!i", 4 + len(body)) + body


@contextlib.asynccontextmanager
async def _listening(handle) -> AsyncIterator[int]:
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            handlers.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await handle(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers)
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def answering(replies: Iterable[bytes], then: int | None = None) -> AsyncIterator[int]:
    """Answer one connection after the other with `replies`, then relay to a server's port, or repeat the last one."""
    waiting: Iterator[bytes] = iter(list(replies))
    last = b""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal last
        reply = next(waiting, None)
        if reply is None and then is not None:
            await _relay(reader, writer, then)
        else:
            last = reply if reply is not None else last
            await _startup(reader, writer)
            writer.write(last)
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async with _listening(handle) as port:
        yield port


@contextlib.asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Take connections and never say a word."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass

    async with _listening(handle) as port:
        yield port


async def _startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read a client's startup message; there is no TLS."""
    while True:
        length = struct.unpack("!i", await reader.readexactly(4))[0]
        body = await reader.readexactly(length - 4)
        if struct.pack("!i", length) + body != TLS_REQUEST:
            return
        writer.write(b"N")


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", port)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while block := await source.read(65536):
                sink.write(block)
                await sink.drain()
        sink.close()

    try:
        await asyncio.gather(pump(reader, onward_writer), pump(onward_reader, writer))
    finally:
        onward_writer.transport.abort()
