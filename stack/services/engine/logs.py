"""Logs of several containers as one stream of lines: history merged by time, then what is being written.

Threads read the engine's streams. Closing a generator closes its streams, which ends their threads at once.
"""

import heapq
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, TypeAlias, TypedDict, cast

from docker.errors import APIError, DockerException, NotFound

from stack.findings import Failure
from stack.services.control import LogLine
from stack.services.engine import labels
from stack.services.engine.channel import Channel, ClosedError
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.log_lines import Lines, StampedLine, whole_second
from stack.services.engine.sdk import Client
from stack.services.engine.unreachable import unreachable


@dataclass(frozen=True, slots=True)
class Source:
    """A container whose log is read."""

    id: str
    service: str
    container: str


@dataclass(frozen=True, slots=True)
class Extent:
    """Which part of a log: the last `tail` lines, not older than `since`; None is no limit."""

    tail: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Ended:
    """A container's log has ended, since it has stopped, or with None: the history of all of them has."""

    source: Source | None


@dataclass(frozen=True, slots=True)
class _Started:
    """A container of the project has started."""

    source: Source


_Item: TypeAlias = StampedLine | _Ended | _Started | Failure

_END_OF_HISTORY: Final = _Ended(None)


class _Stream(Protocol):
    """What can be closed from another thread than the one that reads it."""

    def close(self) -> None: ...


class _Actor(TypedDict):
    ID: str
    Attributes: Mapping[str, str]


class _Event(TypedDict):
    Actor: _Actor


@dataclass(slots=True)
class _Streams:
    """All open streams of one reading, to be closed from outside their threads."""

    _open: list[_Stream] = field(default_factory=list)
    _closed: bool = False
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def add(self, stream: _Stream) -> None:
        with self._changing:
            self._open.append(stream)
            late = self._closed
        if late:
            _close(stream)

    def close(self) -> None:
        with self._changing:
            self._closed = True
            streams = list(self._open)
        for stream in streams:
            _close(stream)


def _close(stream: _Stream) -> None:
    # One that has ended meanwhile has no socket any more, and over SSH there is none to close.
    with suppress(OSError, ValueError, AttributeError, DockerException):
        stream.close()


@dataclass(slots=True)
class _Reading:
    """Threads that read logs into one channel."""

    engine: Engine
    channel: Channel[_Item] = field(default_factory=Channel)
    streams: _Streams = field(default_factory=_Streams)

    def run(self, read: Callable[[Client], None]) -> None:
        """Run `read` in a daemon thread; its failure goes into the channel."""

        def work() -> None:
            with suppress(ClosedError):
                try:
                    self.engine.blocking(read)
                except Failure as failure:
                    self.channel.put(failure)
                except APIError as error:
                    self.channel.put(refused("reading a log", error))

        threading.Thread(target=work, name="stackdeck-logs", daemon=True).start()

    def close(self) -> None:
        self.channel.close()
        self.streams.close()

    def lines(
        self, client: Client, source: Source, *, follow: bool, tail: int | None, since: float | None
    ) -> Iterator[StampedLine]:
        try:
            stream = client.logs(
                source.id,
                stream=True,
                follow=follow,
                timestamps=True,
                tail="all" if tail is None else tail,
                since=since,
            )
        except NotFound:
            return
        self.streams.add(stream)
        lines = Lines(source.id, source.service, source.container)
        for chunk in stream:
            yield from lines.feed(chunk)
        yield from lines.finish()


async def history(engine: Engine, sources: Sequence[Source], extent: Extent) -> AsyncGenerator[LogLine]:
    """Yield what `sources` have logged, merged by time, and end.

    Raises:
        Failure: the engine cannot be reached, or does not keep these logs.
    """
    async for stamped in _history(engine, sources, extent):
        yield stamped.line


