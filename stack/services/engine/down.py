"""`down`: a project's containers in reverse order, then its networks, then on demand its volumes.

As with Compose, what other projects own stays, and so do containers of services that the file no longer has, unless
``COMPOSE_REMOVE_ORPHANS`` is set. Unlike there, services of inactive profiles go too: whoever starts pgAdmin by name
expects `down` to end it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from docker.errors import APIError, NotFound

from stack.findings import Finding, Progress, Severity
from stack.services.compose.model import ComposeProject
from stack.services.compose.orphans import Orphans
from stack.services.control import DownResult, Volumes
from stack.services.engine.connection import Engine
from stack.services.engine.errors import network_in_use, refused, volume_in_use
from stack.services.engine.execute import Executor
from stack.services.engine.observe import Observed, ObservedNetwork, ObservedVolume
from stack.services.engine.selection import every_service, in_order, orphaned
from stack.services.engine.steps import Removal, RemoveContainer, RemoveNetwork, RemoveVolume, describe
from stack.text import clean_line

_CAUSE: Final = "the project is taken down"

_IN_USE: Final = frozenset({403, 409})
"""How engines answer, by version, where something still uses what is to be removed."""


def removals(project: ComposeProject, observed: Observed, volumes: Volumes) -> tuple[Removal, ...]:
    """Return what `down` does, in the order in which to do it. Pure."""
    return (
        *_containers(project, observed, volumes),
        *_networks(project, observed),
        *_volumes(project, observed, volumes),
    )


def _containers(project: ComposeProject, observed: Observed, volumes: Volumes) -> Iterator[RemoveContainer]:
    for service in reversed(in_order(every_service(project))):
        for container in observed.of(service.name):
            yield RemoveContainer(container, _CAUSE, volumes)
    if project.orphans is Orphans.REMOVE:
        for container in orphaned(project, observed):
            yield RemoveContainer(container, "the Compose file has no such service any more", volumes)


def _networks(project: ComposeProject, observed: Observed) -> Iterator[RemoveNetwork]:
    for name in sorted({network.name for network in project.networks.values() if not network.external}):
        found = observed.networks.get(name)
        if found and found.project == project.name:
            yield RemoveNetwork(found, _CAUSE)


def _volumes(project: ComposeProject, observed: Observed, volumes: Volumes) -> Iterator[RemoveVolume]:
    if volumes is Volumes.KEEP:
        return
    for name in sorted({volume.name for volume in project.volumes.values() if not volume.external}):
        found = observed.volumes.get(name)
        if found and found.project == project.name:
            yield RemoveVolume(found, "its data is to go too")


@dataclass(frozen=True, slots=True)
class Down:
    """One run of `down`; `executor` removes the containers."""

    engine: Engine
    executor: Executor
    progress: Progress

    async def run(self, steps: Sequence[Removal]) -> DownResult:
        """Take `steps`, and return what was there and is gone.

        Raises:
            Failure: the engine refused it.
        """
        removed: list[str] = []
        findings: list[Finding] = []
        for step in steps:
            outcome = await self._take(step)
            if isinstance(outcome, Finding):
                findings.append(outcome)
            elif outcome:
                removed.append(describe(step).resource)
        return DownResult(tuple(removed), tuple(findings))

    async def _take(self, step: Removal) -> bool | Finding:
        """Return whether it was there, or why it stays."""
        match step:
            case RemoveContainer():
                await self.executor.execute(step)
                return True
            case RemoveNetwork(network):
                return await self._network(network)
            case RemoveVolume(volume):
                return await self._volume(volume)

    async def _network(self, network: ObservedNetwork) -> bool | Finding:
        self.progress(clean_line(f"Removing network {network.name}"))
        try:
            await self.engine.call(lambda client: client.remove_network(network.id))
        except NotFound:
            return False
        except APIError as error:
            # Such as an orphan or a one-off container.
            if error.status_code not in _IN_USE:
                raise refused(f"removing network {network.name}", error) from None
            members: Mapping[str, str] = await self._members(network)
            return network_in_use(network.name, members.values(), Severity.WARNING)
        return True

    async def _members(self, network: ObservedNetwork) -> Mapping[str, str]:
        try:
            return await self.engine.call(lambda client: client.network_members(network.id))
        except APIError:
            return {}

    async def _volume(self, volume: ObservedVolume) -> bool | Finding:
        self.progress(clean_line(f"Removing volume {volume.name}"))
        try:
            await self.engine.call(lambda client: client.remove_volume(volume.name, force=True))
        except NotFound:
            return False
        except APIError as error:
            if error.status_code not in _IN_USE:
                raise refused(f"removing volume {volume.name}", error) from None
            users = await self.engine.call(lambda client: client.users_of(volume.name))
            return volume_in_use(volume.name, users, Severity.WARNING)
        return True
