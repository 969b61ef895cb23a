"""Is the Compose file's database nobody else's: its image, its container's name, its ports, and what is left of it?"""

import re
from dataclasses import replace
from typing import Final

from stack.background import in_thread
from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Facts
from stack.doctor.fixes import start
from stack.doctor.stages import SERVICES
from stack.findings import Code, Failure, Finding, Fix, Progress, Severity
from stack.project import RuntimeName
from stack.services.compose.model import ComposeProject, Service
from stack.services.compose.written import place
from stack.services.control import Pull, State
from stack.services.engine.inspection import InspectedImage, Machine, Stranger
from stack.services.engine.observe import Observed
from stack.text import clean_line

_EXEC_FORMAT: Final = re.compile(r"exec format error", re.IGNORECASE)
_HAS_PORTS: Final = frozenset({State.RUNNING, State.PAUSED})


def foreign_image(
    service: Service, image: InspectedImage, machine: Machine, said: str, fixes: tuple[Fix, ...]
) -> Finding | None:
    """Say that the image is for another processor, where what its container `said` shows that it cannot run."""
    if image.architecture == machine.architecture or not _EXEC_FORMAT.search(said):
        return None
    if service.platform:
        written = Fix(f"Take `platform: {service.platform}` out of {place(service, 'platform:')}, then `stackdeck up`")
        fixes = (written, *fixes)
    return Finding(
        Code.IMAGE_ARCHITECTURE,
        f"The image of {service.name} is for {image.architecture}, this machine is {machine.architecture}",
        f"Its programs end with «exec format error»: {service.image} was pulled for another kind of processor.",
        fixes=fixes,
    )


def name_taken(name: str, project: str, service: str, containers: tuple[Stranger, ...]) -> Stranger | None:
    """Return the container that has the name of the one that `service` is to have, and is not its own."""
    return next((it for it in containers if it.name == name and (it.project, it.service) != (project, service)), None)


def interrupted(observed: Observed) -> tuple[str, ...]:
    """Return the names of the containers that a recreate has left which did not come to its end."""
    return tuple(
        container.name
        for container in observed.containers
        if container.replaces and re.match(r"[0-9a-f]{12}_", container.name)
    )


async def _compose(facts: Facts) -> Passed:
    if (await facts.runtime()).name is not RuntimeName.DOCKER:
        return Passed("No Compose file is needed")
    compose = facts.stack.compose()
    try:
        name = facts.stack.database_service()
    except Failure as failure:
        # It may be in what is ignored.
        raise Failure(*failure.findings, *compose.findings) from None
    if compose.findings:
        raise Failure(*compose.findings)
    return Passed(f"{compose.files[0].name} says what runs; the database is {name}")


async def _image(facts: Facts) -> Passed:
    machine = await facts.machine()
    if machine is None:
        return Passed("No image is needed")
    service, image = facts.database_service(), await facts.server_image()
    if image is None:
        return Passed(f"{service.image or 'Its image'} is pulled with the first start")
    if image.architecture == machine.architecture:
        return Passed(f"{service.image} is here")
    server = await facts.server()
    pull = start(facts, f"Pull {service.image} for {machine.architecture}, and start it", Pull.ALWAYS)
    fails = server is not None and server.state is not State.RUNNING
    said = f"{await facts.server_log()}\n{server.error}" if server and fails else ""
    if finding := foreign_image(service, image, machine, said, () if service.platform else (pull,)):
        raise Failure(finding)
    return Passed(f"{service.image} is for {image.architecture}, which this machine emulates")


