"""The services of a Compose project as containers: `ServiceControl` over one Docker engine."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Final

from stack.findings import Code, Failure, Finding, Progress
from stack.project import Project, RuntimeName
from stack.services.compose.model import ComposeProject, Service
from stack.services.control import (
    EngineStatus,
    Health,
    LogLine,
    Pull,
    ServicesStatus,
    ServiceStatus,
    State,
    UpResult,
    Volumes,
)
from stack.services.engine.connection import PATIENT, Engine
from stack.services.engine.endpoint import Endpoint
from stack.services.engine.errors import refused
from stack.services.engine.observe import NOTHING, Observed, ObservedContainer, list_project
from stack.services.engine.plan import make_plan, outdated, writing
from stack.services.engine.reader import Refusal
from stack.services.engine.refusals import orphans
from stack.services.engine.selection import every_service, in_order, named, with_dependencies
from stack.services.engine.up import Up, planned, take_snapshot
from stack.text import clean_line

if TYPE_CHECKING:
    # What these stand on takes long to import; looking needs none of it.
    from stack.services.engine.execute import Executor
    from stack.services.engine.logs import Source

_ALIVE: Final = frozenset({State.RUNNING, State.RESTARTING, State.PAUSED})
_LAG_LOOKS: Final = 10
_LAG_SECONDS: Final = 0.05

_NO_ENGINE: Final = frozenset({Code.ENGINE_UNREACHABLE, Code.ENGINE_PERMISSION})


class EngineServices:
    """A Compose project on a Docker engine; see `stack.services.control.ServiceControl`.

    `repository` is where it was found: whose `.env` a fix may write to.
    """

    def __init__(
        self,
        project: ComposeProject,
        endpoint: Endpoint,
        environ: Mapping[str, str],
        repository: Project | None = None,
    ) -> None:
        """Take the project and where its engine is; nothing is connected yet."""
        self._project = project
        self._repository = repository
        self._engine = Engine(endpoint, environ)
        # Logs have a client of their own: they hold connections open for as long as somebody reads.
        self._streams = Engine(endpoint, environ, seconds=PATIENT)
        self._version: str | None = None

    @property
    def runtime(self) -> RuntimeName:
        """Which runtime this is."""
        return RuntimeName.DOCKER

    async def status(self) -> ServicesStatus:
        """Return how all services of the file stand; an engine that cannot be reached is a finding."""
        endpoint = self._engine.endpoint
        try:
            version = await self._engine_version()
            observed = await take_snapshot(self._engine, self._project)
        except Failure as failure:
            if failure.finding.code not in _NO_ENGINE:
                raise
            engine = EngineStatus(reachable=False, endpoint=endpoint.url, source=endpoint.source, version=None)
            return ServicesStatus(engine, self._statuses(NOTHING, ()), failure.findings)
        engine = EngineStatus(reachable=True, endpoint=endpoint.url, source=endpoint.source, version=version)
        return ServicesStatus(engine, self._statuses(observed, ()), tuple(orphans(self._project, observed)))

    async def plan(self, services: Sequence[str], *, pull: Pull) -> UpResult:
        """Return what `up` would do; without an engine, what it would do on an empty one."""
        wanted = with_dependencies(self._project, services)
        unreachable: tuple[Finding, ...] = ()
        try:
            observed = await take_snapshot(self._engine, self._project)
        except Failure as failure:
            if failure.finding.code not in _NO_ENGINE:
                raise
            observed, unreachable = NOTHING, failure.findings
        plan = make_plan(self._project, observed, wanted, pull=pull, named=bool(services))
        result = planned(observed, plan)
        return UpResult(result.services, result.plan, result.seconds, (*unreachable, *result.findings))

    async def up(self, services: Sequence[str], *, pull: Pull, timeout: float, progress: Progress) -> UpResult:
        """Converge, then wait at most `timeout` seconds until the services are healthy."""
        return await Up(self._engine, self._project, self._repository, progress, timeout).run(services, pull)

    async def stop(self, services: Sequence[str], *, progress: Progress) -> tuple[ServiceStatus, ...]:
        """Stop the services, dependents first, and return how they stand."""
        chosen = self._chosen(services)
        observed = await take_snapshot(self._engine, self._project)
        executor = self._executor(observed, progress)
        stopped: set[str] = set()
        for service in reversed(chosen):
            for container in observed.of(service.name):
                if container.state in _ALIVE:
                    progress(clean_line(f"Stopping {container.name}"))
                    await executor.stop(container)
                    stopped.add(container.id)
        return self._statuses(await self._after_stopping(stopped), chosen)

    async def restart(self, services: Sequence[str], *, progress: Progress) -> tuple[ServiceStatus, ...]:
        """Stop and start the services' containers as they are, dependencies first, and return how they stand."""
        chosen = self._chosen(services)
        observed = await take_snapshot(self._engine, self._project)
        executor = self._executor(observed, progress)
        for service in chosen:
            for container in observed.of(service.name):
                progress(clean_line(f"Restarting {container.name}"))
                await executor.restart(service, container)
        return self._statuses(await take_snapshot(self._engine, self._project), chosen)

    async def down(self, *, volumes: Volumes, progress: Progress) -> tuple[str, ...]:
        """Remove the project's containers and networks, and with `Volumes.REMOVE` its data; return their names."""
        from stack.services.engine.down import Down

        observed = await take_snapshot(self._engine, self._project)
        return await Down(self._engine, self._project, observed, volumes, progress).run()

    async def logs(
        self, services: Sequence[str], *, tail: int | None, since: datetime | None
    ) -> AsyncIterator[LogLine]:
        """Yield what has been logged, merged by time, and end."""
        from stack.services.engine.logs import Extent, history

        sources = await self._sources(services)
        async with aclosing(history(self._streams, sources, Extent(tail, since))) as lines:
            async for line in lines:
                yield line

    async def follow(
        self, services: Sequence[str], *, tail: int | None, since: datetime | None
    ) -> AsyncIterator[LogLine]:
        """Yield what has been logged, then what is being logged, until the iterator is closed."""
        from stack.services.engine.logs import Extent, follow

        names = {service.name for service in self._chosen(services)}
        following = follow(
            self._streams, self._project.name, names, lambda: self._sources(services), Extent(tail, since)
        )
        async with aclosing(following) as lines:
            async for line in lines:
                yield line

    async def close(self) -> None:
        """Let go of connections; nothing that runs is stopped."""
        self._engine.close()
        self._streams.close()

    def _chosen(self, services: Sequence[str]) -> tuple[Service, ...]:
        """Return just the services that were named, or else all of the file, dependencies first."""
        chosen = named(self._project, services) or tuple(every_service(self._project).values())
        return in_order({service.name: service for service in chosen})

    def _statuses(self, observed: Observed, services: tuple[Service, ...]) -> tuple[ServiceStatus, ...]:
        chosen = services or tuple(every_service(self._project).values())
        return tuple(
            status
            for service in chosen
            for status in (
                [self._status(observed, service, container) for container in observed.of(service.name)]
                or [ServiceStatus(service.name, None, service.image, State.ABSENT, Health.NONE)]
            )
        )

    def _status(self, observed: Observed, service: Service, container: ObservedContainer) -> ServiceStatus:
        return ServiceStatus(
            service=service.name,
            container=container.name,
            image=container.image,
            state=container.state,
            health=container.health,
            ports=container.ports,
            causes=outdated(self._project, observed, container),
        )

    def _executor(self, observed: Observed, progress: Progress) -> "Executor":
        from stack.services.engine.execute import Executor

        return Executor(self._engine, self._project, observed, writing(observed), self._repository, progress)

    async def _after_stopping(self, stopped: AbstractSet[str]) -> Observed:
        """Return a snapshot after `stopped` are; the engine's lists lag a little behind what it has done."""
        for _ in range(_LAG_LOOKS):
            observed = await take_snapshot(self._engine, self._project)
            if not any(container.id in stopped and container.state in _ALIVE for container in observed.containers):
                return observed
            await asyncio.sleep(_LAG_SECONDS)
        # Something has started them again meanwhile.
        return await take_snapshot(self._engine, self._project)

    async def _sources(self, services: Sequence[str]) -> "tuple[Source, ...]":
        from stack.services.engine.logs import Source

        names = {service.name for service in self._chosen(services)}
        try:
            found = await self._engine.look(lambda reader: list_project(reader, self._project.name))
        except Refusal as error:
            raise refused("listing the containers", error) from None
        return tuple(
            Source(container.id, container.service, container.name) for container in found if container.service in names
        )

    async def _engine_version(self) -> str:
        if self._version is None:
            try:
                self._version = await self._engine.look(lambda reader: reader.engine_version())
            except Refusal as error:
                raise refused("asking for its version", error) from None
        return self._version
