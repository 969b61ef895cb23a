"""`down`: a project's containers in reverse order, then its networks, then on demand its volumes."""

from dataclasses import dataclass

from docker.errors import APIError, NotFound

from stack.findings import Progress
from stack.services.compose.model import ComposeProject
from stack.services.control import Volumes
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.execute import Executor
from stack.services.engine.observe import Observed, ObservedContainer
from stack.services.engine.plan import writing
from stack.services.engine.selection import every_service, in_order
from stack.text import clean_line


@dataclass(frozen=True, slots=True)
class Down:
    """One run of `down`, on what was `observed`.

    As with Compose, containers of services that the file no longer has stay, and so does what other projects own.
    Unlike there, services of inactive profiles go too: whoever starts pgAdmin by name expects `down` to end it.
    """

    engine: Engine
    project: ComposeProject
    observed: Observed
    volumes: Volumes
    progress: Progress

    async def run(self) -> tuple[str, ...]:
        """Remove everything and return the names of what was there, as in ``container app-db-1``.

        Raises:
            Failure: the engine refused it.
        """
        removed = [await self._container(container) for container in self._containers()]
        networks = [name for name in self._networks() if await self._network(name)]
        volumes = [name for name in self._volumes() if await self._volume(name)]
        return (*removed, *(f"network {name}" for name in networks), *(f"volume {name}" for name in volumes))

    def _containers(self) -> list[ObservedContainer]:
        services = in_order(every_service(self.project))
        return [container for service in reversed(services) for container in self.observed.of(service.name)]

    def _networks(self) -> list[str]:
        ours = {network.name for network in self.project.networks.values() if not network.external}
        found = (self.observed.networks.get(name) for name in sorted(ours))
        return [network.name for network in found if network and network.project == self.project.name]

    def _volumes(self) -> list[str]:
        if self.volumes is Volumes.KEEP:
            return []
        ours = {volume.name for volume in self.project.volumes.values() if not volume.external}
        found = (self.observed.volumes.get(name) for name in sorted(ours))
        return [volume.name for volume in found if volume and volume.project == self.project.name]

    async def _container(self, container: ObservedContainer) -> str:
        self._tell(f"Removing {container.name}")
        executor = Executor(self.engine, self.project, self.observed, writing(self.observed), None, self.progress)
        await executor.remove(container, anonymous_volumes=self.volumes is Volumes.REMOVE)
        return container.resource

    async def _network(self, name: str) -> bool:
        self._tell(f"Removing network {name}")
        try:
            await self.engine.call(lambda client: client.remove_network(self.observed.networks[name].id))
        except NotFound:
            return False
        except APIError as error:
            # 403 and 409: something else is on it, such as an orphan or a one-off container.
            if error.status_code not in {403, 409}:
                raise refused(f"removing network {name}", error) from None
            self._tell(f"Network {name} stays: it is still in use")
            return False
        return True

    async def _volume(self, name: str) -> bool:
        self._tell(f"Removing volume {name}")
        try:
            await self.engine.call(lambda client: client.remove_volume(name, force=True))
        except NotFound:
            return False
        except APIError as error:
            if error.status_code != 409:
                raise refused(f"removing volume {name}", error) from None
            self._tell(f"Volume {name} stays: it is still in use")
            return False
        return True

    def _tell(self, line: str) -> None:
        self.progress(clean_line(line))
