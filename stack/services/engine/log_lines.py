"""The bytes of a container's log, chunk by chunk as they come, to lines with their times.

In two steps, since most of a flood is dropped in between: `Splitter` finds where lines begin and end, which is cheap,
and `LineReader` reads what is kept.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from stack.services.control import LogLine
from stack.services.log_levels import Levels

LONGEST_LINE: Final = 64 * 1024
"""Bytes; a longer line is cut into several."""

SECOND: Final = 1_000_000_000
"""Nanoseconds."""

_HEAD: Final = 8
"""Bytes before each message of a framed log: its stream, three zeros, and its length as a big-endian integer."""

_STAMP: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")
"""The time that the engine writes before each message, by RFC 3339 with up to nine decimals."""


@dataclass(frozen=True, slots=True)
class Source:
    """A container whose log is read; `number` tells the replicas of a service apart."""

    id: str
    service: str
    number: int
    container: str


@dataclass(frozen=True, slots=True)
class StampedLine:
    """One line, and its time in nanoseconds since the epoch, which is finer than a `datetime`."""

    stamp: int
    line: LogLine


@dataclass(slots=True)
class Splitter:
    """Chunks of a log to raw lines, each with the engine's time before it.

    `framed` is how the engine sends the log of a container without a terminal. There messages may be split between
    chunks anywhere; of a terminal's log, a chunk that begins with a time begins a message or goes on with one.
    """

    framed: bool
    _rest: bytes = b""
    _pending: dict[int, bytes] = field(default_factory=dict)

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next chunk and return the lines that it ends, without their ends."""
        if not self.framed:
            return self._take(0, chunk)
        data = self._rest + chunk if self._rest else chunk
        lines: list[bytes] = []
        at = 0
        while len(data) - at >= _HEAD:
            end = at + _HEAD + int.from_bytes(data[at + 4 : at + _HEAD], "big")
            if end > len(data):
                break
            lines += self._take(data[at], data[at + _HEAD : end])
            at = end
        self._rest = data[at:]
        return lines

    def finish(self) -> list[bytes]:
        """Return the last lines where they have no end."""
        rest = [line for line in self._pending.values() if line]
        self._pending.clear()
        return rest

    def _take(self, stream: int, payload: bytes) -> list[bytes]:
        if before := self._pending.pop(stream, b""):
            if continued := _STAMP.match(payload):
                # The engine cuts a message at 16 KiB and writes the time before each part.
                payload = payload[continued.end() :]
            payload = before + payload
        *lines, rest = payload.split(b"\n")
        while len(rest) > LONGEST_LINE:
            stamped = _STAMP.match(rest)
            lines.append(rest[:LONGEST_LINE])
            rest = (stamped[0] if stamped else b"") + rest[LONGEST_LINE:]
        if rest:
            self._pending[stream] = rest
        return lines


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a log has been read: the time of the last line, and how many lines have that very time."""

    stamp: int
    count: int

    @property
    def since(self) -> str:
        """The time as the engine takes it, in seconds with nine decimals."""
        return f"{self.stamp // SECOND}.{self.stamp % SECOND:09d}"


class LineReader:
    """Raw lines of one container's log to lines with time and level."""

    def __init__(self, source: Source) -> None:
        """Begin before the first line of `source`."""
        self.seen: Seen | None = None
        self._source = source
        self._levels = Levels()

    def read(self, raw: bytes) -> StampedLine:
        """Return the next line; one without a time has that of the line before."""
        stamped = _STAMP.match(raw)
        stamp = _nanoseconds(stamped) if stamped else self.seen.stamp if self.seen else 0
        same = self.seen is not None and stamp == self.seen.stamp
        self.seen = Seen(stamp, self.seen.count + 1 if same and self.seen else 1)
        text = (raw[stamped.end() :] if stamped else raw).decode(errors="replace").removesuffix("\r")
        time = moment(stamp) if stamp else None
        line = LogLine(self._source.service, self._source.container, time, text, self._levels.next(text))
        return StampedLine(stamp, line)


def stamp_of(raw: bytes) -> int | None:
    """Return the time of a raw line in nanoseconds since the epoch."""
    stamped = _STAMP.match(raw)
    return _nanoseconds(stamped) if stamped else None


@dataclass(slots=True)
class Overlap:
    """Takes from the lines of a log, which is read anew, those that have been `seen`; None is nothing."""

    seen: Seen | None
    _same: int = 0

    def rest(self, lines: list[bytes]) -> list[bytes]:
        """Return those of the next `lines` that are new."""
        if self.seen is None:
            return lines
        for index, line in enumerate(lines):
            stamp = stamp_of(line)
            self._same += stamp == self.seen.stamp
            if stamp is not None and (stamp > self.seen.stamp or self._same > self.seen.count):
                self.seen = None
                return lines[index:]
        return []


def moment(stamp: int) -> datetime:
    """Return a time in nanoseconds as one in microseconds, which is all that a `datetime` can hold."""
    return _second(stamp // SECOND).replace(microsecond=stamp % SECOND // 1000)


@lru_cache(maxsize=64)
def _second(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(maxsize=64)
def _seconds(text: bytes, zone: bytes) -> int:
    return int(datetime.fromisoformat((text + zone).decode()).timestamp())


def _nanoseconds(stamped: re.Match[bytes]) -> int:
    decimals = stamped[2] or b"0"
    return _seconds(stamped[1], stamped[3]) * SECOND + int(decimals.ljust(9, b"0"))
