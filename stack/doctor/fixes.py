"""What several checks offer to do about a service, mostly the database's."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from stack.amounts import size
from stack.doctor.facts import Examined, Facts
from stack.findings import Fix, Loss, Progress
from stack.services.control import Health, Pull
from stack.text import clean_line

if TYPE_CHECKING:
    from stack.services.engine.containers import Containers

UP_TIMEOUT: Final = 300.0
"""Seconds; a first start may pull an image."""

RESTART_TIMEOUT: Final = 60.0
"""Seconds; whoever examines after that finds it still starting."""

_LOOK_SECONDS: Final = 0.2
_SIZE_SECONDS: Final = 1.0


def start(facts: Facts, title: str | None = None, pull: Pull = Pull.MISSING) -> Fix:
    """Return the fix that brings the database's service up as the Compose file has it."""
    name = facts.stack.database_service()
    option = "" if pull is Pull.MISSING else f"--pull {pull.value} "
    title = title or f"Start {name} and wait until it answers"
    return Fix(title, f"stackdeck up {option}{name}", apply=bring_up(facts.stack, name, pull))


def bring_up(stack: Examined, name: str, pull: Pull = Pull.MISSING) -> Callable[[Progress], Awaitable[None]]:
    """Return what brings the service `name` up as the Compose file has it."""

    async def up(progress: Progress) -> None:
        await stack.up((name,), pull=pull, timeout=UP_TIMEOUT, progress=progress)

    return up


def restart(facts: Facts, name: str) -> Fix:
    """Return the fix that stops and starts the container of the service `name` as it is, and waits for its health."""

    async def again(progress: Progress) -> None:
        await (await facts.stack.services()).restart((name,), progress=progress)
        if containers := await facts.containers():
            progress(clean_line(f"Waiting for {name} to be healthy"))
            with suppress(TimeoutError):
                await asyncio.wait_for(_until_settled(containers, name), RESTART_TIMEOUT)

    return Fix(f"Restart {name} as it is", f"stackdeck restart {name}", apply=again)


async def _until_settled(containers: "Containers", name: str) -> None:
    while True:
        found = await containers.find(name)
        if found is None or found.health is not Health.STARTING:
            return
        await asyncio.sleep(_LOOK_SECONDS)


def read_log(name: str) -> Fix:
    """Return the advice to read what the service `name` has logged."""
    return Fix(f"Read the log of {name}", f"stackdeck logs {name} --tail 50")


async def begin_anew(facts: Facts, volume: str) -> Fix:
    """Return the fix that deletes `volume` of the database, and starts it with an empty one.

    Its title says how much is lost, where the engine tells soon.
    """
    name, weight = facts.stack.database_service(), await weighed(facts, volume)
    lost = "all that it holds is" if weight is None else f"{size(weight)} are"
    title = f"Delete the volume {volume} and begin with an empty database: {lost} lost"
    return replacing(facts.stack, name, volume, weight, title)


async def weighed(facts: Facts, volume: str) -> int | None:
    """Return the bytes that `volume` takes; None where the engine does not say so soon."""
    from stack.services.engine.sizes import volume_sizes

    containers = await facts.containers()
    with suppress(TimeoutError):
        async with asyncio.timeout(_SIZE_SECONDS):
            return (await volume_sizes(containers.engine)).get(volume) if containers else None
    return None


def replacing(stack: Examined, name: str, volume: str, weight: int | None, title: str) -> Fix:
    """Return the fix that deletes `volume`, of `weight` bytes, and starts the service `name` with a new one."""

    async def anew(progress: Progress) -> None:
        containers = await stack.containers()
        if containers is None:
            return
        for container in (await containers.snapshot()).of(name):
            progress(clean_line(f"Removing {container.name}"))
            await containers.remove(container.id)
        progress(clean_line(f"Deleting the volume {volume}"))
        await containers.remove_volume(volume)
        await bring_up(stack, name)(progress)

    command = f"docker compose rm -sf {name} && docker volume rm {volume} && stackdeck up {name}"
    losses = (Loss(clean_line(f"The volume {volume} is deleted"), weight),)
    return Fix(title, command, destructive=True, losses=losses, apply=anew)
