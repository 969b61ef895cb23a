"""Published ports that a browser can open, and whether pgAdmin answers on one yet."""

import asyncio
import re
import ssl
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from stack.services.control import EngineStatus, ServiceStatus, State

_PORT: Final = re.compile(r"(?:(.*):)?([0-9]+)->([0-9]+)/tcp")
_EVERYWHERE: Final = frozenset({"0.0.0.0", "[::]", "", "*"})  # noqa: S104 - compared with, never bound
_LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]", "localhost"})
_TLS: Final = frozenset({443, 8443})
_NO_WEB: Final = frozenset(
    # ssh, smtp, dns, ldap, and what databases, queues and caches listen on
    {22, 25, 53, 389, 636, 1433, 1521, 1883, 2379, 3306, 4222, 5432, 5433, 5672, 6379, 6432, 9042, 9092, 11211, 27017}
)
"""Ports within containers, as registered or usual, behind which no web page is."""

_PGADMIN: Final = re.compile(r"(?:.*/)?pgadmin4?(?:[:@].*)?")
_PING_SECONDS: Final = 1.0
_PING: Final = "GET /misc/ping HTTP/1.0\r\nHost: {host}\r\n\r\n"


def web_addresses(service: ServiceStatus, engine: EngineStatus) -> tuple[str, ...]:
    """Return where a browser on this machine finds `service`, whose ports `engine` publishes: none unless it runs.

    What is published on all addresses is found on ``localhost``, or on the engine's own host where that is another.
    """
    if service.state is not State.RUNNING:
        return ()
    remote = _remote_host(engine.endpoint or "")
    found = (_address(port, remote) for port in service.ports)
    return tuple(dict.fromkeys(address for address in found if address))


def is_pgadmin(service: ServiceStatus) -> bool:
    """Whether `service` is pgAdmin."""
    return is_pgadmin_image(service.image or "")


def is_pgadmin_image(image: str) -> bool:
    """Whether `image` is ``dpage/pgadmin4``, from whatever registry."""
    return bool(_PGADMIN.fullmatch(image))


async def pings(address: str) -> bool:
    """Return whether the pgAdmin at `address` answers yet: within a second, on ``/misc/ping``, which takes no login."""
    parts = urlsplit(address)
    tls = _any_certificate() if parts.scheme == "https" else None
    try:
        async with asyncio.timeout(_PING_SECONDS):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
            try:
                writer.write(_PING.format(host=parts.netloc).encode())
                head = await reader.readline()
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, ValueError):
        return False
    return b" 200" in head


def _address(port: str, remote: str | None) -> str | None:
    matched = _PORT.fullmatch(port)
    if matched is None or int(matched[3]) in _NO_WEB:
        return None
    host = matched[1] or ""
    if host in _EVERYWHERE:
        host = remote or "localhost"
    elif host in _LOOPBACK and remote:
        return None  # the loopback of another machine
    scheme = "https" if int(matched[3]) in _TLS else "http"
    return f"{scheme}://{host}:{matched[2]}"


def _remote_host(endpoint: str) -> str | None:
    """Return the host of an engine on another machine."""
    if endpoint.startswith(("unix:", "npipe:")):
        return None
    host = urlsplit(endpoint).hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return None if shown in _LOOPBACK or not shown else shown


def _any_certificate() -> ssl.SSLContext:
    # A development pgAdmin signs its own; nothing secret is sent.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
