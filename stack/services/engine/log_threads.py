"""Threads that read containers' logs and the project's events, and hand them to the event loop.

Closing a `Reading` closes its streams, which ends its threads at once.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from time import time, time_ns
from typing import Final, Protocol, TypeAlias, TypedDict, cast

from docker.errors import APIError, DockerException

from stack.findings import Failure
from stack.services.control import Overflow
from stack.services.engine import labels
from stack.services.engine.channel import ClosedError
from stack.services.engine.connection import Engine
from stack.services.engine.errors import log_unreadable, refused
from stack.services.engine.intake import Intake
from stack.services.engine.log_lines import SECOND, Overlap, Seen, Source, Splitter, stamp_of
from stack.services.engine.log_stream import LogStream
from stack.services.engine.sdk import Client
from stack.services.engine.unreachable import unreachable

OVERLAP: Final = 2_000
"""Lines from the end of a log in which what has been seen of it already is looked for."""

LATEST: Final = 5.0
"""Seconds that a log may come late where lines may be dropped; then it is gone on with at its end."""

_BUSY: Final = 1_000
"""Lines a second of which a log that comes late has at least; others are late for another reason."""


class Change(StrEnum):
    """What happens to a container, in the words of the engine's events."""

    START = "start"
    DIE = "die"


@dataclass(frozen=True, slots=True)
class Happened:
    """A container of the project has started or stopped, at `stamp` nanoseconds since the epoch."""

    change: Change
    source: Source
    stamp: int
    exit_code: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The engine does not give a container's log, and says why."""

    source: Source
    reason: Failure


Event: TypeAlias = Happened | Unreadable | Failure


class _Stream(Protocol):
    """What can be closed from another thread than the one that reads it."""

    def close(self) -> None: ...


class _Actor(TypedDict):
    ID: str
    Attributes: Mapping[str, str]


class _Event(TypedDict):
    Action: str
    Actor: _Actor
    timeNano: int


@dataclass(slots=True)
class Streams:
    """All open streams of one reading, to be closed from outside their threads."""

    _open: list[_Stream] = field(default_factory=list)
    _closed: bool = False
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def add(self, stream: _Stream) -> None:
        """Close `stream` along with the others, at once where they are closed already."""
        with self._changing:
            self._open.append(stream)
            late = self._closed
        if late:
            _close(stream)

    def remove(self, stream: _Stream) -> None:
        """Close `stream` now, alone."""
        with self._changing, suppress(ValueError):
            self._open.remove(stream)
        _close(stream)

    def close(self) -> None:
        """Close all, now and later."""
        with self._changing:
            self._closed = True
            streams = list(self._open)
        for stream in streams:
            _close(stream)


def _close(stream: _Stream) -> None:
    # One that has ended meanwhile has no socket any more, and over SSH there is none to close.
    with suppress(OSError, ValueError, AttributeError, DockerException):
        stream.close()


def in_daemon(engine: Engine, read: Callable[[Client], None], tell: Callable[[Failure], None]) -> None:
    """Run `read` with the client in a daemon thread; a failure is told."""

    def work() -> None:
        with suppress(ClosedError):
            try:
                engine.blocking(read)
            except Failure as failure:
                tell(failure)
            except APIError as error:
                tell(refused("reading a log", error))

    threading.Thread(target=work, name="stackdeck-logs", daemon=True).start()


def open_log(
    client: Client, streams: Streams, source: Source, *, follow: bool, tail: int | None, since: str | None
) -> LogStream | None:
    """Open the log of `source`, to be closed with `streams`; None where the container has gone.

    Raises:
        APIError: the engine does not give this log.
    """
    try:
        stream = client.open_log(source.id, follow=follow, tail=tail, since=since)
    except APIError as error:
        # 404: it has gone; 409: it is on its way out.
        if error.status_code in {404, 409}:
            return None
        raise
    streams.add(stream)
    return stream


def raw_lines(stream: LogStream) -> Iterator[list[bytes]]:
    """Yield the raw lines of `stream`, as many at a time as come at once."""
    splitter = Splitter(stream.framed)
    yield from _ended(stream, splitter)
    if rest := splitter.finish():
        yield rest


def ended_lines(stream: LogStream) -> Iterator[list[bytes]]:
    """Yield as `raw_lines` does, without a last line whose end may yet be written."""
    return _ended(stream, Splitter(stream.framed))


def _ended(stream: LogStream, splitter: Splitter) -> Iterator[list[bytes]]:
    for chunk in stream:
        if lines := splitter.feed(chunk):
            yield lines


