"""What a container's health check has said lately."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from docker.errors import APIError, NotFound

from stack.services.control import ProbeRun
from stack.services.engine import wire
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.observe import list_project
from stack.services.engine.sdk import Client

_KEPT: Final = 5
_LONGEST_OUTPUT: Final = 4096
"""Characters of what one run printed. Docker keeps as many bytes; other engines may keep more."""


async def probe_runs(engine: Engine, project: str, service: str) -> tuple[ProbeRun, ...]:
    """Return the last runs of the health check of the first container of `service`, the oldest first.

    Raises:
        Failure: the engine cannot be reached, or refuses.
    """

    def read(client: Client) -> Sequence[wire.ProbeRun]:
        container = next((it for it in list_project(client, project) if it.service == service), None)
        health = client.container(container.id)["State"].get("Health") if container else None
        return (health["Log"] if health else None) or ()

    try:
        runs = await engine.call(read)
    except NotFound:
        return ()
    except APIError as error:
        raise refused(f"asking what the health check of {service} said", error) from None
    return tuple(
        ProbeRun(datetime.fromisoformat(run["End"]), run["ExitCode"], run["Output"][:_LONGEST_OUTPUT])
        for run in runs[-_KEPT:]
    )
