"""What one examination sees: each thing is looked at once, whoever asks and however many do."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from stack.background import in_thread
from stack.doctor.once import Once
from stack.findings import Progress
from stack.project import Project, RuntimeName
from stack.services.control import Pull, ServiceControl, ServicesStatus, UpResult
from stack.services.runtime import EngineAnswer, RuntimeInUse
from stack.services.web import is_pgadmin_image

if TYPE_CHECKING:
    from datetime import datetime

    from stack.booking.seed import SeedResult
    from stack.database.access import Database
    from stack.database.probe import Ping
    from stack.doctor.storage import Storage
    from stack.environment.report import EnvironmentReport
    from stack.environment.url import DatabaseURL
    from stack.migrations.migrations import Migrations
    from stack.services.compose.model import ComposeProject, Service
    from stack.services.engine.backends import Backend
    from stack.services.engine.containers import Containers
    from stack.services.engine.data_volume import DataFound
    from stack.services.engine.inspection import InspectedImage, Inspection, Machine, Stranger
    from stack.services.engine.inventory import Inventory
    from stack.services.engine.observe import Observed
    from stack.tables.browser import TableBrowser

LOG_LINES: Final = 200
"""Of the database's log, what the checks read."""

_START: Final = timedelta(seconds=0.5)


class Examined(Protocol):
    """What the checks look at, and what their fixes do; a `stack.workspace.Workspace` is one."""

    @property
    def project(self) -> Project:
        """Where its files are."""
        ...

    async def engine(self) -> EngineAnswer:
        """Return what the engine says."""
        ...

    def use_engine(self, url: str) -> None:
        """Use the engine at `url` from now on."""
        ...

    async def runtime(self) -> RuntimeInUse:
        """Return the runtime in use."""
        ...

    def environment(self) -> "EnvironmentReport":
        """Return the variables, and what is wrong with them."""
        ...

    def address(self) -> "DatabaseURL":
        """Return the database that the settings name."""
        ...

    def compose(self) -> "ComposeProject":
        """Return the Compose project."""
        ...

    def database_service(self) -> str:
        """Return the name of the service that is the database."""
        ...

    async def services(self) -> ServiceControl:
        """Return the services."""
        ...

    async def containers(self) -> "Containers | None":
        """Return the project's containers on the engine; None where another runtime is in use."""
        ...

    async def reload(self) -> None:
        """Forget what was read: a file has changed."""
        ...

    async def up(self, services: Sequence[str], *, pull: Pull, timeout: float, progress: Progress) -> UpResult:
        """Start them and wait until the database answers."""
        ...

    async def database(self) -> "Database":
        """Return the database."""
        ...

    async def migrations(self) -> "Migrations":
        """Return its migrations."""
        ...

    async def tables(self) -> "TableBrowser":
        """Return its tables."""
        ...

    async def seed(self, bookings: int, random_seed: int, progress: Progress) -> "SeedResult":
        """Fill the booking tables."""
        ...

    def veil(self) -> Callable[[str], str]:
        """Return what hides the project's secrets in what its services wrote; blocking."""
        ...