@dataclass(slots=True)
class Reading:
    """Threads that follow logs and events into one intake."""

    engine: Engine
    overflow: Overflow
    intake: Intake[Event] = field(init=False)
    streams: Streams = field(default_factory=Streams)

    def __post_init__(self) -> None:
        """Make the intake where the event loop runs."""
        self.intake = Intake(self.overflow)

    def close(self) -> None:
        """End all threads."""
        self.intake.close()
        self.streams.close()

    def follow(self, source: Source, seen: Seen | None, since: str | None) -> None:
        """Follow the log of `source`: what comes after `seen`, or where nothing has been seen, from `since` on."""

        def read(client: Client) -> None:
            try:
                opened = self._resumed(client, source, seen) if seen else self._opened(client, source, None, since)
                while opened is not None and (late := self._bring(source, opened)):
                    self.intake.skip(source, late)
                    opened = self._opened(client, source, 0, None)
            except APIError as error:
                self.intake.tell(Unreadable(source, log_unreadable(source.container, error)))
            self.intake.end(source)

        in_daemon(self.engine, read, self.intake.tell)

    def watch(self, project: str) -> None:
        """Bring every start and stop of a container of `project`, and a `Failure` where events end."""

        def read(client: Client) -> None:
            wanted = {
                "type": "container",
                "event": [change.value for change in Change],
                "label": [f"{labels.PROJECT}={project}", f"{labels.ONE_OFF}=False"],
            }
            events = client.events(decode=True, filters=wanted)
            self.streams.add(events)
            for event in cast("Iterator[_Event]", events):
                self.intake.tell(_happened(event))
            lost = ConnectionError("its stream of events has ended")
            self.intake.tell(Failure(unreachable(self.engine.endpoint, self.engine.environ, lost)))

        in_daemon(self.engine, read, self.intake.tell)

    def _opened(
        self, client: Client, source: Source, tail: int | None, since: str | None, seen: Seen | None = None
    ) -> "_Opened | None":
        stream = open_log(client, self.streams, source, follow=True, tail=tail, since=since)
        return _Opened(stream, raw_lines(stream), Overlap(seen)) if stream is not None else None

    def _resumed(self, client: Client, source: Source, seen: Seen) -> "_Opened | None":
        """Open a log after `seen`, which is looked for near the end: engines find an older time by reading all."""
        opened = self._opened(client, source, OVERLAP, None, seen)
        if opened is None:
            return None
        first = next(opened.pieces, [])
        began = stamp_of(first[0]) if first else None
        if began is not None and began > seen.stamp:
            # More than that has been written meanwhile.
            self.streams.remove(opened.stream)
            return self._opened(client, source, None, seen.since, seen)
        opened.pieces = chain([first], opened.pieces)
        return opened

    def _bring(self, source: Source, opened: "_Opened") -> float:
        """Bring a log to its end and return 0.0, or where lines may be dropped, by how many seconds it comes late."""
        pace = _Pace(opened.stream.ahead)
        for lines in opened.pieces:
            self.intake.put(source, opened.overlap.rest(lines))
            if self.overflow is Overflow.DROP and (late := pace.late(lines)):
                self.streams.remove(opened.stream)
                return late
        return 0.0


@dataclass(slots=True)
class _Opened:
    """A log that is being read: its raw lines piece by piece, of which the first may have been seen."""

    stream: LogStream
    pieces: Iterator[list[bytes]]
    overlap: Overlap


@dataclass(slots=True)
class _Pace:
    """How late a log comes that never pauses: an engine may read it more slowly than its container writes.

    `ahead` is how many seconds the engine's clock is before ours.
    """

    ahead: float
    _lines: int = 0
    _began: float = field(default_factory=time)

    def late(self, lines: list[bytes]) -> float:
        """Return by how many seconds the log has come late, of a busy one, all the time; 0.0 where it has not."""
        self._lines += len(lines)
        if self._lines < _BUSY * LATEST:
            return 0.0
        lasted, stamp = time() - self._began, stamp_of(lines[-1])
        late = (time_ns() - stamp) / SECOND + self.ahead if stamp is not None else 0.0
        busy = self._lines / lasted > _BUSY if lasted else True
        self._lines, self._began = 0, time()
        return late if busy and late > LATEST else 0.0


def _happened(event: _Event) -> Happened:
    attributes = event["Actor"]["Attributes"]
    number = attributes.get(labels.NUMBER, "")
    source = Source(
        event["Actor"]["ID"],
        attributes.get(labels.SERVICE, ""),
        int(number) if number.isdecimal() else 1,
        attributes.get("name", ""),
    )
    return Happened(Change(event["Action"]), source, event["timeNano"], attributes.get("exitCode", ""))
