"""An observation that several checks share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """An observation that is made when it is first asked for, and shared.

    A check that gives up waiting does not take it away from the others.
    """

    def __init__(self, observe: Callable[[], Awaitable[T]]) -> None:
        """Take what makes the observation."""
        self._observe = observe
        self._task: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """Return what was observed, or raise what the observation raised."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())
            self._task.add_done_callback(_retrieve)
        return await asyncio.shield(self._task)

    def cancel(self) -> None:
        """Wait for it no longer."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> T:
        return await self._observe()


def _retrieve(task: asyncio.Task[T]) -> None:
    """Take the error of an observation that nobody waits for any more, so that the loop does not complain of it."""
    if not task.cancelled():
        task.exception()
