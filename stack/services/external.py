"""A database that is no service of this project: it can be used, not started."""

# ruff: noqa: ARG002 - it takes what every runtime takes, to say no

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Fix, Progress
from stack.project import RuntimeName
from stack.services.approval import lose_nothing
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
    UpResult,
    Usage,
    Volumes,
)
from stack.services.pg_dump import dump
from stack.services.psql import installed_psql, run_psql


class ExternalServices:
    """No services; see `stack.services.control.ServiceControl`.

    All but `status`, `dump` and `close` raise `Failure`.
    """

    def __init__(self, url: DatabaseURL) -> None:
        """Take where the database is."""
        self._url = url

    @property
    def runtime(self) -> RuntimeName:
        """External."""
        return RuntimeName.EXTERNAL

    async def status(self) -> ServicesStatus:
        """Return that there are no services."""
        return ServicesStatus(EngineStatus(reachable=False, endpoint=None, source=None, version=None), ())

    async def watch(self) -> AsyncGenerator[ServicesStatus]:
        """Yield once that there are no services."""
        yield await self.status()

    async def usage(self, services: Sequence[str]) -> AsyncGenerator[tuple[Usage, ...]]:
        """Yield nothing: what the server uses cannot be seen from here."""
        nothing: tuple[tuple[Usage, ...], ...] = ()
        for sample in nothing:
            yield sample

    async def probes(self, service: str) -> tuple[ProbeRun, ...]:
        """Return nothing: nobody here checks the server's health."""
        return ()

    async def since(self, service: str) -> datetime | None:
        """Return nothing: nobody here watches the server."""
        return None

    async def psql(self, arguments: Sequence[str]) -> int:
        """Run this machine's psql on the database."""
        return await run_psql(installed_psql(), self._url, arguments)

    async def plan(self, services: Sequence[str], *, pull: Pull) -> UpResult:
        """Raise: nothing can be started."""
        raise self._unsupported("started")

    async def up(
        self,
        services: Sequence[str],
        *,
        pull: Pull,
        timeout: float,
        progress: Progress,
        approve: Approval = lose_nothing,
    ) -> UpResult:
        """Raise: nothing can be started."""
        raise self._unsupported("started")

    async def stop(self, services: Sequence[str], *, progress: Progress) -> tuple[ServiceStatus, ...]:
        """Raise: nothing can be stopped."""
        raise self._unsupported("stopped")

    async def restart(
        self,
        services: Sequence[str],
        *,
        progress: Progress,
    ) -> tuple[ServiceStatus, ...]:
        """Raise: nothing can be restarted."""
        raise self._unsupported("restarted")

    async def plan_down(self, *, volumes: Volumes) -> tuple[PlanStep, ...]:
        """Raise: nothing can be removed."""
        raise self._unsupported("removed")

    async def down(self, *, volumes: Volumes, progress: Progress) -> DownResult:
        """Raise: nothing can be removed."""
        raise self._unsupported("removed")

    async def dump(self, file: Path, *, progress: Progress) -> int:
        """Write the database to `file` by this machine's pg_dump, and return its size in bytes."""
        return await dump(self._url, file, progress)

    def logs(
        self,
        services: Sequence[str],
        *,
        tail: int | None,
        since: datetime | None,
    ) -> AsyncIterator[LogLine]:
        """Raise: its log is not ours to read."""
        raise self._unsupported("watched")

    def follow(
        self,
        services: Sequence[str],
        *,
        tail: int | None,
        since: datetime | None,
        overflow: Overflow = Overflow.WAIT,
    ) -> AsyncIterator[LogLine]:
        """Raise as `logs` does."""
        return self.logs(services, tail=tail, since=since)

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def _unsupported(self, done: str) -> Failure:
        return Failure(
            Finding(
                Code.RUNTIME_UNSUPPORTED,
                f"The database at {self._url.host} cannot be {done} from here",
                f"The settings point at {self._url.host}:{self._url.port}, which is none of this project's services; "
                "Stackdeck uses it and leaves its care to whoever runs it",
                fixes=(
                    Fix("Use the Compose file's own Postgres", "stackdeck --runtime docker up"),
                    Fix("Use a Postgres of this machine, without Docker", "stackdeck --runtime embedded up"),
                    Fix("Point APP_DB_URL, or APP_DB_HOST and APP_DB_PORT, at the server you mean"),
                ),
            )
        )
