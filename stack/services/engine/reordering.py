"""Lines of several logs in the order of their times, although they come by different ways."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from stack.services.control import LogLine
from stack.services.engine.log_lines import StampedLine

WINDOW: Final = 0.1
"""Seconds that a line may come later than a younger line of another log, and still be put before it."""


@dataclass(slots=True)
class Reordering:
    """Holds lines back for `window` seconds after they came, and gives them out in the order of their times.

    Times of arrival are seconds of the caller's monotonic clock.
    """

    window: float = WINDOW
    _held: list[tuple[int, int, LogLine]] = field(default_factory=list)
    _arrivals: deque[tuple[float, int]] = field(default_factory=deque)
    _numbers: Iterator[int] = field(default_factory=count)

    def add(self, now: float, lines: Iterable[StampedLine]) -> None:
        """Take lines that come `now`; lines of one log come in their order."""
        newest = None
        for stamped in lines:
            heapq.heappush(self._held, (stamped.stamp, next(self._numbers), stamped.line))
            newest = stamped.stamp if newest is None else max(newest, stamped.stamp)
        if newest is not None:
            self._arrivals.append((now, newest))

    def ready(self, now: float) -> Iterator[LogLine]:
        """Yield what has waited long enough, and what is older than that."""
        until = None
        while self._arrivals and self._arrivals[0][0] + self.window <= now:
            newest = self._arrivals.popleft()[1]
            until = newest if until is None else max(until, newest)
        while until is not None and self._held and self._held[0][0] <= until:
            yield heapq.heappop(self._held)[2]

    def flush(self) -> Iterator[LogLine]:
        """Yield all that is held."""
        self._arrivals.clear()
        while self._held:
            yield heapq.heappop(self._held)[2]

    def seconds(self, now: float) -> float | None:
        """Return how long it is until something is ready; None where nothing is held."""
        return max(0.0, self._arrivals[0][0] + self.window - now) if self._arrivals else None
