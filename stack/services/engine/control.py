"""The services of a Compose project as containers: `ServiceControl` over one Docker engine."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import aclosing, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stack.findings import Code, Failure, Finding, Progress
from stack.project import Project, RuntimeName
from stack.services.approval import lose_nothing
from stack.services.compose.model import ComposeProject, Service
from stack.services.compose.postgres import postgres_service
from stack.services.control import (
    Approval,
    DownResult,
    EngineStatus,
    LogLine,
    Overflow,
    PlanStep,
    ProbeRun,
    Pull,
    ServicesStatus,
    ServiceStatus,
    State,
    UpResult,
    Usage,
    Volumes,
)
from stack.services.engine.connection import PATIENT, Engine
from stack.services.engine.endpoint import Endpoint
from stack.services.engine.errors import refused
from stack.services.engine.losses import weighed
from stack.services.engine.observe import NOTHING, Observed, list_project
from stack.services.engine.plan import make_plan, writing
from stack.services.engine.probes import in_state_since, probe_runs
from stack.services.engine.reader import Refusal
from stack.services.engine.refusals import orphans
from stack.services.engine.selection import every_service, in_order, named, restarting_with, with_dependencies
from stack.services.engine.steps import describe
from stack.services.engine.up import Up, planned, take_snapshot
from stack.services.engine.view import statuses
from stack.text import clean_line

if TYPE_CHECKING:
    # What these stand on takes long to import; looking needs none of it.
    from stack.services.engine.execute import Executor
    from stack.services.engine.log_lines import Source

_ALIVE: Final = frozenset({State.RUNNING, State.RESTARTING, State.PAUSED})
_LAG_LOOKS: Final = 10
_LAG_SECONDS: Final = 0.05

_NO_ENGINE: Final = frozenset(
    {Code.ENGINE_UNREACHABLE, Code.ENGINE_PERMISSION, Code.ENGINE_TOO_OLD, Code.ENGINE_ADDRESS_UNUSABLE}
)


class EngineServices:
    """A Compose project on a Docker engine; see `stack.services.control.ServiceControl`.

    `repository` is where it was found: whose `.env` a fix may write to. `version` is the engine's own, where it has
    been asked for it already.
    """

    def __init__(
        self,
        project: ComposeProject,
        endpoint: Endpoint,
        environ: Mapping[str, str],
        repository: Project | None = None,
        *,
        version: str | None = None,
    ) -> None:
        """Take the project and where its engine is; nothing is connected yet."""
        self._project = project
        self._repository = repository
        self._environ = environ
        self._engine = Engine(endpoint, environ)
        # Logs have a client of their own: they hold connections open for as long as somebody reads.
        self._streams = Engine(endpoint, environ, seconds=PATIENT)
        self._version = version

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
            return ServicesStatus(engine, statuses(self._project, NOTHING), failure.findings)
        engine = EngineStatus(reachable=True, endpoint=endpoint.url, source=endpoint.source, version=version)
        return ServicesStatus(engine, statuses(self._project, observed), tuple(orphans(self._project, observed)))

    async def watch(self) -> AsyncGenerator[ServicesStatus]:
        """Yield how all services of the file stand, now and after each change; the engine comes back by itself."""
        from stack.services.engine.watch import Watch

        async with aclosing(Watch(self._project, self._engine, self._streams).statuses()) as seen:
            async for status in seen:
                yield status

    async def usage(self, services: Sequence[str]) -> AsyncGenerator[tuple[Usage, ...]]:
        """Yield what the running containers use, about every second for as long as it is read."""
        from stack.services.engine.usage import sample

        names = {service.name for service in self._chosen(services)}
        async with aclosing(sample(self._engine, self._project.name, names)) as samples:
            async for used in samples:
                yield used

    async def probes(self, service: str) -> tuple[ProbeRun, ...]:
        """Return the last five runs of the health check of `service`, the oldest first."""
        [known] = named(self._project, [service])
        return await probe_runs(self._engine, self._project.name, known.name)

    async def since(self, service: str) -> datetime | None:
        """Return since when the first container of `service` runs, or does not any more."""
        [known] = named(self._project, [service])
        return await in_state_since(self._engine, self._project.name, known.name)

    async def psql(self, arguments: Sequence[str]) -> int:
        """Run psql in the container of the project's Postgres, on our own standard streams; return its exit status."""
        from stack.services.engine.psql import run_psql

        wanted = self._repository.overrides.service if self._repository else None
        service = postgres_service(self._project, wanted)
        return await run_psql(self._engine, self._project.name, service.name, arguments)

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
        result = planned(observed, plan, await weighed(self._engine, self._project, observed, plan.steps))
        return UpResult(result.services, result.plan, result.seconds, (*unreachable, *result.findings))

    async def up(
        self,
        services: Sequence[str],
        *,
        pull: Pull,
        timeout: float,
        progress: Progress,
        approve: Approval = lose_nothing,
    ) -> UpResult:
        """Converge, then wait at most `timeout` seconds until the services are healthy."""
        try:
            up = Up(self._engine, self._project, self._repository, progress, timeout, approve)
            return await up.run(services, pull)
        except Failure as failure:
            from stack.services.engine.room import with_room

            raise await with_room(self._engine, failure) from None

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
        return statuses(self._project, await self._after_stopping(stopped), chosen)

    async def restart(self, services: Sequence[str], *, progress: Progress) -> tuple[ServiceStatus, ...]:
        """Stop and start the services' containers as they are, dependencies first, and return how they stand.

        What ``depends_on`` has restart with one of them restarts too.
        """
        chosen = self._chosen(services)
        observed = await take_snapshot(self._engine, self._project)
        executor = self._executor(observed, progress)
        for service in restarting_with(self._project, chosen):
            for container in observed.of(service.name):
                progress(clean_line(f"Restarting {container.name}"))
                await executor.restart(service, container)
        return statuses(self._project, await take_snapshot(self._engine, self._project), chosen)

    async def plan_down(self, *, volumes: Volumes) -> tuple[PlanStep, ...]:
        """Return what `down` would remove, with what is lost by it."""
        from stack.services.engine.down import removals

        observed = await take_snapshot(self._engine, self._project)
        steps = removals(self._project, observed, volumes)
        return tuple(map(describe, steps, await weighed(self._engine, self._project, observed, steps)))

    async def dump(self, file: Path, *, progress: Progress) -> int:
        """Write the project's database to `file` and return its size in bytes."""
        from stack.services.engine.dump import dump, no_container

        override = self._repository.overrides.service if self._repository else None
        service = postgres_service(self._project, override).name
        container = next(iter((await take_snapshot(self._engine, self._project)).of(service)), None)
        if container is None:
            raise Failure(no_container(service))
        return await dump(self._engine, container, self._database_name(), file, progress)

    def _database_name(self) -> str | None:
        """Return the database that the settings name; None where they name none, or one elsewhere."""
        from stack.environment.settings import load_settings

        if self._repository is None:
            return None
        with suppress(Failure):
            settings = load_settings(self._repository, self._environ)
            if settings.names_database:
                return settings.database.database
        return None

    async def down(self, *, volumes: Volumes, progress: Progress) -> DownResult:
        """Remove the project's containers and networks, and with `Volumes.REMOVE` its data."""
        from stack.services.engine.down import Down, removals

        observed = await take_snapshot(self._engine, self._project)
        executor = self._executor(observed, progress)
        return await Down(self._engine, executor, progress).run(removals(self._project, observed, volumes))

    async def logs(
        self, services: Sequence[str], *, tail: int | None, since: datetime | None
    ) -> AsyncIterator[LogLine]:
        """Yield what has been logged, merged by time, and end."""
        from stack.services.engine.logs import Extent, history

        sources = await self._sources(services)
        async with aclosing(history(self._streams, sources, Extent(tail, since), {})) as lines:
            async for line in lines:
                yield line

    async def follow(
        self,
        services: Sequence[str],
        *,
        tail: int | None,
        since: datetime | None,
        overflow: Overflow = Overflow.WAIT,
    ) -> AsyncIterator[LogLine]:
        """Yield what has been logged, then what is being logged, until the iterator is closed."""
        from stack.services.engine.following import follow
        from stack.services.engine.logs import Extent

        names = {service.name for service in self._chosen(services)}
        following = follow(
            self._streams,
            self._project.name,
            names,
            lambda: self._sources(services),
            extent=Extent(tail, since),
            overflow=overflow,
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
        from stack.services.engine.log_lines import Source

        names = {service.name for service in self._chosen(services)}
        try:
            found = await self._engine.look(lambda reader: list_project(reader, self._project.name))
        except Refusal as error:
            raise refused("listing the containers", error) from None
        return tuple(
            Source(container.id, container.service, container.number, container.name)
            for container in found
            if container.service in names
        )

    async def _engine_version(self) -> str:
        if self._version is None:
            try:
                self._version = await self._engine.look(lambda reader: reader.engine_version())
            except Refusal as error:
                raise refused("asking for its version", error) from None
        return self._version
