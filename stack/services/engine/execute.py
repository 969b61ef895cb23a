"""Walking a plan: networks, volumes and containers first, then starting in dependency order.

Each request leaves a state that the next plan knows how to go on from, so an `up` that is interrupted anywhere is
finished by the next one.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from docker.errors import APIError, ImageNotFound, NotFound
from docker.utils import version_lt

from stack.findings import Failure, Progress, Severity
from stack.project import Project
from stack.services.compose.hash import network_hash, volume_hash
from stack.services.compose.model import ComposeProject, Service
from stack.services.control import State, Volumes
from stack.services.engine import labels
from stack.services.engine.connection import Engine
from stack.services.engine.errors import Conflict, name_taken, network_in_use, refused, words
from stack.services.engine.json_types import Json, JsonObject
from stack.services.engine.observe import Observed, ObservedContainer, ObservedImage
from stack.services.engine.payload import (
    NANOSECONDS,
    Stamp,
    container_body,
    network_body,
    volume_body,
)
from stack.services.engine.plan import Writing, inherited_mounts
from stack.services.engine.port_holders import port_failure
from stack.services.engine.ports import port_in
from stack.services.engine.sdk import Client
from stack.services.engine.selection import every_service
from stack.services.engine.steps import (
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    FinishRecreate,
    KeepContainer,
    PullImage,
    RecreateContainer,
    RecreateNetwork,
    RemoveContainer,
    StartContainer,
    Step,
)
from stack.text import clean_line

T = TypeVar("T")

DEFAULT_GRACE_SECONDS: Final = 10
"""How long the engine lets a process end before it kills it, where the file does not say."""

_SEVERAL_NETWORKS_API: Final = "1.44"
_REMOVAL_LOOKS: Final = 100
_REMOVAL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Executor:
    """Does steps of a plan that was made from `observed`; `repository` is whose `.env` the ports are from."""

    engine: Engine
    project: ComposeProject
    observed: Observed
    writing: Writing
    repository: Project | None
    progress: Progress

    async def execute(self, step: Step) -> None:
        """Do `step`; pulling is left to `pull_images`, and starting, which has to wait for dependencies, to `start`.

        Raises:
            Failure: the engine refused it.
            Conflict: somebody else was at work on the project.
        """
        match step:
            case CreateNetwork():
                await self._create_network(step)
            case RecreateNetwork():
                await self._recreate_network(step)
            case CreateVolume():
                await self._create_volume(step)
            case RemoveContainer():
                self._tell(f"Removing {step.container.name}")
                await self.remove(step.container, step.volumes)
            case CreateContainer():
                self._tell(f"Creating {step.name}")
                await self._create(step.service, step.name, step.number, None)
            case RecreateContainer():
                await self._recreate(step)
            case FinishRecreate():
                await self._replace(step.replacement.id, step.predecessor, step.name)
            case PullImage() | StartContainer() | KeepContainer():
                pass

    async def start(self, service: Service, container: ObservedContainer) -> None:
        """Start `container`, or let it go on where it is paused.

        Raises:
            Failure: the engine refused it, such as for a port that is taken.
            Conflict: it is gone, or a network of its.
        """
        self._tell(f"Starting {container.name}")
        if container.state is State.PAUSED:
            await self._call(f"continuing {container.name}", lambda client: client.unpause(container.id))
            return
        try:
            await self.engine.call(lambda client: client.start(container.id))
        except NotFound as error:
            said = words(error).lower()
            # Its network went with a `down` that is at work at the same time.
            if "no such container" in said or ("network" in said and "not found" in said):
                raise Conflict from None
            raise refused(f"starting {container.name}", error) from None
        except APIError as error:
            if "marked for removal" in words(error).lower():
                raise Conflict from None
            if taken := port_in(words(error)):
                raise await port_failure(self.engine, self.project, self.repository, service, taken) from None
            raise refused(f"starting {container.name}", error) from None

    async def stop(self, container: ObservedContainer) -> None:
        """Stop `container`; one that is gone is stopped."""
        seconds = grace_seconds(every_service(self.project).get(container.service))
        await self._unless_gone(f"stopping {container.name}", lambda client: client.stop(container.id, timeout=seconds))

    async def restart(self, service: Service, container: ObservedContainer) -> None:
        """Stop and start `container` as it is; one that is gone is left out.

        Raises:
            Failure: the engine refused it.
        """
        try:
            await self.engine.call(lambda client: client.restart(container.id, timeout=grace_seconds(service)))
        except NotFound:
            return
        except APIError as error:
            raise refused(f"restarting {container.name}", error) from None

    async def remove(self, container: ObservedContainer, volumes: Volumes = Volumes.KEEP) -> None:
        """Stop and remove `container`, and with `Volumes.REMOVE` its anonymous volumes."""
        await self.stop(container)

        def delete(client: Client) -> None:
            client.remove_container(container.id, v=volumes is Volumes.REMOVE, force=True)

        try:
            await self._unless_gone(f"removing {container.name}", delete)
        except Conflict:
            # Another `up` or `down` is removing it already.
            await self.until_gone(container)

    async def _create_network(self, step: CreateNetwork | RecreateNetwork) -> None:
        network, writing = step.network, self.writing
        self._tell(f"Creating network {network.name}")
        body = network_body(self.project, network, writing.version, network_hash(network, writing.dialect))
        await self._call(f"creating network {network.name}", lambda client: client.make_network(body))

    async def _recreate_network(self, step: RecreateNetwork) -> None:
        name = step.network.name
        strangers = await self._strangers(step)
        if strangers:
            raise Failure(network_in_use(name, strangers, Severity.ERROR))
        self._tell(f"Removing network {name}")
        for container in self.observed.containers:
            if name in container.networks:
                await self._leave(container, step)
        await self._unless_gone(f"removing network {name}", lambda client: client.remove_network(step.observed.id))
        await self._create_network(step)

    async def _strangers(self, step: RecreateNetwork) -> list[str]:
        """Return who is on the network besides the project's own containers."""
        ours = {container.id for container in (*self.observed.containers, *self.observed.one_offs)}
        members = await self._call(
            f"looking at network {step.network.name}", lambda client: client.network_members(step.observed.id)
        )
        return [name for identity, name in members.items() if identity not in ours]

    async def _leave(self, container: ObservedContainer, step: RecreateNetwork) -> None:
        def disconnect(client: Client) -> None:
            client.disconnect_container_from_network(container.id, step.observed.id, force=True)

        await self._unless_gone(f"taking {container.name} from network {step.network.name}", disconnect)

    async def _create_volume(self, step: CreateVolume) -> None:
        volume, writing = step.volume, self.writing
        self._tell(f"Creating volume {volume.name}")
        body = volume_body(self.project, volume, writing.version, volume_hash(volume))
        await self._call(f"creating volume {volume.name}", lambda client: client.make_volume(body))

    async def _create(self, service: Service, name: str, number: int, replaced: ObservedContainer | None) -> str:
        image = self._image(service)
        stamp = Stamp(
            version=self.writing.version,
            config_hash=self.writing.config_hash(service),
            image=self.writing.image_identity(image),
            replaces=(service.container_name or f"{service.name}-{number}") if replaced else None,
        )
        inherited = inherited_mounts(self.project, self.observed, service, replaced) if replaced else ()
        body = container_body(
            self.project,
            service,
            stamp,
            number=number,
            inherited=inherited,
            proxies=self.engine.endpoint.proxies,
        )
        try:
            return await self.engine.call(lambda client: _make(client, body, name, service.platform))
        except ImageNotFound:
            raise Conflict from None
        except APIError as error:
            if error.status_code == 409:
                await self._name_conflict(name, service)
            raise refused(f"creating container {name}", error) from None

    async def _name_conflict(self, name: str, service: Service) -> None:
        """Tell another `up` of this project, which made the same container, from a stranger with its name.

        Raises:
            Conflict: it was another `up`.
            Failure: it is a stranger.
        """
        try:
            details = await self.engine.call(lambda client: client.container(name))
        except NotFound:
            raise Conflict from None
        except APIError as error:
            raise refused(f"looking at container {name}", error) from None
        given = _object(details["Config"].get("Labels"))
        owner = given.get(labels.PROJECT)
        if (owner, given.get(labels.SERVICE)) == (self.project.name, service.name):
            raise Conflict
        raise name_taken(name, f"the project {owner}" if owner else "no Compose project") from None

    def _image(self, service: Service) -> ObservedImage:
        image = self.observed.images.get(service.image or "")
        if image is None:
            # It was there or has been pulled, and somebody has removed it since.
            raise Conflict
        return image

    async def _recreate(self, step: RecreateContainer) -> None:
        old = step.container
        self._tell(f"Recreating {step.name}")
        new = await self._create(step.service, f"{old.id[:12]}_{step.name}", old.number, old)
        for dependent in step.dependents:
            self._tell(f"Stopping {dependent.name}")
            await self.stop(dependent)
        await self._replace(new, old, step.name)

    async def _replace(self, new: str, old: ObservedContainer | None, name: str) -> None:
        if old is not None:
            self._tell(f"Stopping {old.name}")
            await self.remove(old)
        try:
            await self.engine.call(lambda client: client.rename(new, name))
        except APIError as error:
            # It has another name, is gone or has been renamed already: another `up` was faster.
            if error.status_code in {400, 404, 409}:
                raise Conflict from None
            raise refused(f"renaming container {name}", error) from None

    async def _call(self, doing: str, operation: Callable[[Client], T]) -> T:
        try:
            return await self.engine.call(operation)
        except APIError as error:
            if error.status_code in {404, 409}:
                raise Conflict from None
            raise refused(doing, error) from None

    async def _unless_gone(self, doing: str, operation: Callable[[Client], None]) -> None:
        try:
            await self.engine.call(operation)
        except NotFound:
            return
        except APIError as error:
            if error.status_code == 409:
                raise Conflict from None
            raise refused(doing, error) from None

    async def until_gone(self, container: ObservedContainer) -> None:
        """Wait until `container`, which somebody else is removing, is gone.

        Raises:
            Failure: the engine does not say.
            Conflict: it does not go.
        """
        for _ in range(_REMOVAL_LOOKS):
            try:
                await self.engine.call(lambda client: client.container(container.id))
            except NotFound:
                return
            except APIError as error:
                raise refused(f"removing {container.name}", error) from None
            await asyncio.sleep(_REMOVAL_SECONDS)
        raise Conflict

    def _tell(self, line: str) -> None:
        self.progress(clean_line(line))


def grace_seconds(service: Service | None) -> int:
    """Return how long to let `service` end before the engine kills it, in whole seconds, rounded up."""
    if service is None or service.stop_grace_period is None:
        return DEFAULT_GRACE_SECONDS
    return -(-service.stop_grace_period // NANOSECONDS)


def _make(client: Client, body: JsonObject, name: str, platform: str | None) -> str:
    """Create a container on all of its networks; blocking. Older engines take only one network at creation."""
    if not version_lt(client.api_version, _SEVERAL_NETWORKS_API):
        return client.make_container(body, name, platform)
    endpoints = list(_object(_object(body["NetworkingConfig"])["EndpointsConfig"]).items())
    container = client.make_container(
        {**body, "NetworkingConfig": {"EndpointsConfig": dict(endpoints[:1])}}, name, platform
    )
    for network, settings in endpoints[1:]:
        client.join_network(container, network, settings)
    return container


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