async def follow(
    engine: Engine,
    project: str,
    services: AbstractSet[str],
    list_sources: Callable[[], Awaitable[Sequence[Source]]],
    extent: Extent,
) -> AsyncGenerator[LogLine]:
    """Yield what `services` have logged, then what their containers are logging, those of tomorrow too.

    Raises:
        Failure: the engine cannot be reached any more, or does not keep these logs.
    """
    latest: dict[str, str] = {}
    reading = _Reading(engine)
    # Events first, so that no start falls between looking and listening.
    reading.run(lambda client: _watch(client, project, reading))
    following = _Following(reading, latest, extent)
    try:
        sources = await list_sources()
        async for stamped in _history(engine, sources, extent):
            latest[stamped.origin] = stamped.stamp
            yield stamped.line
        for source in sources:
            following.attach(source)
        while True:
            for item in await reading.channel.take():
                match item:
                    case Failure():
                        raise item
                    case StampedLine():
                        latest[item.origin] = item.stamp
                        yield item.line
                    case _Started(source) if source.service in services:
                        following.started(source)
                    case _Ended(Source() as source):
                        following.ended(source)
                    case _:
                        pass
    finally:
        reading.close()


async def _history(engine: Engine, sources: Sequence[Source], extent: Extent) -> AsyncGenerator[StampedLine]:
    reading = _Reading(engine)
    since = extent.since.timestamp() if extent.since else None

    def read(client: Client) -> None:
        logs = [reading.lines(client, source, follow=False, tail=extent.tail, since=since) for source in sources]
        for line in heapq.merge(*logs, key=lambda stamped: stamped.stamp):
            reading.channel.put(line)
        reading.channel.put(_END_OF_HISTORY)

    reading.run(read)
    try:
        while True:
            for item in await reading.channel.take():
                match item:
                    case Failure():
                        raise item
                    case StampedLine():
                        yield item
                    case _:
                        return
    finally:
        reading.close()


@dataclass(slots=True)
class _Following:
    """Which containers are being read, and from where to go on when one starts again."""

    reading: _Reading
    latest: Mapping[str, str]
    extent: Extent
    _attached: set[str] = field(default_factory=set)
    _restarted: set[str] = field(default_factory=set)

    def attach(self, source: Source) -> None:
        """Read on from the last line that was seen of `source`."""
        self._attached.add(source.id)
        seen = self.latest.get(source.id, "")
        since, tail = (whole_second(seen), None) if seen else (None, self.extent.tail)

        def read(client: Client) -> None:
            for line in self.reading.lines(client, source, follow=True, tail=tail, since=since):
                # The engine goes by whole seconds here, so the first lines may have been seen.
                if line.stamp > seen:
                    self.reading.channel.put(line)
            self.reading.channel.put(_Ended(source))

        self.reading.run(read)

    def started(self, source: Source) -> None:
        """Attach to `source`, as soon as its log of before has ended."""
        if source.id in self._attached:
            self._restarted.add(source.id)
        else:
            self.attach(source)

    def ended(self, source: Source) -> None:
        """Let go of `source`, or attach to it anew where it has started again meanwhile."""
        self._attached.discard(source.id)
        if source.id in self._restarted:
            self._restarted.discard(source.id)
            self.attach(source)


def _watch(client: Client, project: str, reading: _Reading) -> None:
    """Put every start of a container of `project` into the channel; blocking. Raises `Failure` where events end."""
    wanted = {
        "type": "container",
        "event": "start",
        "label": [f"{labels.PROJECT}={project}", f"{labels.ONE_OFF}=False"],
    }
    events = client.events(decode=True, filters=wanted)
    reading.streams.add(events)
    for event in cast("Iterator[_Event]", events):
        actor = event["Actor"]
        attributes = actor["Attributes"]
        source = Source(actor["ID"], attributes.get(labels.SERVICE, ""), attributes.get("name", ""))
        reading.channel.put(_Started(source))
    lost = ConnectionError("its stream of events has ended")
    reading.channel.put(Failure(unreachable(reading.engine.endpoint, reading.engine.environ, lost)))
