"""How the server stands, now and after each change: its end is noticed at once, all else within a second."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

from stack.background import in_thread
from stack.services.control import ServicesStatus
from stack.services.embedded.postmaster import Postmaster

_LOOK_SECONDS: Final = 1.0
"""Between two looks at a small file, which costs next to nothing: the server sends no events."""


async def watch(
    status: Callable[[], Awaitable[ServicesStatus]], find: Callable[[], Postmaster | None]
) -> AsyncGenerator[ServicesStatus]:
    """Yield what `status` says, and again whenever that has changed; `find` finds the server where it runs."""
    last: ServicesStatus | None = None
    while True:
        server = await in_thread(find)
        now = await status()
        if now != last:
            last = now
            yield now
        await _pause(server)


async def _pause(server: Postmaster | None) -> None:
    """Wait for a moment, or less where `server` ends before that."""
    try:
        descriptor = _handle(server.pid) if server else None
    except ProcessLookupError:
        return  # it has ended already
    if descriptor is None:
        await asyncio.sleep(_LOOK_SECONDS)
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            await ended.wait()
    except TimeoutError:
        pass
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _handle(pid: int) -> int | None:
    """Return a descriptor that can be read once `pid` has ended; None where the system has none.

    Raises:
        ProcessLookupError: it has ended.
    """
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except OSError:
        return None
