"""The engine's events, as far as they change how a project's services stand: filtered by the engine, read in threads.

Several streams, since a filter by label lets no event of an image or a network through, nor one by network any image.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final, TypeAlias

from docker.errors import APIError, DockerException

from stack.findings import Failure
from stack.services.compose.model import ComposeProject
from stack.services.engine import labels, wire
from stack.services.engine.channel import Channel, ClosedError
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.sdk import Client
from stack.services.engine.unreachable import unreachable

_Filters: TypeAlias = Mapping[str, list[str]]

_CONTAINER_ACTIONS: Final = ("create", "start", "die", "destroy", "rename", "pause", "unpause", "health_status")
_NETWORK_ACTIONS: Final = ("connect", "disconnect")
_IMAGE_ACTIONS: Final = ("tag", "untag", "delete", "pull", "load", "import")

OVERLAP_SECONDS: Final = 1
"""How far back events are asked for. The engine answers a moment before it begins to listen, and its
list of containers lags a moment behind its events; what comes twice is looked at twice."""


class Kind(StrEnum):
    """What an event is about."""

    CONTAINER = "container"
    NETWORK = "network"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Event:
    """One event (Docker Engine API, ``GET /events``); `action` is as in ``start`` or ``health_status: healthy``.

    `id` is the container's or the network's; an image's is its digest or, after a pull, its reference.
    """

    kind: Kind
    action: str
    id: str
    attributes: Mapping[str, str]


class Events:
    """The events of one project, from `open` until `close`. Made where the event loop runs."""

    def __init__(self, engine: Engine, project: ComposeProject) -> None:
        """Take the engine to listen to, whose client must be a patient one."""
        self._engine = engine
        self._filters = tuple(_filters(project))
        self._channel: Channel[Event | Failure] = Channel()
        self._streams: list[wire.EventStream] = []
        self._closed = False
        self._changing = threading.Lock()

    async def open(self) -> None:
        """Begin to listen; no event after this returns is missed.

        Raises:
            Failure: the engine cannot be reached, or refuses.
        """
        since = int(time.time()) - OVERLAP_SECONDS
        for filters in self._filters:
            try:
                stream = await self._engine.call(partial(self._open, filters, since))
            except APIError as error:
                raise refused("listening to its events", error) from None
            threading.Thread(target=self._read, args=(stream,), name="stackdeck-events", daemon=True).start()

    async def ready(self) -> None:
        """Wait until there is something to take."""
        await self._channel.ready()

    async def take(self) -> list[Event]:
        """Return the events since the last call, once there is one.

        Raises:
            Failure: the engine has ended a stream, or broke off.
        """
        items = await self._channel.take()
        for item in items:
            if isinstance(item, Failure):
                raise item
        return [item for item in items if isinstance(item, Event)]

    def close(self) -> None:
        """End the streams, and their threads with them."""
        self._channel.close()
        with self._changing:
            self._closed = True
            streams = list(self._streams)
        for stream in streams:
            _close(stream)

    def _open(self, filters: _Filters, since: int, client: Client) -> wire.EventStream:
        stream = client.listen(filters, since)
        with self._changing:
            self._streams.append(stream)
            late = self._closed
        if late:
            _close(stream)
        return stream

    def _read(self, stream: wire.EventStream) -> None:
        with suppress(ClosedError):
            try:
                for message in stream:
                    self._channel.put(_event(message))
            except (DockerException, OSError, ValueError, KeyError) as error:
                self._channel.put(self._lost(error))
            else:
                self._channel.put(self._lost(ConnectionError("its stream of events has ended")))

    def _lost(self, error: BaseException) -> Failure:
        return Failure(unreachable(self._engine.endpoint, self._engine.environ, error))


def _filters(project: ComposeProject) -> Iterator[_Filters]:
    own = [f"{labels.PROJECT}={project.name}", f"{labels.ONE_OFF}=False", labels.CONFIG_HASH]
    yield {"type": [Kind.CONTAINER], "event": list(_CONTAINER_ACTIONS), "label": own}
    # An image that is deleted is named by its digest, so the references that matter cannot be asked for.
    yield {"type": [Kind.IMAGE], "event": list(_IMAGE_ACTIONS)}
    if networks := [network.name for network in project.networks.values()]:
        yield {"type": [Kind.NETWORK], "event": list(_NETWORK_ACTIONS), "network": networks}


def _event(message: wire.EventMessage) -> Event:
    actor = message["Actor"]
    return Event(Kind(message["Type"]), message["Action"], actor["ID"], actor["Attributes"] or {})


def _close(stream: wire.EventStream) -> None:
    # One that has ended meanwhile has no socket any more, and over SSH there is none to close.
    with suppress(OSError, ValueError, AttributeError, DockerException):
        stream.close()
