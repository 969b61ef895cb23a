"""A client whose connection another thread can cut: for long requests that somebody may want to stop."""

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypedDict, Unpack, cast

from docker.tls import TLSConfig

from stack.services.engine.sdk import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest, Response
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection

_CONNECT: Final = "_new_conn"
"""The method with which a pool of urllib3, and of the SDK over a Unix socket, makes a connection."""


class _Options(TypedDict, total=False):
    """How a request is sent; see `requests.Session.send`."""

    stream: bool | None
    verify: bool | str | None
    proxies: dict[str, str] | None
    cert: str | tuple[str, str] | None
    timeout: float | tuple[float | None, float | None] | None
    allow_redirects: bool


class CuttableClient(Client):
    """A client for one long request, which another thread can cut off at any moment, even before the answer begins."""

    def __init__(self, base_url: str, *, version: str, timeout: int, tls: TLSConfig | None) -> None:
        """Take what a client takes; the `version` is known already, so nothing is asked yet."""
        self.is_cut = False
        self._connections: list[HTTPConnection] = []
        super().__init__(base_url=base_url, version=version, timeout=timeout, tls=tls or False)

    def send(self, request: "PreparedRequest", **options: Unpack[_Options]) -> "Response":  # type: ignore[override]
        """Send `request` on a connection that is remembered. The SDK passes only these options, all by name."""
        # A response gives access to its connection, but only once it is there, and a silent registry lets it wait.
        adapter = cast("HTTPAdapter", self.get_adapter(str(request.url)))
        pool = adapter.get_connection_with_tls_context(
            request, options.get("verify"), proxies=options.get("proxies"), cert=options.get("cert")
        )
        connect = cast("Callable[[], HTTPConnection]", getattr(pool, _CONNECT))

        def remember() -> "HTTPConnection":
            connection = connect()
            self._connections.append(connection)
            return connection

        vars(pool)[_CONNECT] = remember
        return super().send(request, **options)

    def cut(self) -> None:
        """Shut the connections: whoever waits for an answer on them gets an error at once."""
        self.is_cut = True
        for connection in self._connections:
            if connection.sock is not None:
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
