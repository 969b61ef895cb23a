"""What several checks offer to do about the database's service."""

import asyncio
from contextlib import suppress
from typing import Final

from stack.amounts import size
from stack.doctor.facts import Facts
from stack.findings import Fix, Loss, Progress
from stack.services.control import Pull
from stack.text import clean_line

UP_TIMEOUT: Final = 300.0
"""Seconds; a first start may pull an image."""

_SIZE_SECONDS: Final = 1.0


def start(facts: Facts, title: str | None = None, pull: Pull = Pull.MISSING) -> Fix:
    """Return the fix that brings the database's service up as the Compose file has it."""
    name = facts.stack.database_service()

    async def up(progress: Progress) -> None:
        await facts.stack.up((name,), pull=pull, timeout=UP_TIMEOUT, progress=progress)

    option = "" if pull is Pull.MISSING else f"--pull {pull.value} "
    return Fix(title or f"Start {name} and wait until it answers", f"stackdeck up {option}{name}", apply=up)


def restart(facts: Facts) -> Fix:
    """Return the fix that stops and starts the database's container as it is."""
    name = facts.stack.database_service()

    async def again(progress: Progress) -> None:
        await (await facts.stack.services()).restart((name,), progress=progress)

    return Fix(f"Restart {name} as it is", f"stackdeck restart {name}", apply=again)


def read_log(name: str) -> Fix:
    """Return the advice to read what the service `name` has logged."""
    return Fix(f"Read the log of {name}", f"stackdeck logs {name} --tail 50")


async def begin_anew(facts: Facts, volume: str) -> Fix:
    """Return the fix that deletes `volume` of the database, and starts it with an empty one.

    Its title says how much is lost, where the engine tells soon.
    """
    from stack.services.engine.sizes import volume_sizes

    containers, name = await facts.containers(), facts.stack.database_service()
    weight: int | None = None
    with suppress(TimeoutError):
        async with asyncio.timeout(_SIZE_SECONDS):
            weight = (await volume_sizes(containers.engine)).get(volume) if containers else None
    lost = "all that it holds is" if weight is None else f"{size(weight)} are"

    async def anew(progress: Progress) -> None:
        if containers is None:
            return
        for container in (await containers.snapshot()).of(name):
            progress(clean_line(f"Removing {container.name}"))
            await containers.remove(container.id)
        progress(clean_line(f"Deleting the volume {volume}"))
        await containers.remove_volume(volume)
        await facts.stack.up((name,), pull=Pull.MISSING, timeout=UP_TIMEOUT, progress=progress)

    title = f"Delete the volume {volume} and begin with an empty database: {lost} lost"
    command = f"docker compose rm -sf {name} && docker volume rm {volume} && stackdeck up {name}"
    losses = (Loss(clean_line(f"The volume {volume} is deleted"), weight),)
    return Fix(title, command, destructive=True, losses=losses, apply=anew)