async def _name(facts: Facts) -> Passed:
    from stack.services.engine.payload import container_name

    containers = await facts.containers()
    if containers is None:
        return Passed("No container is needed")
    compose, service = facts.stack.compose(), facts.database_service()
    name = container_name(compose, service, 1)
    taken = name_taken(name, compose.name, service.name, await facts.everything())
    # What has a container already keeps its name.
    if taken is None or await facts.server():
        return Passed(f"The name {name} is free or its own")

    async def rename(progress: Progress) -> None:
        await containers.rename(taken.id, f"{name}-old")
        progress(clean_line(f"{name} is called {name}-old now"))

    owner = f"service {taken.service} of project {taken.project}" if taken.project else "no Compose project"
    raise Failure(
        Finding(
            Code.CONTAINER_NAME_TAKEN,
            f"The container name {name} is taken",
            f"{service.name} is to have it, and there is a container {name} of {owner}.",
            fixes=(
                Fix(f"Rename that container to {name}-old", f"docker rename {name} {name}-old", apply=rename),
                Fix("Remove that container, if nothing needs it", f"docker rm --force {name}", destructive=True),
            ),
        )
    )


async def _ports(facts: Facts) -> Passed:
    from stack.services.engine.port_holders import port_failure
    from stack.services.engine.ports import fixed_ports, is_taken

    containers, server = await facts.containers(), await facts.server()
    if containers is None or not containers.engine.endpoint.is_local:
        return Passed("No port of this machine is needed")
    service = facts.database_service()
    asked = tuple(fixed_ports(service.ports))
    if server is None or server.state not in _HAS_PORTS:
        taken = await in_thread(lambda: [address for address in asked if is_taken(*address)])
        for address in taken:
            raise await port_failure(containers.engine, facts.stack.compose(), facts.stack.project, service, address)
    shown = ", ".join(f"{host}:{port}" for host, port in asked)
    return Passed(f"{shown} is free or its own" if shown else f"{service.name} publishes no port of its own choice")


async def _leftovers(facts: Facts) -> Passed:
    snapshot = await facts.snapshot()
    left = interrupted(snapshot) if snapshot else ()
    if left:
        raise Failure(
            Finding(
                Code.RECREATE_INTERRUPTED,
                "A container was being recreated, and that was interrupted",
                f"{', '.join(left)}: the next `up` brings it to its end, or takes it away.",
                Severity.WARNING,
                fixes=(_everything_up(facts),),
            )
        )
    return Passed("Nothing is left of an interrupted recreate")


def _everything_up(facts: Facts) -> Fix:
    async def up(progress: Progress) -> None:
        await facts.stack.up((), pull=Pull.MISSING, timeout=300.0, progress=progress)

    return Fix("Bring it to its end", "stackdeck up", apply=up)


async def _orphans(facts: Facts) -> Passed:
    from stack.services.engine.refusals import orphans

    containers, snapshot = await facts.containers(), await facts.snapshot()
    if containers is None or snapshot is None:
        return Passed("No container is needed")
    compose = facts.stack.compose()
    for finding in orphans(compose, snapshot):
        raise Failure(_removing(facts, compose, snapshot, finding))
    return Passed("Every container is of a service of the Compose file")


def _removing(facts: Facts, compose: ComposeProject, snapshot: Observed, finding: Finding) -> Finding:
    """Let the fix of orphans remove them here."""
    from stack.services.engine.selection import orphaned

    async def remove(progress: Progress) -> None:
        containers = await facts.containers()
        for orphan in orphaned(compose, snapshot) if containers else ():
            progress(clean_line(f"Removing {orphan.name}"))
            if containers:
                await containers.remove(orphan.id)

    first, *others = finding.fixes
    return replace(finding, fixes=(replace(first, apply=remove), *others))


CHECKS: Final[tuple[Check[Facts], ...]] = (
    Check("compose-file", SERVICES, "Compose file", ("runtime", "environment"), _compose),
    Check("image", SERVICES, "Image", ("compose-file",), _image),
    Check("container-name", SERVICES, "The container's name", ("compose-file",), _name),
    Check("ports", SERVICES, "Ports", ("compose-file",), _ports),
    Check("recreates", SERVICES, "Interrupted recreates", ("compose-file",), _leftovers),
    Check("orphans", SERVICES, "Orphans", ("compose-file",), _orphans),
)
