"""Whether a port is taken by another `up` of the same project, which is at work at this moment."""

import asyncio
from typing import Final

from stack.services.engine import labels, wire
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.observe import Observed
from stack.services.engine.ports import process_on
from stack.services.engine.reader import Refusal

_PROXIES: Final = frozenset({"docker-proxy", "rootlessport", "rootlesskit", "conmon", "pasta", "slirp4netns"})
"""What listens for an engine on the ports that its containers publish."""

_LOOKS: Final = 20
_LOOK_SECONDS: Final = 0.1


async def is_published_by_another_up(engine: Engine, project: str, observed: Observed, port: int) -> bool:
    """Return whether a container of `project` publishes `port`, or begins to, that did not when it was `observed`.

    An engine takes a port before it says which container has it, so for a moment nobody seems to.

    Raises:
        Failure: the engine does not list its containers.
    """
    if any(port in container.published for container in observed.containers):
        return False
    for _ in range(_LOOKS):
        try:
            containers = await engine.look(lambda reader: reader.list_containers({}))
        except Refusal as error:
            raise refused("looking for the port", error) from None
        publishing = next((container for container in containers if _publishes(container, port)), None)
        if publishing is not None:
            return (publishing["Labels"] or {}).get(labels.PROJECT) == project
        holder = process_on(port)
        if holder is not None and holder.name not in _PROXIES:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return False


def _publishes(container: wire.ContainerSummary, port: int) -> bool:
    return any(published.get("PublicPort") == port for published in container["Ports"])
