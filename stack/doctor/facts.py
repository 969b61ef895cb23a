"""What one examination sees: each thing is looked at once, whoever asks and however many do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from stack.background import in_thread
from stack.doctor.once import Once
from stack.findings import Progress
from stack.project import Project, RuntimeName
from stack.services.control import Pull, ServiceControl, ServicesStatus, UpResult
from stack.services.runtime import EngineAnswer, RuntimeInUse

if TYPE_CHECKING:
    from stack.booking.seed import SeedResult
    from stack.database.access import Database
    from stack.database.probe import Ping
    from stack.environment.report import EnvironmentReport
    from stack.environment.url import DatabaseURL
    from stack.migrations.migrations import Migrations
    from stack.services.compose.model import ComposeProject
    from stack.services.engine.containers import Containers
    from stack.services.engine.inspection import InspectedImage, Inspection
    from stack.tables.browser import TableBrowser

LOG_LINES: Final = 200
"""Of the database's log, what the checks read."""


class Examined(Protocol):
    """What the checks look at, and what their fixes do; a `stack.workspace.Workspace` is one."""

    @property
    def project(self) -> Project:
        """Where its files are."""
        ...

    async def engine(self) -> EngineAnswer:
        """Return what the engine says."""
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


class Facts:
    """The facts of one examination of `stack`. Whatever cannot be seen raises its `Failure`, for each who asks."""

    def __init__(self, stack: Examined) -> None:
        """Look at nothing yet."""
        self.stack = stack
        self.runtime: Once[RuntimeInUse] = Once(stack.runtime)
        self.engine: Once[EngineAnswer] = Once(stack.engine)
        self.environment: Once[EnvironmentReport] = Once(lambda: in_thread(stack.environment))
        self.services: Once[ServicesStatus] = Once(self._services)
        self.containers: Once[Containers | None] = Once(stack.containers)
        self.server: Once[Inspection | None] = Once(self._server)
        self.server_image: Once[InspectedImage | None] = Once(self._server_image)
        self.server_log: Once[str] = Once(self._server_log)
        self.login: Once[Ping] = Once(self._login)

    async def _services(self) -> ServicesStatus:
        return await (await self.stack.services()).status()

    async def _server(self) -> "Inspection | None":
        containers = await self.containers()
        return await containers.find(self.stack.database_service()) if containers else None

    async def _server_image(self) -> "InspectedImage | None":
        """The image that the Compose file names for the database."""
        containers = await self.containers()
        reference = self.stack.compose().services[self.stack.database_service()].image
        return await containers.image(reference) if containers and reference else None

    async def _server_log(self) -> str:
        containers, server = await self.containers(), await self.server()
        return await containers.last_lines(server.id, LOG_LINES) if containers and server else ""

    async def _login(self) -> "Ping":
        return await (await self.stack.database()).ping()

    async def is_docker(self) -> bool:
        """Return whether the services are containers."""
        return (await self.runtime()).name is RuntimeName.DOCKER

    def close(self) -> None:
        """Wait no longer for what has not been seen by now: nobody asks any more."""
        for fact in vars(self).values():
            if isinstance(fact, Once):
                fact.cancel()
