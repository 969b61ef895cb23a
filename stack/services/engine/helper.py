"""Containers that live for as long as something is looked at or copied, and that no project takes for its own."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from docker.errors import APIError, NotFound

from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.json_types import JsonObject
from stack.services.engine.sdk import Client

LABEL: Final = "dev.stackdeck.helper"
"""What marks them; its value is the project for which they are there."""

_LONGEST: Final = 24 * 3600
"""Seconds; copying a volume takes as long as it takes, and can be cancelled."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Helper:
    """What one is made from: `volumes` are names of volumes by where they are mounted, `read_only` those targets.

    Without an `entrypoint` it is the image's own.
    """

    project: str
    image: str
    volumes: Mapping[str, str]
    command: Sequence[str] = ()
    entrypoint: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    read_only: frozenset[str] = frozenset()

    @property
    def body(self) -> JsonObject:
        """What the engine is asked for: no network, no restarts, nothing copied from the image into a volume."""
        return {
            "Image": self.image,
            "Entrypoint": None if self.entrypoint is None else list(self.entrypoint),
            "Cmd": list(self.command),
            "Env": [f"{name}={value}" for name, value in self.environment.items()],
            "Labels": {LABEL: self.project},
            "HostConfig": {
                "NetworkMode": "none",
                "Mounts": [
                    {
                        "Type": "volume",
                        "Source": volume,
                        "Target": target,
                        "ReadOnly": target in self.read_only,
                        "VolumeOptions": {"NoCopy": True},
                    }
                    for target, volume in self.volumes.items()
                ],
            },
        }


@asynccontextmanager
async def created(engine: Engine, helper: Helper) -> AsyncIterator[str]:
    """Create the container, yield its id, and remove it with its anonymous volumes; it is not started.

    Raises:
        Failure: the engine refused it.
    """
    # Whoever is cancelled meanwhile must not lose sight of what is being made.
    making = asyncio.ensure_future(_asked(engine, lambda client: _make(client, helper)))
    try:
        yield await asyncio.shield(making)
    finally:
        identity = await making
        await asyncio.shield(asyncio.ensure_future(_asked(engine, lambda client: _remove(client, identity))))


async def run(engine: Engine, helper: Helper) -> tuple[int, str]:
    """Run the container to its end, and return its exit status and what it wrote."""
    async with created(engine, helper) as container:

        def finish(client: Client) -> tuple[int, str]:
            client.start(container)
            status = client.wait(container, timeout=_LONGEST)["StatusCode"]
            return status, client.logs(container, stream=False).decode(errors="replace")

        return await _asked(engine, finish)


async def _asked(engine: Engine, operation: Callable[[Client], T]) -> T:
    try:
        return await engine.call(operation)
    except APIError as error:
        raise refused("working on a volume", error) from None


def _make(client: Client, helper: Helper) -> str:
    return client.make_container(helper.body, f"stackdeck-helper-{secrets.token_hex(6)}", None)


def _remove(client: Client, container: str) -> None:
    try:
        client.remove_container(container, v=True, force=True)
    except NotFound:
        return
