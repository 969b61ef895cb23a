"""Names of servers into addresses, without asyncio's executor, whose threads a silent name server would hold."""

import socket

from stack.background import in_thread
from stack.environment.url import DatabaseURL


async def resolve(url: DatabaseURL) -> tuple[str, ...]:
    """Return the addresses of the URL's host, or nothing where it needs no name server.

    Raises:
        socket.gaierror: the name does not resolve.
    """
    if url.host.startswith("/") or any(name == "hostaddr" for name, _ in url.options) or _is_address(url.host):
        return ()
    found = await in_thread(lambda: socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM))
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False
