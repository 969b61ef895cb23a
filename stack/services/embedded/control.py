"""The services of a project without a container engine: one, a Postgres server of the machine's own."""

import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from stack.background import in_thread
from stack.environment.template import is_port_free
from stack.environment.url import DatabaseURL
from stack.findings import Failure, Finding, Loss, Progress
from stack.project import RuntimeName
from stack.services.approval import lose_nothing
from stack.services.control import (
    Action,
    Approval,
    DownResult,
    EngineStatus,
    Health,
    LogLine,
    Overflow,
    PlanStep,
    ProbeRun,
    Pull,
    ServiceOutcome,
    ServicesStatus,
    ServiceStatus,
    State,
    UpResult,
    Usage,
    Volumes,
)
from stack.services.embedded import problems
from stack.services.embedded.account import server_account
from stack.services.embedded.area import data_home, discard, locked, project_area, tree_size
from stack.services.embedded.binaries import Candidate, candidates, cluster_major, find_binaries
from stack.services.embedded.cluster import HOST, Cluster, settled, stop
from stack.services.embedded.login import LoginRefusedError, ensure_database
from stack.services.embedded.plan import Step, Stopped, Work, missing_database, plan
from stack.services.embedded.postmaster import Postmaster, running
from stack.services.embedded.serverlog import LogReader, follow_log, read_log
from stack.services.embedded.staging import stage, staged_programs
from stack.services.embedded.usage import sample
from stack.services.embedded.watch import watch
from stack.services.pg_dump import dump
from stack.services.psql import installed_psql, run_psql
from stack.text import SecretStr, clean_line

_NO_ENGINE: Final = EngineStatus(reachable=False, endpoint=None, source=None, version=None)
_RESTART_TIMEOUT: Final = 60.0
_TRANSPORT_OPTIONS: Final = ("ssl", "gss", "channel_binding", "krb")
"""How libpq's options begin that say how to reach another server than this one, which speaks plain TCP on loopback."""