class Facts:
    """The facts of one examination of `stack`. Whatever cannot be seen raises its `Failure`, for each who asks."""

    def __init__(self, stack: Examined) -> None:
        """Look at nothing yet."""
        self.stack = stack
        self.runtime: Once[RuntimeInUse] = Once(stack.runtime)
        self.engine: Once[EngineAnswer] = Once(stack.engine)
        self.environment: Once[EnvironmentReport] = Once(lambda: in_thread(stack.environment))
        self.cover: Once[Callable[[str], str]] = Once(lambda: in_thread(stack.veil))
        self.services: Once[ServicesStatus] = Once(self._services)
        self.containers: Once[Containers | None] = Once(stack.containers)
        self.server: Once[Inspection | None] = Once(self._server)
        self.server_image: Once[InspectedImage | None] = Once(self._server_image)
        self.server_log: Once[str] = Once(self._server_log)
        self.last_run: Once[str] = Once(self._last_run)
        self.machine: Once[Machine | None] = Once(self._machine)
        self.snapshot: Once[Observed | None] = Once(self._snapshot)
        self.everything: Once[tuple[Stranger, ...]] = Once(self._everything)
        self.storage: Once[Storage | None] = Once(self._storage)
        self.data: Once[DataFound | None] = Once(self._data)
        self.login: Once[Ping] = Once(self._login)
        self.pgadmin: Once[Inspection | None] = Once(self._pgadmin)
        self.pgadmin_log: Once[str] = Once(self._pgadmin_log)
        self.inventory: Once[Inventory | None] = Once(self._inventory)
        self.backends: Once[tuple[Backend, ...]] = Once(self._backends)

    async def _services(self) -> ServicesStatus:
        return await (await self.stack.services()).status()

    async def _server(self) -> "Inspection | None":
        return await self._container(self.stack.database_service()) if await self.containers() else None

    async def _container(self, service: str) -> "Inspection | None":
        """The container of `service`, without the secrets that it has told its health check or the engine."""
        containers = await self.containers()
        found = await containers.find(service) if containers else None
        if found is None:
            return None
        cover = await self.cover()
        probes = tuple(replace(run, output=cover(run.output)) for run in found.probes)
        return replace(found, error=cover(found.error), probes=probes)

    async def _last_run_of(self, container: "Inspection | None") -> str:
        """What `container` has logged since it was last started, and not what it ended of before."""
        started = container.started_at if container else None
        # The engine notes that a container has started when it has written its first lines already.
        return await self._log(container, started - _START if started else None)

    async def _log(self, container: "Inspection | None", since: "datetime | None" = None) -> str:
        """The end of the log of `container`, without the secrets that it wrote there; empty where there is none."""
        containers = await self.containers()
        if containers is None or container is None:
            return ""
        lines = await containers.last_lines(container.id, LOG_LINES, since)
        return (await self.cover())(lines)

    async def _server_image(self) -> "InspectedImage | None":
        """The image that the Compose file names for the database."""
        containers = await self.containers()
        reference = self.database_service().image if containers else None
        return await containers.image(reference) if containers and reference else None

    async def _server_log(self) -> str:
        return await self._log(await self.server())

    async def _last_run(self) -> str:
        return await self._last_run_of(await self.server())

    async def _machine(self) -> "Machine | None":
        containers = await self.containers()
        return await containers.machine() if containers else None

    async def _snapshot(self) -> "Observed | None":
        containers = await self.containers()
        return await containers.snapshot() if containers else None

    async def _everything(self) -> "tuple[Stranger, ...]":
        """All containers of the engine, whosever they are."""
        containers = await self.containers()
        return await containers.all() if containers else ()

    async def _storage(self) -> "Storage | None":
        """Where the Compose file has the database keep its data."""
        from stack.doctor.storage import storage

        if await self.containers() is None:
            return None
        image = await self.server_image()
        return storage(self.stack.compose(), self.database_service(), image.environment if image else {})

    async def _data(self) -> "DataFound | None":
        """What there is already in the volume that the Compose file names, whether or not a container has it."""
        from stack.services.engine.data_volume import in_container, in_volume

        containers, storage, snapshot = await self.containers(), await self.storage(), await self.snapshot()
        if containers is None or storage is None or snapshot is None or storage.mount is None:
            return None
        server = await self.server()
        for mount in server.mounts if server else ():
            if server and storage.is_in(mount.volume, mount.source):
                looked_for = server.environment.get("PGDATA", storage.directory)
                return await in_container(containers, server.id, mount.target, looked_for)
        if storage.volume is None or storage.volume not in snapshot.volumes:
            return None
        # The image that is named now need not be here yet, and nothing is started.
        image = await self.server_image()
        identity = image.id if image else await containers.any_image()
        return await in_volume(containers, storage.volume, identity, storage.within) if identity else None

    def database_service(self) -> "Service":
        """Return the service that is the database."""
        return self.service(self.stack.database_service())

    def service(self, name: str) -> "Service":
        """Return a service of the Compose file, whether or not it is enabled."""
        compose = self.stack.compose()
        return compose.services.get(name) or compose.disabled[name]

    async def _login(self) -> "Ping":
        return await (await self.stack.database()).ping()

    async def pgadmin_service(self) -> str | None:
        """Return the service that is pgAdmin, where services are containers and the Compose file has one."""
        if not await self.is_docker():
            return None
        compose = self.stack.compose()
        services = (*compose.services.values(), *compose.disabled.values())
        return next((service.name for service in services if is_pgadmin_image(service.image or "")), None)

    async def _pgadmin(self) -> "Inspection | None":
        name = await self.pgadmin_service()
        return await self._container(name) if name else None

    async def _pgadmin_log(self) -> str:
        return await self._last_run_of(await self.pgadmin())

    async def _inventory(self) -> "Inventory | None":
        """What the superuser sees of the server from inside; None where even that one is not let in."""
        from stack.services.engine.inventory import take_inventory
        from stack.services.engine.superuser import SqlRefusedError, Superuser

        containers, server = await self.containers(), await self.server()
        if containers is None or server is None:
            return None
        try:
            return await take_inventory(Superuser(containers, server))
        except SqlRefusedError:
            return None

    async def _backends(self) -> "tuple[Backend, ...]":
        from stack.services.engine.backends import list_backends

        containers, server = await self.containers(), await self.server()
        return await list_backends(containers, server) if containers and server else ()

    async def is_docker(self) -> bool:
        """Return whether the services are containers."""
        return (await self.runtime()).name is RuntimeName.DOCKER

    def close(self) -> None:
        """Wait no longer for what has not been seen by now: nobody asks any more."""
        for fact in vars(self).values():
            if isinstance(fact, Once):
                fact.cancel()
