"""How a project's services stand, now and after each change: driven by events, patched one object at a time."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Final

from docker.errors import APIError

from stack.findings import Failure
from stack.services.compose.model import ComposeProject
from stack.services.control import EngineStatus, ServicesStatus
from stack.services.engine.changes import changes, look_again
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.events import Event, Events
from stack.services.engine.observe import NOTHING, Observed
from stack.services.engine.plan import image_references, known_hashes
from stack.services.engine.reader import Refusal
from stack.services.engine.refusals import orphans
from stack.services.engine.up import take_snapshot
from stack.services.engine.view import statuses

_BURST_SECONDS: Final = 0.1
"""How long events are gathered before they are acted on: no more than ten statuses a second, however many events."""

_SILENCE_SECONDS: Final = 30
"""After how long without an event a remote engine is asked whether it is still there: its connection may have died
without a word, as where a laptop slept. A Unix socket cannot."""

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 15.0


class Watch:
    """One watch of `project`; `listening` is a connection that waits as long as it takes."""

    def __init__(self, project: ComposeProject, engine: Engine, listening: Engine) -> None:
        """Take what to watch; nothing is connected yet."""
        self._project = project
        self._engine = engine
        self._listening = listening
        self._references = image_references(project)
        self._hashes = known_hashes(project)
        engine_status = EngineStatus(False, engine.endpoint.url, engine.endpoint.source, None)
        self._last = ServicesStatus(engine_status, statuses(project, NOTHING))
        self._seen_at: datetime | None = None

    async def statuses(self) -> AsyncGenerator[ServicesStatus]:
        """Yield how the services stand now, and again whenever that has changed; an engine that is lost is a change."""
        pause = _FIRST_PAUSE
        while True:
            try:
                async with aclosing(self._connected()) as seen:
                    async for self._last in seen:
                        pause, self._seen_at = _FIRST_PAUSE, datetime.now().astimezone()
                        yield self._last
            except Failure as failure:
                # Whatever answers at this address next may be another version of the engine.
                self._engine.close()
                self._listening.close()
                lost = self._lost(failure)
                if lost != self._last:
                    self._last = lost
                    yield lost
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _connected(self) -> AsyncGenerator[ServicesStatus]:
        """Yield statuses for as long as the engine is there.

        Raises:
            Failure: it is not, or no longer.
        """
        events = Events(self._listening, self._project)
        try:
            # Events first, so that no change falls between looking and listening.
            await events.open()
            version = await self._engine.look(lambda reader: reader.engine_version())
            observed = await take_snapshot(self._engine, self._project)
            status = self._status(version, observed)
            yield status
            while True:
                before, observed = observed, await self._patched(observed, await self._burst(events))
                if observed == before:
                    continue  # other projects' networks and images; a status costs more than this
                known, status = status, self._status(version, observed)
                if status != known:
                    yield status
        except (APIError, Refusal) as error:
            raise refused("watching it", error) from None
        finally:
            events.close()

    async def _burst(self, events: Events) -> Sequence[Event]:
        """Return the next events, and those that come close on their heels."""
        patience = _SILENCE_SECONDS if self._engine.endpoint.socket_path is None else None
        while True:
            try:
                async with asyncio.timeout(patience):
                    await events.ready()
            except TimeoutError:
                await self._engine.look(lambda reader: reader.engine_version())
            else:
                await asyncio.sleep(_BURST_SECONDS)
                return await events.take()

    async def _patched(self, observed: Observed, events: Sequence[Event]) -> Observed:
        found = changes(observed, events, self._references)
        if not found.containers and not found.images:
            return found.observed
        return await self._engine.look(lambda reader: look_again(reader, found, self._hashes))

    def _status(self, version: str, observed: Observed) -> ServicesStatus:
        endpoint = self._engine.endpoint
        return ServicesStatus(
            EngineStatus(reachable=True, endpoint=endpoint.url, source=endpoint.source, version=version),
            statuses(self._project, observed),
            tuple(orphans(self._project, observed)),
        )

    def _lost(self, failure: Failure) -> ServicesStatus:
        """Return the services as they were last seen, and that nobody knows how they are now."""
        since = f" What is shown is as of {self._seen_at:%H:%M:%S}." if self._seen_at else ""
        reason = replace(failure.finding, cause=f"{failure.finding.cause}{since} It is tried again.", evidence=None)
        return ServicesStatus(replace(self._last.engine, reachable=False), self._last.services, (reason,))
