"""A workspace without a stack behind it: what the deck asks of one, answered as a test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from stack.database.activity import Capacity, ServerSession
from stack.database.pool import PoolStatus
from stack.database.probe import Ping
from stack.doctor.examination import CheckResult, CheckStatus, Report
from stack.environment.pool import PoolSettings
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Fix
from stack.project import RuntimeName
from stack.services.control import (
    EngineStatus,
    Health,
    LogLine,
    ServicesStatus,
    ServiceStatus,
    State,
)
from stack.services.runtime import RuntimeInUse

Answer = Callable[[], Awaitable[object]]

SECRET = "canary-Pa55-in-the-coal-mine"

DB = ServiceStatus(
    "db", "bookings-db-1", "postgres:16-alpine", State.RUNNING, Health.HEALTHY, ("127.0.0.1:5432->5432/tcp",)
)
PGADMIN = ServiceStatus("pgadmin", None, "dpage/pgadmin4:9", State.ABSENT, Health.NONE)


def checks(failing: str | None = None, fix: Fix | None = None) -> Report:
    """The doctor's six checks, of which `failing` fails with `fix`; what comes after it is skipped."""
    named = {
        "runtime": ("Docker Engine 28.0 answers", "Docker runs Postgres in a container, apart from this machine."),
        "environment": (".env is complete: 14 variables", "The file .env holds this machine's passwords and ports."),
        "services": ("db is running, healthy", "The Compose file says which servers this project needs."),
        "database": ("PostgreSQL 16.4 answers in 0.6 ms", "A query is sent as the application would."),
        "migrations": ("The database is at 0005", "Migrations are the steps that build the tables."),
        "data": ("There are bookings to look at", "The rows themselves."),
    }
    results = []
    status = CheckStatus.PASS
    for name, (title, explanation) in named.items():
        if name == failing:
            fixes = (fix,) if fix else ()
            finding = Finding(Code.SERVICE_NOT_RUNNING, f"{name} is not well", f"Because of {name}.", fixes=fixes)
            results.append(CheckResult(name, CheckStatus.FAIL, finding.title, explanation, finding))
            status = CheckStatus.SKIP
        else:
            shown = title if status is CheckStatus.PASS else f"{name}: waits for {failing}"
            results.append(CheckResult(name, status, shown, explanation))
    return Report(tuple(results))


class FakeServices:
    """Services that are what `status_now` says; what is asked of them is kept in `asked`."""

    runtime = RuntimeName.DOCKER

    def __init__(self) -> None:
        self.status_now = ServicesStatus(
            EngineStatus(True, "unix:///run/docker.sock", "default", "28.0"), (DB, PGADMIN)
        )
        self.log: asyncio.Queue[LogLine] = asyncio.Queue()
        self.asked: list[tuple[str, ...]] = []

    async def status(self) -> ServicesStatus:
        return self.status_now

    async def stop(self, services, *, progress):
        self.asked.append(("stop", *services))
        progress(f"stopping {' '.join(services)}")
        return self.status_now.services

    async def restart(self, services, *, progress):
        self.asked.append(("restart", *services))
        return self.status_now.services

    async def down(self, *, volumes, progress):
        self.asked.append(("down", volumes.value))
        return ()

    async def follow(self, services, *, tail, since) -> AsyncIterator[LogLine]:
        self.asked.append(("follow", *services))
        while True:
            yield await self.log.get()


@dataclass
class FakeDatabase:
    """A server that answers with what `now` holds."""

    url: DatabaseURL = field(default_factory=lambda: DatabaseURL("127.0.0.1", 5432, "app", "app", SecretStr(SECRET)))
    pool: PoolSettings = field(default_factory=PoolSettings)

    async def ping(self) -> Ping:
        return Ping(0.62, "16.4", datetime(2026, 1, 1, tzinfo=UTC))


class FakeWorkspace:
    """Answers everything at once and well, unless a test replaces one of its methods."""

    def __init__(self) -> None:
        self.name = "bookings"
        self.fake_services = FakeServices()
        self.fake_database = FakeDatabase()
        self.report = checks()
        self.in_use = RuntimeInUse(RuntimeName.DOCKER, "an engine answers", "--runtime embedded")
        self.closed = asyncio.Event()

    async def runtime(self) -> RuntimeInUse:
        return self.in_use

    async def services(self) -> FakeServices:
        return self.fake_services

    async def database(self) -> FakeDatabase:
        return self.fake_database

    async def migrations(self):
        raise Failure(Finding(Code.MIGRATIONS_MISSING, "No migrations", "none"))

    async def examine(self) -> Report:
        return self.report

    async def overview(self):
        raise Failure(Finding(Code.MIGRATIONS_MISSING, "No overview", "none"))

    async def up(self, services, *, pull, timeout, progress):
        self.fake_services.asked.append(("up", *services))
        progress("creating bookings-db-1")

    async def close(self) -> None:
        self.closed.set()
