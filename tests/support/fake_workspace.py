"""A workspace without a stack behind it: what the deck asks of one, answered as a test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stack.database.access import DatabaseStatus
from stack.database.activity import Capacity, ServerSession
from stack.database.pool import PoolStatus
from stack.database.probe import Ping
from stack.doctor.examination import CheckResult, CheckStatus, Report, Stage
from stack.doctor.overview import Overview
from stack.doctor.redaction import veil
from stack.doctor.sizes import Sizes, Volume
from stack.environment.assignments import Source
from stack.environment.pool import PoolSettings
from stack.environment.report import EnvironmentReport, Variable
from stack.environment.template import InitResult
from stack.environment.url import DatabaseURL
from stack.findings import Code, Finding, Fix, Gauge, Loss, Unit
from stack.project import Overrides, Project, RuntimeName
from stack.services.approval import lose_nothing
from stack.services.control import (
    Action,
    DownResult,
    EngineStatus,
    Health,
    LogLine,
    Overflow,
    PlanStep,
    ProbeRun,
    ServicesStatus,
    ServiceStatus,
    State,
    UpResult,
    Usage,
    Volumes,
)
from stack.services.equivalent import ComposeCall
from stack.services.in_use import StaleUse
from stack.services.runtime import RuntimeInUse
from stack.tables.catalogue import Kind, Table
from stack.tables.console.console import Console
from stack.tables.cursors import OffsetCursor
from stack.tables.description import Column, Family
from stack.tables.export import Exported
from stack.tables.pages import Ordering, Page
from stack.tables.query import After, Before, Edge, PageQuery
from stack.tables.rows import WholeRow
from stack.tables.structure import Details
from stack.text import SecretStr
from tests.support.fake_migrations import FakeMigrations

Answer = Callable[[], Awaitable[object]]

SECRET = "canary-Pa55-in-the-coal-mine"

DB = ServiceStatus(
    "db", "bookings-db-1", "postgres:16-alpine", State.RUNNING, Health.HEALTHY, ("127.0.0.1:5432->5432/tcp",)
)
PGADMIN = ServiceStatus("pgadmin", None, "dpage/pgadmin4:9", State.ABSENT, Health.NONE)


POOL = PoolStatus(20, 40, 1, 2, 0)

SESSIONS = (
    ServerSession(
        812,
        "app",
        "app",
        "worker",
        "10.0.0.7",
        "active",
        "Lock: relation",
        (4711,),
        datetime(2026, 1, 1, tzinfo=UTC),
        "UPDATE bookings SET status = 'confirmed'\n WHERE id = 42",
        False,
    ),
    ServerSession(
        4711,
        "app",
        "app",
        "psql",
        None,
        "idle in transaction",
        None,
        (),
        datetime(2026, 1, 1, tzinfo=UTC),
        "LOCK TABLE bookings",
        False,
    ),
    ServerSession(
        5000,
        "app",
        "app",
        "stackdeck",
        "127.0.0.1",
        "active",
        None,
        (),
        datetime(2026, 1, 1, tzinfo=UTC),
        "SELECT 1",
        True,
    ),
    ServerSession(5001, "root", "postgres", "", None, None, None, (), None, None, False),
)


def variable(name: str, value: str, line: int | None, *, secret: bool = False, problem: str | None = None) -> Variable:
    wrapped = SecretStr(value) if secret else value
    findings = (Finding(Code.SETTING_INVALID, problem, "expected a port"),) if problem else ()
    source = Source.FILE if line else Source.DEFAULT
    return Variable(
        name, wrapped, secret, source, line, None, wrapped, wrapped, f"What {name} means", "a text", findings
    )


VARIABLES = (
    variable("APP_DB_USER", "app", 3),
    variable("APP_DB_PASSWORD", SECRET, 4, secret=True),
    variable("APP_DB_PORT", "5432x", 5, problem="APP_DB_PORT is not a port"),
    variable("APP_DB_POOL_SIZE", "20", None),
)


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
        stage = Stage(name, name, explanation, headline=name)
        if name == failing:
            fixes = (fix,) if fix else ()
            finding = Finding(Code.SERVICE_NOT_RUNNING, f"{name} is not well", f"Because of {name}.", fixes=fixes)
            results.append(CheckResult(name, stage, CheckStatus.FAIL, finding.title, finding))
            status = CheckStatus.SKIP
        else:
            shown = title if status is CheckStatus.PASS else f"{name}: waits for {failing}"
            results.append(CheckResult(name, stage, status, shown))
    return Report(tuple(results))


class FakeServices:
    """Services that are what `status_now` says; what is asked of them is kept in `asked`."""

    runtime = RuntimeName.DOCKER

    def __init__(self) -> None:
        self._status = ServicesStatus(EngineStatus(True, "unix:///run/docker.sock", "default", "28.0"), (DB, PGADMIN))
        self._moved = asyncio.Event()
        self.planned: tuple[PlanStep, ...] = ()
        self.log: asyncio.Queue[LogLine] = asyncio.Queue()
        self.samples: asyncio.Queue[tuple[Usage, ...]] = asyncio.Queue()
        self.probes_now: dict[str, tuple[ProbeRun, ...]] = {}
        self.asked: list[tuple[str, ...]] = []

    @property
    def status_now(self) -> ServicesStatus:
        return self._status

    @status_now.setter
    def status_now(self, status: ServicesStatus) -> None:
        self._status = status
        self._moved.set()
        self._moved = asyncio.Event()

    async def status(self) -> ServicesStatus:
        return self.status_now

    async def watch(self) -> AsyncIterator[ServicesStatus]:
        while True:
            moved = self._moved
            yield self.status_now
            await moved.wait()

    async def usage(self, services) -> AsyncIterator[tuple[Usage, ...]]:
        self.asked.append(("usage", *services))
        try:
            while True:
                yield await self.samples.get()
        finally:
            self.asked.append(("usage ends", *services))

    async def probes(self, service) -> tuple[ProbeRun, ...]:
        self.asked.append(("probes", service))
        return self.probes_now.get(service, ())

    async def since(self, service) -> datetime:
        return datetime.now(UTC) - timedelta(minutes=65)

    async def psql(self, arguments) -> int:
        self.asked.append(("psql", *arguments))
        return 0

    async def stop(self, services, *, progress):
        self.asked.append(("stop", *services))
        progress(f"stopping {' '.join(services)}")
        return self.status_now.services

    async def restart(self, services, *, progress):
        self.asked.append(("restart", *services))
        return self.status_now.services

    async def plan(self, services, *, pull) -> UpResult:
        return UpResult((), self.planned, 0.0)

    async def plan_down(self, *, volumes):
        losses = (Loss("The volume bookings_data is deleted", 48_000_000),) if volumes is Volumes.REMOVE else ()
        return (
            PlanStep(Action.REMOVED, "container bookings-db-1", "the project is taken down"),
            *(PlanStep(Action.REMOVED, "volume bookings_data", "its data is to go too", (loss,)) for loss in losses),
        )

    async def down(self, *, volumes, progress):
        self.asked.append(("down", volumes.value))
        return DownResult(("container bookings-db-1",))

    async def dump(self, file, *, progress):
        self.asked.append(("dump", str(file)))
        return 4096

    async def follow(self, services, *, tail, since, overflow=Overflow.WAIT) -> AsyncIterator[LogLine]:
        self.asked.append(("follow", *services))
        while True:
            yield await self.log.get()


@dataclass
class FakeDatabase:
    """A server that answers with what `now` holds."""

    url: DatabaseURL = field(default_factory=lambda: DatabaseURL("127.0.0.1", 5432, "app", "app", SecretStr(SECRET)))
    pool: PoolSettings = field(default_factory=PoolSettings)

    async def status(self) -> DatabaseStatus:
        return DatabaseStatus(await self.ping(), POOL, Capacity(100, 3, 12), SESSIONS)

    async def answer(self) -> None:
        pass

    async def ping(self) -> Ping:
        return Ping(0.62, "16.4", datetime(2026, 1, 1, tzinfo=UTC))


def column(name: str, type_: str, family: Family = Family.OTHER) -> Column:
    return Column(name, type_, type_, family, True, None, None, True)


class FakeTables:
    """Two tables of numbered rows, paged by counting."""

    def __init__(self) -> None:
        self.count = 1000
        self.exports: list[tuple[object, ...]] = []
        self.exporting = asyncio.Event()
        self.asked: list[tuple[str, object]] = []
        self.columns = (
            column("id", "bigint", Family.INTEGER),
            column("customer", "text"),
            column("notes", "text"),
            column("price", "numeric", Family.NUMBER),
            column("starts_at", "timestamp with time zone"),
        )
        self.tables = (
            Table("public", "bookings", Kind.TABLE, 1_000_000, 1 << 27, ("id",)),
            Table("public", "customers", Kind.TABLE, 20_000, 1 << 22, ("id",)),
            Table("public", "alembic_version", Kind.TABLE, 1, 8192, ("version_num",)),
        )

    async def list(self) -> tuple[Table, ...]:
        return self.tables

    async def labels(self, page):
        return {}

    async def row(self, table, shown, index) -> WholeRow:
        self.asked.append((table.name, index))
        return WholeRow(shown.columns, shown.rows[index], frozenset(), shown.key)

    def numbered(self, number: int) -> tuple[str | None, ...]:
        notes = None if number % 3 == 0 else "" if number % 3 == 1 else "a window seat, please"
        return (str(number), f"Customer {number}", notes, f"{number}.50", "2026-03-01 09:00:00+00")

    async def page(self, query: PageQuery) -> Page:
        table, limit = query.table, query.limit
        self.asked.append((table.name, query.position))
        match query.position:
            case Edge.FIRST:
                start = 0
            case Edge.LAST:
                start = self.count - limit
            case After(cursor):
                start = cursor.offset
            case Before(cursor):
                start = cursor.offset - limit
        start = max(0, start)
        rows = tuple(self.numbered(number) for number in range(start, min(self.count, start + limit)))
        following = OffsetCursor(table.name, (), start + limit) if start + limit < self.count else None
        previous = OffsetCursor(table.name, (), start) if start else None
        return Page(
            self.columns,
            rows,
            following,
            previous,
            table.estimated_rows,
            Ordering.KEY,
            frozenset(),
            0.0021,
            key=table.primary_key,
            keys=tuple(row[:1] for row in rows) if table.primary_key else (),
            time_zone="Asia/Kathmandu",
        )

    async def export(self, query, destination, *, progress, **options) -> Exported:
        self.exports.append((query.table.name, *options.values(), tuple(map(str, query.sort))))
        progress("Exporting", (Gauge(query.table.name, 500, 1000, Unit.ROWS),))
        await self.exporting.wait()
        with destination() as file:
            file.write(b"id\n1\n")
        return Exported(1, 5, 0.1)


class FakeWorkspace:
    """Answers everything at once and well, unless a test replaces one of its methods."""

    def __init__(self) -> None:
        self.name = "bookings"
        self.fake_services = FakeServices()
        self.fake_database = FakeDatabase()
        self.fake_migrations = FakeMigrations()
        self.fake_tables = FakeTables()
        self.fake_console: Console | None = None
        self.environment_now = EnvironmentReport(Path("/nowhere/.env"), VARIABLES, ())
        self.stale_now: tuple[StaleUse, ...] = ()
        self.project = Project(Path("/nowhere"), Path("/nowhere/.env"), False, None, None, Overrides())
        self.report = checks()
        self.measured = 0
        self.sizes_now = Sizes(8_400_000, self.fake_tables.tables, (Volume("bookings_data", 48_000_000),))
        self.in_use = RuntimeInUse(RuntimeName.DOCKER, "an engine answers", "--runtime embedded")
        self.closed = asyncio.Event()
        self.approval = lose_nothing
        self.started_server = False

    async def runtime(self) -> RuntimeInUse:
        return self.in_use

    async def services(self) -> FakeServices:
        return self.fake_services

    async def database(self) -> FakeDatabase:
        return self.fake_database

    async def migrations(self) -> "FakeMigrations":
        return self.fake_migrations

    async def tables(self) -> "FakeTables":
        return self.fake_tables

    async def table_details(self, table) -> Details:
        return Details(await self.fake_tables.structure(table), None)

    async def console(self) -> Console:
        assert self.fake_console is not None, "this test has no database"
        return self.fake_console

    def environment(self) -> EnvironmentReport:
        return self.environment_now

    def database_service(self) -> str:
        return "db"

    async def stale_uses(self) -> tuple[StaleUse, ...]:
        return self.stale_now

    def init_environment(self) -> InitResult:
        self.fake_services.asked.append(("init",))
        return InitResult(self.project.env_file, ("APP_DB_PASSWORD",), ())

    async def seed(self, bookings, random_seed, progress):
        self.fake_services.asked.append(("seed", str(bookings)))

    async def examine(self) -> Report:
        return self.report

    async def look(self) -> Overview:
        status = self.fake_services.status_now
        return Overview(
            engine=status.engine,
            services=status.services,
            url=self.fake_database.url.masked,
            database=await self.fake_database.ping(),
            pool=POOL,
            migrations=await self.fake_migrations.status(),
            findings=(),
        )

    def veil(self):
        return veil({SECRET})

    async def sizes(self) -> Sizes:
        self.measured += 1
        return self.sizes_now

    async def save_report(self, file=None) -> Path:
        return Path("/nowhere/report.md")

    async def compose_call(self) -> ComposeCall:
        return ComposeCall()

    async def up(self, services, *, pull, timeout, progress, approve=lose_nothing) -> UpResult:
        await approve(self.fake_services.planned)
        self.fake_services.asked.append(("up", *services))
        progress("creating bookings-db-1")
        return UpResult((), self.fake_services.planned, 0.1)

    async def mend(self, fix, progress):
        await fix.apply(progress)

    async def reload(self) -> None:
        self.closed.set()
