"""A connection to the engine: one SDK client for one role, its calls beside the event loop, its errors told apart."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from docker.errors import APIError, DockerException
from docker.tls import TLSConfig
from docker.utils import version_lt
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from stack.background import in_thread
from stack.findings import Failure
from stack.services.engine.cuttable import CuttableClient
from stack.services.engine.endpoint import Endpoint, Tls
from stack.services.engine.sdk import OLDEST_API, Client
from stack.services.engine.unreachable import too_old, unreachable

T = TypeVar("T")

REQUEST_SECONDS: Final = 15
"""How long the engine may take to answer; it does so within milliseconds, except under heavy load."""

PATIENT: Final = 24 * 60 * 60
"""For streams: engines before 26 answer a request for a log only when there is a line."""

_CUT_SECONDS: Final = 0.01

CONNECTION_ERRORS: Final = (DockerException, RequestException, HTTPError, OSError)
"""What the SDK and what it stands on raise where there is no engine, or no longer one."""


@dataclass(slots=True)
class Engine:
    """The engine at one endpoint, by a client of its own that connects when first used.

    `seconds` is how long the engine may take to answer; streams are `PATIENT`.
    """

    endpoint: Endpoint
    environ: Mapping[str, str]
    seconds: int = REQUEST_SECONDS
    _connected: Client | None = None
    _connecting: threading.Lock = field(default_factory=threading.Lock)

    async def call(self, operation: Callable[[Client], T]) -> T:
        """Run `operation` with the client in a daemon thread.

        Raises:
            Failure: the engine cannot be reached. What the engine itself answers stays an `APIError`, which only the
                caller can explain.
        """
        return await in_thread(lambda: self.blocking(operation), name="stackdeck-engine")

    async def call_alone(self, operation: Callable[[Client], T]) -> T:
        """Run `operation`, which takes long to answer, with a client of its own.

        Cancelling cuts its connection, which ends both what the engine does for it and the thread, before this returns.

        Raises:
            Failure: as `call` does.
        """
        client = await self.call(lambda shared: _alone(self.endpoint, shared.api_version))
        ended = threading.Event()

        def run() -> T:
            try:
                with _connection(self.endpoint, self.environ), closing(client):
                    try:
                        return operation(client)
                    except CONNECTION_ERRORS:
                        if client.is_cut:
                            raise asyncio.CancelledError from None
                        raise
            finally:
                ended.set()

        try:
            return await in_thread(run, name="stackdeck-engine")
        except asyncio.CancelledError:
            # More than once: it may be connecting at this very moment.
            while not ended.is_set():
                client.cut()
                await asyncio.sleep(_CUT_SECONDS)
            raise

    def blocking(self, operation: Callable[[Client], T]) -> T:
        """Run `operation` with the client here and now; for threads. Raises as `call` does."""
        with _connection(self.endpoint, self.environ):
            return operation(self._client())

    def close(self) -> None:
        """Let go of the connections; a later call connects anew."""
        client, self._connected = self._connected, None
        if client is not None:
            client.close()

    def _client(self) -> Client:
        with self._connecting:
            if self._connected is None:
                self._connected = _client(self.endpoint, self.seconds)
            return self._connected


def _client(endpoint: Endpoint, seconds: int) -> Client:
    if endpoint.socket_path:
        _knock(endpoint.socket_path)
    client = Client(
        base_url=endpoint.url,
        # It asks for the version at once, where nobody has to be patient: not even streams.
        timeout=min(seconds, REQUEST_SECONDS),
        tls=_tls(endpoint.tls) if endpoint.tls else False,
        # Health waits, streams and other calls share it from several threads.
        max_pool_size=32,
    )
    if version_lt(client.api_version, OLDEST_API):
        client.close()
        raise Failure(too_old(endpoint, client.api_version))
    client.timeout = seconds
    return client


def _alone(endpoint: Endpoint, version: str) -> CuttableClient:
    return CuttableClient(
        endpoint.url, version=version, timeout=PATIENT, tls=_tls(endpoint.tls) if endpoint.tls else None
    )


def _knock(path: Path) -> None:
    """Raise the system's own error where nobody listens at `path`; the SDK would wrap it, and leak a socket."""
    with closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(REQUEST_SECONDS)
        client.connect(str(path))


def _tls(tls: Tls) -> TLSConfig:
    pair = (str(tls.certificate), str(tls.key)) if tls.certificate and tls.key else None
    return TLSConfig(client_cert=pair, ca_cert=str(tls.ca) if tls.ca else None, verify=tls.verify)


@contextmanager
def _connection(endpoint: Endpoint, environ: Mapping[str, str]) -> Iterator[None]:
    try:
        yield
    except APIError:
        raise
    except CONNECTION_ERRORS as error:
        raise Failure(unreachable(endpoint, environ, error)) from None
