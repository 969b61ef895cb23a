"""The server's log, line by line."""

import asyncio
import os
import re
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from stack.background import in_thread
from stack.services.control import LineKind, LogLine, Overflow
from stack.services.log_levels import Level, Levels

_PAUSE: Final = 0.25
"""Seconds between two looks at a log that is followed."""

_MOST: Final = 1_000
"""Lines that are taken at one look where lines may be dropped."""

_CHUNK: Final = 1 << 18
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC ")
"""``%m`` of the server's ``log_line_prefix``, with ``log_timezone`` at UTC."""


@dataclass(slots=True)
class LineParser:
    """Makes lines of log out of pieces of the file; a line that goes on in the next one has the time of its first."""

    service: str
    server: str
    _rest: bytes = b""
    _time: datetime | None = None
    _levels: Levels = field(default_factory=Levels)

    def feed(self, piece: bytes) -> Iterator[LogLine]:
        """Yield the lines that `piece` completes; what follows the last line break waits for the next piece."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            if match := _TIME.match(text):
                self._time = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
                text = text[match.end() :]
            yield LogLine(self.service, self.server, self._time, text, self._levels.next(text))

    def event(self, text: str) -> LogLine:
        """Return a line that says what happened since the last one."""
        return LogLine(self.service, self.server, self._time, text, kind=LineKind.EVENT)


class LogReader:
    """Reads a log on from where it was left, through its replacement by a new file."""

    def __init__(self, log: Path, service: str, server: str, since: datetime | None) -> None:
        """Take the log, the names that its lines are given, and the time before which they do not matter."""
        self._log = log
        self._parser = LineParser(service, server)
        self._since = since
        self._file: BinaryIO | None = None

    def read(self, tail: int | None = None) -> list[LogLine]:
        """Return the lines since the last call, at most the last `tail`; blocks. A log that is not there has none."""
        return list(deque(self._new_lines(), maxlen=tail))

    def read_newest(self, most: int) -> list[LogLine]:
        """Return as `read` does, but of more than `most` lines the newest, and before them a gap; blocks."""
        kept: deque[LogLine] = deque(maxlen=most)
        dropped = 0
        for line in self._new_lines():
            dropped += len(kept) == most
            kept.append(line)
        if not dropped:
            return list(kept)
        gap = replace(
            kept[0], text=f"{dropped:,} lines dropped", kind=LineKind.GAP, level=Level.UNKNOWN, dropped=dropped
        )
        return [gap, *kept]

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _new_lines(self) -> Iterator[LogLine]:
        yield from self._rest_of_file()
        if self._is_replaced():
            self.close()
            yield self._parser.event("its log goes on in a new file")
            yield from self._rest_of_file()

    def _rest_of_file(self) -> Iterator[LogLine]:
        try:
            self._file = self._file or self._log.open("rb")
        except FileNotFoundError:
            return
        while piece := self._file.read(_CHUNK):
            for line in self._parser.feed(piece):
                if self._since is None or (line.time is not None and line.time >= self._since):
                    yield line

    def _is_replaced(self) -> bool:
        if self._file is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._file.fileno()), self._log.stat())
        except FileNotFoundError:
            return True


async def read_log(reader: LogReader, tail: int | None) -> AsyncGenerator[LogLine, None]:
    """Yield what has been logged."""
    try:
        for line in await in_thread(lambda: reader.read(tail)):
            yield line
    finally:
        reader.close()


async def follow_log(reader: LogReader, tail: int | None, overflow: Overflow) -> AsyncGenerator[LogLine, None]:
    """Yield what has been logged, then every line as it is completed."""
    more = reader.read if overflow is Overflow.WAIT else partial(reader.read_newest, _MOST)
    try:
        lines = await in_thread(lambda: reader.read(tail))
        while True:
            for line in lines:
                yield line
            await asyncio.sleep(_PAUSE)
            lines = await in_thread(more)
    finally:
        reader.close()