class EmbeddedServices:
    """The server of one project; see `stack.services.control.ServiceControl` for what each method does."""

    def __init__(
        self,
        root: Path,
        wanted: DatabaseURL,
        *,
        service: str = "db",
        home: Path | None = None,
        places: Callable[[], Iterable[Candidate]] = candidates,
    ) -> None:
        """Take the project's root, and its settings as a URL: user, password, database and the port to prefer.

        `service` is the Compose file's name for Postgres, `home` where projects keep their data, `places` where a
        server's programs are looked for.
        """
        self._wanted = wanted
        self._service = service
        self._area = project_area(root, home or data_home())
        self._places = places

    @property
    def runtime(self) -> RuntimeName:
        """Embedded."""
        return RuntimeName.EMBEDDED

    def url(self) -> DatabaseURL:
        """Return where the server listens, which is not where the settings say if that port was taken.

        Raises:
            Failure: it does not run.
        """
        server = running(self._area.data)
        if server is None:
            raise problems.not_running(self._service)
        options = tuple(option for option in self._wanted.options if not option[0].startswith(_TRANSPORT_OPTIONS))
        return dataclasses.replace(self._wanted, host=HOST, port=server.port, options=options)

    async def status(self) -> ServicesStatus:
        """Return whether there is a cluster, and whether its server runs."""
        return await in_thread(self._status)

    def _status(self) -> ServicesStatus:
        major, server = cluster_major(self._area.data), running(self._area.data)
        at_rest = State.ABSENT if major is None else State.EXITED
        service = ServiceStatus(
            service=self._service,
            container=None if major is None else self._area.name,
            image=None if major is None else f"PostgreSQL {major}",
            state=State.RUNNING if server else at_rest,
            health=_health(server),
            ports=(f"{HOST}:{server.port}->{server.port}/tcp",) if server else (),
        )
        findings: tuple[Finding, ...] = ()
        if server is not None and server.port != self._wanted.port:
            findings = (problems.port_taken(self._wanted.port, server.port),)
        return ServicesStatus(_NO_ENGINE, (service,), findings)

    def watch(self) -> AsyncIterator[ServicesStatus]:
        """Yield how the server stands, now and after each change."""
        return watch(self.status, lambda: running(self._area.data))

    def usage(self, services: Sequence[str]) -> AsyncIterator[tuple[Usage, ...]]:
        """Yield what the server's processes use, about every second; there is no network of its own to measure."""
        self._check(services)
        return sample(lambda: running(self._area.data), self._service, self._area.name)

    async def probes(self, service: str) -> tuple[ProbeRun, ...]:
        """Return nothing: the server itself says when it is ready, and nothing probes it."""
        self._check([service])
        return ()

    async def since(self, service: str) -> datetime | None:
        """Return since when the server runs; None where it does not."""
        self._check([service])
        server = await in_thread(lambda: running(self._area.data))
        return server.started_at if server else None

    async def psql(self, arguments: Sequence[str]) -> int:
        """Run the psql of the server's own programs, or else this machine's, on the server."""
        url = self.url()
        return await run_psql(await in_thread(self._psql), url, arguments)

    def _psql(self) -> Path:
        with contextlib.suppress(Failure):
            data = self._area.data
            own = find_binaries(self._places(), server_account(data), data).directory / "psql"
            if own.is_file():
                return own
        return installed_psql()

    async def plan(self, services: Sequence[str], *, pull: Pull) -> UpResult:  # noqa: ARG002 - there is no image
        """Return what `up` would do."""
        began = time.monotonic()
        self._check(services)
        return await self._result(began, self._plan(await in_thread(self._observe)))

    async def up(
        self,
        services: Sequence[str],
        *,
        pull: Pull,  # noqa: ARG002 - there is no image
        timeout: float,
        progress: Progress,
        approve: Approval = lose_nothing,  # noqa: ARG002 - it never loses data
    ) -> UpResult:
        """Make the cluster where there is none, start its server where it does not run, create the database."""
        began = time.monotonic()
        self._check(services)
        async with locked(self._area.directory):
            await settled(self._area, timeout)
            observed = await in_thread(self._observe)
            steps = self._plan(observed)
            if isinstance(observed, Stopped):
                for step in steps:
                    await self._execute(step, observed, timeout, progress)
            url = self.url()
            # Asked each time: it is the first query, and the settings' database may have another name by now.
            try:
                created = await ensure_database(url)
            except LoginRefusedError as error:
                raise problems.wrong_password(url, str(error), self.adopt_password) from None
            if created and steps[-1].work is not Work.CREATE_DATABASE:
                steps = (*steps, missing_database(url.database))
        progress(clean_line(f"{self._service} answers on {url.host}:{url.port}"))
        return await self._result(began, steps)

    async def stop(self, services: Sequence[str], *, progress: Progress) -> tuple[ServiceStatus, ...]:
        """Stop the server; its data stay."""
        self._check(services)
        if self._area.exists():
            async with locked(self._area.directory):
                await self._stop(progress)
        return (await self.status()).services

    async def restart(self, services: Sequence[str], *, progress: Progress) -> tuple[ServiceStatus, ...]:
        """Stop the server and start it, on the port of the settings where that is free by now, else on its own."""
        self._check(services)
        await self._restart(progress, _nothing)
        return (await self.status()).services

    async def adopt_password(self, progress: Progress) -> None:
        """Give the server the user and the password of the settings, in place of those that it was made with.

        Raises:
            Failure: there is no server, or it does not stop or start.
        """
        password = self._password()
        await self._restart(progress, lambda cluster: cluster.set_password(self._wanted.user, password))

    async def _restart(self, progress: Progress, meanwhile: Callable[[Cluster], Awaitable[None]]) -> None:
        if cluster_major(self._area.data) is None:
            raise problems.not_running(self._service)
        async with locked(self._area.directory):
            stopped = await in_thread(self._observe_stopped)  # before it stops: what cannot start again must not stop
            await self._stage(stopped)
            server = await self._stop(progress)
            cluster = self._cluster(stopped)
            await meanwhile(cluster)
            port = self._wanted.port if server is None or is_port_free(self._wanted.port) else server.port
            progress(clean_line(f"Starting {self._service}"))
            await cluster.start(port, timeout=_RESTART_TIMEOUT)

    async def plan_down(self, *, volumes: Volumes) -> tuple[PlanStep, ...]:
        """Return what `down` would stop and delete."""
        return await in_thread(lambda: self._plan_down(volumes))

    def _plan_down(self, volumes: Volumes) -> tuple[PlanStep, ...]:
        if not self._area.exists():
            return ()
        steps = []
        if running(self._area.data):
            steps.append(PlanStep(Action.REMOVED, f"server {self._service}", "it runs, and is stopped"))
        if volumes is Volumes.REMOVE:
            what = f"All that {self._service} keeps, in {self._area.data}, is deleted"
            losses = (Loss(what, tree_size(self._area.data)),) if cluster_major(self._area.data) is not None else ()
            steps.append(PlanStep(Action.REMOVED, f"cluster {self._area.data}", "its data is to go too", losses))
        return tuple(steps)

    async def dump(self, file: Path, *, progress: Progress) -> int:
        """Write the database to `file` by this machine's pg_dump, and return its size in bytes."""
        return await dump(self.url(), file, progress)

    async def down(self, *, volumes: Volumes, progress: Progress) -> DownResult:
        """Stop the server, and with `Volumes.REMOVE` delete all that it kept."""
        if not self._area.exists():
            return DownResult(())
        removed = []
        async with locked(self._area.directory):
            if await self._stop(progress):
                removed.append(f"server {self._service}")
            if volumes is Volumes.REMOVE:
                progress(clean_line(f"Removing {self._area.directory}"))
                await in_thread(lambda: discard(self._area.directory))
                removed.append(f"cluster {self._area.data}")
        return DownResult(tuple(removed))

    def logs(self, services: Sequence[str], *, tail: int | None, since: datetime | None) -> AsyncIterator[LogLine]:
        """Yield what the server has logged."""
        self._check(services)
        return read_log(LogReader(self._area.log, self._service, self._area.name, since), tail)

    def follow(
        self,
        services: Sequence[str],
        *,
        tail: int | None,
        since: datetime | None,
        overflow: Overflow = Overflow.WAIT,
    ) -> AsyncIterator[LogLine]:
        """Yield what the server has logged, then what it logs, through its restarts."""
        self._check(services)
        return follow_log(LogReader(self._area.log, self._service, self._area.name, since), tail, overflow)

    async def close(self) -> None:
        """Do nothing: no connection is kept."""

    def _check(self, services: Sequence[str]) -> None:
        if others := sorted(set(services) - {self._service}):
            raise problems.only_docker(others, self._service)

    def _password(self) -> SecretStr:
        password = self._wanted.password
        if password is None or not password.get_secret_value():
            raise problems.no_password(self._wanted.user)
        if not {"\n", "\r", "\0"}.isdisjoint(password.get_secret_value()):
            raise problems.unusable_password()
        return password

    def _plan(self, observed: Postmaster | Stopped) -> tuple[Step, ...]:
        return plan(
            observed,
            area=self._area,
            service=self._service,
            port=self._wanted.port,
            database=self._wanted.database,
        )

    def _observe(self) -> Postmaster | Stopped:
        self._password()
        return running(self._area.data) or self._observe_stopped()

    def _observe_stopped(self) -> Stopped:
        data = self._area.data
        binaries = find_binaries(self._places(), server_account(data), data)
        programs, source = binaries.directory, None
        if not binaries.reachable:
            programs = staged_programs(binaries, self._area.home)
            source = None if programs.is_dir() else binaries
        return Stopped(cluster_major(data), programs, source, is_port_free(self._wanted.port))

    async def _execute(self, step: Step, stopped: Stopped, timeout: float, progress: Progress) -> None:
        if step.work is Work.NOTHING:
            return
        progress(clean_line(f"{step.shown.resource}: {step.shown.cause}"))
        match step.work:
            case Work.STAGE:
                await self._stage(stopped)
            case Work.INITIALISE:
                await self._cluster(stopped).initialise(self._wanted.user, self._password())
            case Work.START:
                await self._cluster(stopped).start(self._wanted.port, timeout=timeout)
            case Work.CREATE_DATABASE:
                pass  # comes with the first query

    async def _stage(self, stopped: Stopped) -> None:
        if (source := stopped.source) is not None:
            async with locked(self._area.home / "binaries"):
                await in_thread(lambda: stage(source, self._area.home))

    def _cluster(self, stopped: Stopped) -> Cluster:
        return Cluster(self._area, stopped.programs, server_account(self._area.data))

    async def _stop(self, progress: Progress) -> Postmaster | None:
        server = await in_thread(lambda: running(self._area.data))
        if server is not None:
            progress(clean_line(f"Stopping {self._service}"))
            await stop(self._area.data)
        return server

    async def _result(self, began: float, steps: tuple[Step, ...]) -> UpResult:
        status = await self.status()
        [service] = status.services
        shown = tuple(step.shown for step in steps)
        outcome = ServiceOutcome(
            service=service.service,
            container=service.container,
            action=next(step.action for step in shown if step.resource == f"server {self._service}"),
            state=service.state,
            health=service.health,
            config_hash=None,
        )
        return UpResult((outcome,), shown, time.monotonic() - began, status.findings)


async def _nothing(_cluster: Cluster) -> None:
    """Do nothing between a stop and a start."""


def _health(server: Postmaster | None) -> Health:
    if server is None:
        return Health.NONE
    return Health.HEALTHY if server.ready else Health.STARTING
