"""What a container's health check has said lately, and since when the container is as it is."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from stack.services.control import ProbeRun, State
from stack.services.engine import wire
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.observe import list_project
from stack.services.engine.reader import Reader, Refusal

_KEPT: Final = 5
_LONGEST_OUTPUT: Final = 4096
"""Characters of what one run printed. Docker keeps as many bytes; other engines may keep more."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
"""What the engine has for a moment that has not come: Go's zero time."""


async def probe_runs(engine: Engine, project: str, service: str) -> tuple[ProbeRun, ...]:
    """Return the last runs of the health check of the first container of `service`, the oldest first.

    Raises:
        Failure: the engine cannot be reached, or refuses.
    """

    def read(reader: Reader) -> Sequence[wire.ProbeRun]:
        health = _state(reader, project, service).get("Health")
        return (health["Log"] if health else None) or ()

    try:
        runs = await engine.look(read)
    except Refusal as error:
        raise refused(f"asking what the health check of {service} said", error) from None
    return tuple(
        ProbeRun(datetime.fromisoformat(run["End"]), run["ExitCode"], run["Output"][:_LONGEST_OUTPUT])
        for run in runs[-_KEPT:]
    )


async def in_state_since(engine: Engine, project: str, service: str) -> datetime | None:
    """Return since when the first container of `service` runs, or does not any more; None where it never ran.

    Raises:
        Failure: the engine cannot be reached, or refuses.
    """
    try:
        state = await engine.look(lambda reader: _state(reader, project, service))
    except Refusal as error:
        raise refused(f"asking since when {service} is as it is", error) from None
    runs = state.get("Status") in {State.RUNNING, State.PAUSED}
    told = state.get("StartedAt") if runs else state.get("FinishedAt")
    moment = datetime.fromisoformat(told) if told else _NEVER
    return moment if moment > _NEVER else None


def _state(reader: Reader, project: str, service: str) -> wire.ContainerState:
    """Return the state of the first container of `service`; an empty one where there is none."""
    container = next((it for it in list_project(reader, project) if it.service == service), None)
    details = reader.find_container(container.id) if container else None
    return details["State"] if details else {}
