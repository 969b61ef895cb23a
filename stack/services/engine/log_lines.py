"""A container's log, chunk by chunk as it comes, to lines with their times."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from stack.services.control import LogLine

LONGEST_LINE: Final = 64 * 1024
"""Characters; a longer line is cut into several."""

_STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?")
"""The time that the engine writes before each message, by RFC 3339 with up to nine decimals."""


_MICROSECONDS: Final = re.compile(r"(\.\d{6})\d+")


@dataclass(frozen=True, slots=True)
class StampedLine:
    """One line, the id of its container, and the text of its time, which has nanoseconds and sorts as time does."""

    origin: str
    stamp: str
    line: LogLine


@dataclass(slots=True)
class Lines:
    """Chunks of a log to lines.

    Characters and lines may be split between chunks, and a long line has several stamps.
    """

    origin: str
    service: str
    container: str
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace")
    )
    _pending: str = ""
    _stamp: str = ""

    def feed(self, chunk: bytes) -> Iterator[StampedLine]:
        """Take the next chunk and return the lines that it ends."""
        text = self._decoder.decode(chunk)
        if self._pending and (continued := _STAMP.match(text)):
            # The engine cuts a message at 16 KiB and writes the time before each part.
            text = text[continued.end() :]
        *whole, self._pending = (self._pending + text).split("\n")
        for line in whole:
            yield from self._line(line)
        while len(self._pending) > LONGEST_LINE:
            cut, rest = self._pending[:LONGEST_LINE], self._pending[LONGEST_LINE:]
            yield from self._line(cut)
            self._pending = f"{self._stamp} {rest}" if self._stamp else rest

    def finish(self) -> Iterator[StampedLine]:
        """Return the last line where it has no end."""
        text, self._pending = self._pending + self._decoder.decode(b"", final=True), ""
        if text:
            yield from self._line(text)

    def _line(self, text: str) -> Iterator[StampedLine]:
        stamped = _STAMP.match(text)
        if stamped:
            self._stamp, text = stamped[1], text[stamped.end() :]
        line = LogLine(self.service, self.container, _time(self._stamp), text.removesuffix("\r"))
        yield StampedLine(self.origin, self._stamp, line)


def whole_second(stamp: str) -> float:
    """Return the start of the second of `stamp`, in seconds since the epoch."""
    return float(int(datetime.fromisoformat(_MICROSECONDS.sub(r"\1", stamp)).timestamp()))


def _time(stamp: str) -> datetime | None:
    if not stamp:
        return None
    # Nanoseconds are more than a datetime can hold.
    return datetime.fromisoformat(_MICROSECONDS.sub(r"\1", stamp)).astimezone(UTC)
