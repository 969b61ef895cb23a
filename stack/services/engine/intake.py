"""From the threads that read logs to the event loop: lines of each source, bounded, and what else has happened.

Whoever writes too fast waits, or loses the oldest lines that wait (`Overflow`). What is dropped was never decoded, and
is counted; what is taken at once is shared evenly between the sources.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from stack.services.control import Overflow
from stack.services.engine.channel import ClosedError
from stack.services.engine.log_lines import Source

T = TypeVar("T")

LINES: Final = 5_000
"""Lines of one source that wait at most."""

BYTES: Final = 4 << 20
"""Bytes of one source that wait at most, but for one line."""

AT_ONCE: Final = 200
"""Lines that are taken at once, of all sources."""


@dataclass(frozen=True, slots=True)
class Portion:
    """What one source brings: after `dropped` lines, and `skipped` seconds that could not be read, its `lines`.

    `ended` says that there are no more: its container has stopped.
    """

    source: Source
    dropped: int
    skipped: float
    lines: tuple[bytes, ...]
    ended: bool


@dataclass(slots=True)
class _Waiting:
    """The lines of one source that wait."""

    source: Source
    lines: deque[bytes] = field(default_factory=deque)
    size: int = 0
    dropped: int = 0
    skipped: float = 0.0
    ended: bool = False

    @property
    def full(self) -> bool:
        return len(self.lines) > LINES or (self.size > BYTES and len(self.lines) > 1)

    def add(self, lines: Sequence[bytes]) -> None:
        self.lines.extend(lines)
        self.size += sum(map(len, lines))

    def shorten(self) -> None:
        while self.full:
            self.size -= len(self.lines.popleft())
            self.dropped += 1

    def drop_all(self) -> None:
        self.dropped += len(self.lines)
        self.lines.clear()
        self.size = 0

    def take(self, count: int) -> Portion:
        lines = tuple(self.lines.popleft() for _ in range(count))
        self.size -= sum(map(len, lines))
        portion = Portion(self.source, self.dropped, self.skipped, lines, self.ended and not self.lines)
        self.dropped, self.skipped = 0, 0.0
        return portion


class Intake(Generic[T]):
    """What threads bring and one task takes: lines by source, and events of type `T`. Made where the loop runs."""

    def __init__(self, overflow: Overflow) -> None:
        """Be empty; `overflow` is what becomes of a source's lines beyond `LINES` and `BYTES`."""
        self._loop = asyncio.get_running_loop()
        self._overflow = overflow
        self._waiting: dict[str, _Waiting] = {}
        self._events: list[T] = []
        self._changed = threading.Condition()
        self._ready = asyncio.Event()
        self._awake = False
        self._closed = False

    def put(self, source: Source, lines: Sequence[bytes]) -> None:
        """Add lines of `source`, from its thread.

        Raises:
            ClosedError: nobody takes them any more.
        """
        with self._changed:
            while (waiting := self._of(source)).full and self._overflow is Overflow.WAIT:
                self._changed.wait()
            waiting.add(lines)
            if self._overflow is Overflow.DROP:
                waiting.shorten()
            self._wake()

    def skip(self, source: Source, seconds: float) -> None:
        """Say that what `source` wrote within `seconds` is left out here, and drop what waits. Raises as `put` does."""
        with self._changed:
            waiting = self._of(source)
            waiting.skipped += seconds
            waiting.drop_all()
            self._wake()

    def end(self, source: Source) -> None:
        """Say that `source` has no more lines. Raises as `put` does."""
        with self._changed:
            self._of(source).ended = True
            self._wake()

    def tell(self, event: T) -> None:
        """Add an event, from a thread; events are never dropped. Raises as `put` does."""
        with self._changed:
            self._events.append(event)
            self._wake()

    async def take(self, seconds: float | None) -> tuple[tuple[Portion, ...], tuple[T, ...]]:
        """Return what there is, at most `AT_ONCE` lines, as soon as there is something, or nothing after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        with self._changed:
            waiting = list(self._waiting.values())
            counts = shares([len(each.lines) for each in waiting], AT_ONCE)
            portions = tuple(each.take(count) for each, count in zip(waiting, counts, strict=True))
            self._waiting = {each.source.id: each for each in waiting if each.lines}
            events, self._events = tuple(self._events), []
            if not self._waiting:
                self._awake = False
                self._ready.clear()
            self._changed.notify_all()
        return portions, events

    def close(self) -> None:
        """Let every thread that brings something end, now and later."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _of(self, source: Source) -> _Waiting:
        if self._closed:
            raise ClosedError
        return self._waiting.setdefault(source.id, _Waiting(source))

    def _wake(self) -> None:
        if self._closed or self._loop.is_closed():
            raise ClosedError
        if not self._awake:
            self._awake = True
            self._loop.call_soon_threadsafe(self._ready.set)


def shares(wanted: Sequence[int], total: int) -> list[int]:
    """Return how many of `total` each gets that wants so many: who wants little gets it all, the others the same."""
    given = [0] * len(wanted)
    left = total
    for position, index in enumerate(sorted(range(len(wanted)), key=lambda index: wanted[index])):
        given[index] = min(wanted[index], left // (len(wanted) - position))
        left -= given[index]
    return given
