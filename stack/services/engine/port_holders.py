"""Whoever holds a port that a service asks for, and what can be done about it here."""

from collections.abc import Iterator
from typing import Final

from docker.errors import APIError

from stack.background import in_thread
from stack.findings import Failure, Fix, Progress
from stack.project import Project
from stack.services.compose.model import ComposeProject, Service
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.ports import Holder, container_on, next_free, port_taken, port_variable, process_on
from stack.text import clean_line

_SERVERS: Final = frozenset({"postgres", "postmaster"})


async def port_failure(
    engine: Engine, project: ComposeProject, repository: Project | None, service: Service, address: tuple[str, int]
) -> Failure:
    """Return the failure of the host and port `address`, which `service` publishes and something else holds.

    `repository` is whose `.env` the port may come from.
    """
    host, port = address
    holder = await _holder(engine, port)
    free = await in_thread(lambda: next_free(host, port))
    fixes = (*_move(project, repository, service, port, free), *_stop(engine, holder))
    return Failure(port_taken(host, port, service=service.name, holder=holder, free=free, fixes=fixes))


async def _holder(engine: Engine, port: int) -> Holder | None:
    try:
        containers = await engine.call(lambda client: client.list_containers({}))
    except APIError as error:
        raise refused(f"looking for who has port {port}", error) from None
    return container_on(containers, port) or await in_thread(lambda: process_on(port))


def _move(
    project: ComposeProject, repository: Project | None, service: Service, port: int, free: int | None
) -> Iterator[Fix]:
    if free is None:
        return
    target = next((entry.target for entry in service.ports if entry.published == str(port)), port)
    variable = port_variable(project.files, target)
    if variable is None:
        yield Fix(f"Publish port {free} instead, in the Compose file: it is free")
        return
    title = f"Write {variable}={free} to .env: that port is free"
    if repository is None:
        yield Fix(title)
        return
    # Imported here: it brings pydantic along, and hardly ever is a port taken.
    from stack.environment.edit import set_fix

    yield set_fix(repository, variable, str(free), title)


def _stop(engine: Engine, holder: Holder | None) -> Iterator[Fix]:
    if holder is None:
        return
    if holder.container is None:
        if holder.name in _SERVERS:
            yield Fix("Stop the PostgreSQL that this machine runs itself", "sudo systemctl stop postgresql")
        yield Fix(f"Stop {holder.name}", f"kill {holder.process}")
    elif holder.project is None:
        # Nobody could start it again as it was but the one who knows what it is.
        yield Fix(f"Stop {holder.name}", f"docker stop {holder.name}")
    else:
        yield _stop_container(engine, holder.name, holder.container, holder.project)


def _stop_container(engine: Engine, name: str, container: str, project: str) -> Fix:
    async def stop(progress: Progress) -> None:
        progress(clean_line(f"Stopping {name}"))
        try:
            await engine.call(lambda client: client.stop(container))
        except APIError as error:
            raise refused(f"stopping {name}", error) from None

    return Fix(f"Stop {name}, which project {project} then does without", f"docker stop {name}", apply=stop)
