"""A real engine behind a proxy that keeps every request, can be cut off and come back, fall silent, and tell lies."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from stack.services.engine.endpoint import Endpoint

_REQUEST = re.compile(rb"(?:GET|POST|DELETE|HEAD|PUT) (\S+) HTTP/1\.1\r\n")
_LENGTH = re.compile(rb"\r\n(?:Content-Length: (\d+)|Transfer-Encoding: chunked)", re.IGNORECASE)
_END = b"\r\n\r\n"
_VERSION = re.compile(r"/v1\.\d+")


class EngineProxy:
    """Passes bytes on between `path` and the engine at `engine`; `requests` are the paths that were asked for."""

    def __init__(self, engine: Path, path: Path) -> None:
        self.requests: list[str] = []
        self.speaking = asyncio.Event()
        self.speaking.set()
        self.before_answer: dict[str, Callable[[], Awaitable[None]]] = {}
        """What to do before the answer to the first request for a path is passed on."""
        self.changed: dict[str, Callable[[bytes], bytes]] = {}
        """What becomes of the answers, head and body, to the requests for a path."""
        self._engine = engine
        self._path = path
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"unix://{self._path}", "a test")

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    async def all_closed(self) -> None:
        while self._connections:
            await asyncio.wait(self._connections)

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))

    async def start_tcp(self) -> Endpoint:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return Endpoint(f"tcp://127.0.0.1:{port}", "a test")

    async def stop(self) -> None:
        """Be gone as an engine that has stopped: its socket too."""
        if self._server is not None:
            self._server.close()
            self._server = None
        connections = list(self._connections)
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    def of(self, path: str) -> list[str]:
        """The requests since the last `forget` that were for `path`."""
        return [request for request in self.requests if request.split("?")[0] == path]

    def forget(self) -> None:
        self.requests.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        engine_reader, engine_writer = await asyncio.open_unix_connection(str(self._engine))
        pumps = [
            asyncio.ensure_future(self._pump(reader, engine_writer, asked := [], True)),
            asyncio.ensure_future(self._pump(engine_reader, writer, asked, False)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.ALL_COMPLETED)
        except asyncio.CancelledError:
            pass
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for each in (writer, engine_writer):
                each.transport.abort()
            self._connections.discard(task)

    async def _pump(self, source, sink, asked: list[str], are_requests: bool) -> None:
        while data := await source.read(1 << 16):
            if are_requests:
                for path in _REQUEST.findall(data):
                    shown = _VERSION.sub("", path.decode(), count=1)
                    self.requests.append(shown)
                    asked.append(shown.split("?")[0])
            elif asked and (then := self.before_answer.pop(asked[-1], None)):
                await then()
            await self.speaking.wait()
            if not are_requests and asked and (change := self.changed.get(asked[-1])):
                data = await _changed(source, data, change)
            sink.write(data)
            with contextlib.suppress(ConnectionError):
                await sink.drain()
        with contextlib.suppress(OSError):
            sink.write_eof()


async def _changed(source: asyncio.StreamReader, begun: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The answer that has `begun`, read to its end, as `change` makes it, with the length that it has then."""
    while not (whole := _whole(begun)):
        begun += await source.read(1 << 16)
    head, _, body = change(whole).partition(_END)
    return b"\r\n".join([_LENGTH.sub(b"", head), b"Content-Length: %d" % len(body)]) + _END + body


def _whole(answer: bytes) -> bytes | None:
    """An answer without its chunks, if all of it is there."""
    head, end, body = answer.partition(_END)
    if not end:
        return None
    length = _LENGTH.search(head)
    assert length, "only an answer that tells its length can be changed"
    if length[1]:
        return answer if len(body) >= int(length[1]) else None
    content = b""
    while (size := body.partition(b"\r\n"))[1] and len(size[2]) >= int(size[0], 16) + 2:
        if size[0] == b"0":
            return head + end + content
        content += size[2][: int(size[0], 16)]
        body = size[2][int(size[0], 16) + 2 :]
    return None


@asynccontextmanager
async def proxied(endpoint: Endpoint, directory: Path) -> AsyncIterator[EngineProxy]:
    """A proxy in front of the engine at `endpoint`, listening."""
    assert endpoint.socket_path is not None
    proxy = EngineProxy(endpoint.socket_path, directory / "engine.sock")
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
