"""What containers have logged, merged by time; and how what happens to them is said among their lines."""

import heapq
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from docker.errors import APIError

from stack.findings import Failure
from stack.services.control import LineKind, LogLine
from stack.services.engine.channel import Channel
from stack.services.engine.connection import Engine
from stack.services.engine.errors import log_unreadable
from stack.services.engine.log_lines import LineReader, Source, StampedLine
from stack.services.engine.log_stream import LogStream
from stack.services.engine.log_threads import Streams, Unreadable, in_daemon, open_log, raw_lines
from stack.services.engine.sdk import Client


@dataclass(frozen=True, slots=True)
class Extent:
    """Which part of a log: the last `tail` lines, not older than `since`; None is no limit."""

    tail: int | None = None
    since: datetime | None = None

    @property
    def begins(self) -> str | None:
        """`since` as the engine takes it."""
        return f"{self.since.timestamp():.6f}" if self.since else None


Split: TypeAlias = Callable[[LogStream], Iterator[list[bytes]]]
"""How a log is taken apart into raw lines."""


async def history(
    engine: Engine, sources: Sequence[Source], extent: Extent, readers: dict[str, LineReader], split: Split = raw_lines
) -> AsyncGenerator[LogLine]:
    """Yield what `sources` have logged, merged by time, and end; `readers` by container then know what was read.

    Whoever goes on reading afterwards will `split` into lines that have ended.

    Raises:
        Failure: the engine cannot be reached, or does not keep the one log that was asked for.
    """
    channel: Channel[LogLine | Failure | None] = Channel()
    streams = Streams()

    def read(client: Client) -> None:
        merged = _Merged(client, streams, extent, readers, split)
        for stamped in heapq.merge(*map(merged.lines, sources), key=lambda stamped: stamped.stamp):
            channel.put(stamped.line)
        for refusal in merged.refusals:
            # One log of several that cannot be read is no reason to show none.
            channel.put(unreadable(refusal) if len(sources) > 1 else refusal.reason)
        channel.put(None)

    in_daemon(engine, read, channel.put)
    try:
        while True:
            for item in await channel.take():
                if item is None:
                    return
                if isinstance(item, Failure):
                    raise item
                yield item
    finally:
        channel.close()
        streams.close()


@dataclass(slots=True)
class _Merged:
    """Reads logs to their ends, in one thread."""

    client: Client
    streams: Streams
    extent: Extent
    readers: dict[str, LineReader]
    split: Split
    refusals: list[Unreadable] = field(default_factory=list)

    def lines(self, source: Source) -> Iterator[StampedLine]:
        """Yield what `source` has logged; a log that the engine does not give is kept among the refusals."""
        reader = self.readers.setdefault(source.id, LineReader(source))
        tail, since = self.extent.tail, self.extent.begins
        # Of no lines at all the last one is read too, since that is where following goes on.
        least = 1 if tail == 0 else tail
        try:
            stream = open_log(self.client, self.streams, source, follow=False, tail=least, since=since)
        except APIError as error:
            self.refusals.append(Unreadable(source, log_unreadable(source.container, error)))
            return
        if stream is not None:
            for raws in self.split(stream):
                lines = [reader.read(raw) for raw in raws]
                if tail != 0:
                    yield from lines


def replaced(before: Source, source: Source, time: datetime | None) -> LogLine:
    """Say that a container was replaced."""
    return of_container(
        source,
        f"container {before.container} ({before.id[:12]}) replaced by {source.container} ({source.id[:12]})",
        time,
    )


def unreadable(refusal: Unreadable) -> LogLine:
    """Say that a log cannot be read, and why."""
    return of_container(refusal.source, f"its log cannot be read: {refusal.reason.finding.cause}", None)


def of_container(source: Source, text: str, time: datetime | None) -> LogLine:
    """Say what happened to a container."""
    return event(source.service, source.container, text, time)


def event(service: str, container: str, text: str, time: datetime | None) -> LogLine:
    """Say what happened; about the engine where `service` is empty."""
    return LogLine(service, container, time, text, kind=LineKind.EVENT)
