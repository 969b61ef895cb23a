"""From threads to the event loop, through a bounded queue: who writes too fast waits, and memory does not grow."""

import asyncio
import threading
from collections import deque
from typing import Final, Generic, TypeVar

T = TypeVar("T")

CAPACITY: Final = 2_000


class ClosedError(Exception):
    """Nobody reads any more."""


class Channel(Generic[T]):
    """A queue that threads put into and one task takes from. Made where the event loop runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._ready = asyncio.Event()
        self._closed = False

    def put(self, item: T) -> None:
        """Add `item`, from a thread, once there is room.

        Raises:
            ClosedError: the channel is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < CAPACITY)
            if self._closed or self._loop.is_closed():
                raise ClosedError
            self._items.append(item)
            if len(self._items) == 1:
                self._loop.call_soon_threadsafe(self._ready.set)

    async def ready(self) -> None:
        """Wait until there is something to take."""
        await self._ready.wait()

    async def take(self) -> list[T]:
        """Return all items that are there, once there is one."""
        await self._ready.wait()
        with self._changed:
            items = list(self._items)
            self._items.clear()
            self._ready.clear()
            self._changed.notify_all()
        return items

    def close(self) -> None:
        """Let every `put` end, now and later."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
