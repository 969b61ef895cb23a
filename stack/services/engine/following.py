"""Logs as they are being written, through restarts, replaced containers and the loss of the engine.

What happens meanwhile is said in lines of its own, after the last line of before and before the first one of after.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from stack.findings import Code, Failure
from stack.services.control import LineKind, LogLine, Overflow
from stack.services.engine.connection import Engine
from stack.services.engine.intake import Portion
from stack.services.engine.log_lines import LineReader, Source, StampedLine, moment
from stack.services.engine.log_threads import Change, Event, Happened, Reading, Unreadable, ended_lines
from stack.services.engine.logs import Extent, event, history, of_container, replaced, unreadable
from stack.services.engine.reordering import WINDOW, Reordering

BREATH: Final = 0.05
"""Seconds between two takes where lines may be dropped, which bounds what a flood costs the event loop."""

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 5.0
"""Seconds between attempts to find a lost engine again, at first and at most."""


async def follow(
    engine: Engine,
    project: str,
    services: AbstractSet[str],
    list_sources: Callable[[], Awaitable[Sequence[Source]]],
    *,
    extent: Extent,
    overflow: Overflow,
) -> AsyncGenerator[LogLine]:
    """Yield what `services` have logged, then what their containers are logging, those of tomorrow too.

    Raises:
        Failure: the engine cannot be reached at the beginning, or does not keep these logs.
    """
    memory = _Memory(services, extent)
    pause = FIRST_PAUSE
    lost = False
    while True:
        session = _Session(Reading(engine, overflow), memory)
        try:
            session.reading.watch(project)
            sources = await list_sources()
            if lost:
                yield event("", "", "the engine answers again", datetime.now(UTC))
                lost, pause = False, FIRST_PAUSE
            async with aclosing(session.lines(engine, sources)) as lines:
                async for line in lines:
                    yield line
        except Failure as failure:
            if not memory.begun or failure.finding.code is not Code.ENGINE_UNREACHABLE:
                raise
            if not lost:
                yield event("", "", "the engine does not answer any more", datetime.now(UTC))
                lost = True
        finally:
            session.reading.close()
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


@dataclass(slots=True)
class _Memory:
    """What following knows beyond one connection: how far each log was read, and who stood for each replica."""

    services: AbstractSet[str]
    extent: Extent
    begun: bool = False
    readers: dict[str, LineReader] = field(default_factory=dict)
    standing: dict[tuple[str, int], Source] = field(default_factory=dict)

    def stand(self, source: Source) -> Source | None:
        """Let `source` stand for its replica, and return whom it replaces."""
        before = self.standing.get((source.service, source.number))
        self.standing[source.service, source.number] = source
        return before if before is not None and before.id != source.id else None


@dataclass(slots=True)
class _Life:
    """One container: whether its log is being read, and what has happened to it that was not told yet."""

    attached: bool = False
    events: deque[Happened] = field(default_factory=deque)


@dataclass(slots=True)
class _Session:
    """Following over one connection to the engine."""

    reading: Reading
    memory: _Memory
    _lives: dict[str, _Life] = field(default_factory=dict)
    _order: Reordering = field(default_factory=Reordering)

    async def lines(self, engine: Engine, sources: Sequence[Source]) -> AsyncGenerator[LogLine]:
        """Yield the lines of `sources`, and of what starts later, with what happens to them.

        Raises:
            Failure: the engine cannot be reached any more.
        """
        async with aclosing(self._before(engine, sources)) as past:
            async for line in past:
                yield line
        # What has happened while history was being read, since when logs may have ended and begun again.
        _, events = await self.reading.intake.take(0)
        for line in self._heard(events):
            yield line
        for source in sources:
            if not self._life(source).attached:
                self._attach(source)
        loop = asyncio.get_running_loop()
        while True:
            portions, events = await self.reading.intake.take(self._order.seconds(loop.time()))
            now = loop.time()
            for line in chain(self._taken(portions, now), self._heard(events)):
                yield line
            self._order.window = WINDOW if self._attached > 1 else 0.0
            for line in self._order.ready(now):
                yield line
            await asyncio.sleep(BREATH if self.reading.overflow is Overflow.DROP else 0)

    async def _before(self, engine: Engine, sources: Sequence[Source]) -> AsyncGenerator[LogLine]:
        """Yield whom `sources` have replaced meanwhile, or at the beginning, what they have logged."""
        for source in sources:
            if (before := self.memory.stand(source)) is not None:
                yield replaced(before, source, None)
        if not self.memory.begun:
            past = history(engine, sources, self.memory.extent, self.memory.readers, ended_lines)
            async with aclosing(past) as lines:
                async for line in lines:
                    yield line
            self.memory.begun = True

    def _taken(self, portions: Sequence[Portion], now: float) -> Iterator[LogLine]:
        """Put lines in order, and yield what is to be said where a log has ended."""
        for portion in portions:
            self._order.add(now, self._read(portion))
            if portion.ended:
                self._life(portion.source).attached = False
                yield from self._told(portion.source)

    def _heard(self, events: Sequence[Event]) -> Iterator[LogLine]:
        """Yield what is to be said about `events`. Raises `Failure` where the engine is lost."""
        for told in events:
            match told:
                case Failure():
                    yield from self._order.flush()
                    raise told
                case Unreadable():
                    yield unreadable(told)
                case Happened() if told.source.service in self.memory.services:
                    self._life(told.source).events.append(told)
                    yield from self._told(told.source)
                case Happened():
                    pass  # of a service that nobody asked about

    @property
    def _attached(self) -> int:
        return sum(life.attached for life in self._lives.values())

    def _life(self, source: Source) -> _Life:
        return self._lives.setdefault(source.id, _Life())

    def _attach(self, source: Source) -> None:
        """Read on from the last line that was seen of `source`."""
        self._life(source).attached = True
        reader = self.memory.readers.setdefault(source.id, LineReader(source))
        self.reading.follow(source, reader.seen, self.memory.extent.begins)

    def _read(self, portion: Portion) -> Iterator[StampedLine]:
        source = portion.source
        reader = self.memory.readers.setdefault(source.id, LineReader(source))
        lines = [reader.read(raw) for raw in portion.lines]
        stamp = lines[0].stamp if lines else reader.seen.stamp if reader.seen else 0
        if portion.dropped or portion.skipped:
            yield StampedLine(stamp, _gap(portion, stamp))
        yield from lines

    def _told(self, source: Source) -> Iterator[LogLine]:
        """Yield what has happened to `source` as far as its log has come, and read on where it has started again."""
        life = self._life(source)
        while life.events:
            if life.attached and life.events[0].change is Change.DIE:
                # The lines that it wrote before come first.
                return
            happened = life.events.popleft()
            if life.attached:
                # It was found running when the event was on its way.
                continue
            yield from self._order.flush()
            if happened.change is Change.DIE:
                status = f" (exit status {happened.exit_code})" if happened.exit_code else ""
                yield of_container(source, f"container {source.container} stopped{status}", moment(happened.stamp))
            else:
                before = self.memory.stand(source)
                if before is not None:
                    yield replaced(before, source, moment(happened.stamp))
                else:
                    yield of_container(source, f"container {source.container} started", moment(happened.stamp))
                self._attach(source)


def _gap(portion: Portion, stamp: int) -> LogLine:
    source, dropped = portion.source, portion.dropped
    said = [f"{dropped:,} lines dropped"] if dropped else []
    if portion.skipped:
        said.append(f"{portion.skipped:.0f} s skipped, which the engine reads more slowly than they were written")
    return LogLine(
        source.service,
        source.container,
        moment(stamp) if stamp else None,
        ", and ".join(said),
        kind=LineKind.GAP,
        dropped=dropped,
    )
