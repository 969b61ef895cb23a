"""The questions that the doctor asks, in the order in which someone new meets them: from an engine to data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from stack.doctor.examination import Check, Passed
from stack.findings import Code, Failure, Finding, Fix, Progress, Severity
from stack.project import Project, RuntimeName
from stack.services.control import Health, Pull, ServiceControl, ServiceStatus, State, UpResult
from stack.services.runtime import EngineAnswer, RuntimeInUse

if TYPE_CHECKING:
    from stack.booking.seed import SeedResult
    from stack.database.access import Database
    from stack.environment.report import EnvironmentReport
    from stack.migrations.migrations import Migrations
    from stack.tables.browser import TableBrowser

SAMPLE_BOOKINGS: Final = 1000
RANDOM_SEED: Final = 1
UP_TIMEOUT: Final = 300.0
"""Seconds; a first start may pull an image."""


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

    def database_service(self) -> str:
        """Return the name of the service that is the database."""
        ...

    async def services(self) -> ServiceControl:
        """Return the services."""
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


async def _runtime(stack: Examined) -> Passed:
    runtime = await stack.runtime()
    match runtime.name:
        case RuntimeName.DOCKER:
            engine = await stack.engine()
            if engine.problem:
                raise Failure(engine.problem)
            return Passed(f"Docker Engine {engine.version} answers at {engine.endpoint}")
        case RuntimeName.EMBEDDED:
            return Passed(f"An embedded Postgres is used: {runtime.reason}")
        case RuntimeName.EXTERNAL:
            return Passed(f"The database is somebody else's server: {runtime.reason}")


async def _environment(stack: Examined) -> Passed:
    report = stack.environment()
    # The worst come first.
    if report.findings and report.findings[0].severity is not Severity.INFO:
        raise Failure(*report.findings)
    return Passed(f"{report.file.name} is complete: {len(report.variables)} variables")


async def _services(stack: Examined) -> Passed:
    runtime = await stack.runtime()
    if runtime.name is RuntimeName.EXTERNAL:
        return Passed(f"Nothing to start: {runtime.reason}")
    name = stack.database_service()
    status = await (await stack.services()).status()
    service = next((service for service in status.services if service.service == name), None)
    if service and service.state is State.RUNNING and service.health in {Health.HEALTHY, Health.NONE}:
        return Passed(f"{name} is running{', healthy' if service.health is Health.HEALTHY else ''}")
    raise Failure(_not_running(stack, name, service))


def _not_running(stack: Examined, name: str, service: ServiceStatus | None) -> Finding:
    async def start(progress: Progress) -> None:
        await stack.up((name,), pull=Pull.MISSING, timeout=UP_TIMEOUT, progress=progress)

    fix = Fix(f"Start {name} and wait until it answers", f"stackdeck up {name}", apply=start)
    read_log = Fix(f"Read the log of {name}", f"stackdeck logs {name} --tail 50")
    if service is None or service.state is State.ABSENT:
        return Finding(
            Code.SERVICE_NOT_RUNNING, f"{name} has no container yet", "The database does not run.", fixes=(fix,)
        )
    if service.state is not State.RUNNING:
        return Finding(
            Code.SERVICE_NOT_RUNNING, f"{name} is {service.state.value}", "The database does not run.", fixes=(fix,)
        )
    if service.health is Health.STARTING:
        return Finding(
            Code.DATABASE_STARTING, f"{name} is still starting", "Its health check has not passed yet.", fixes=(fix,)
        )
    cause = "It runs, but its health check fails; its log says why."
    return Finding(Code.SERVICE_UNHEALTHY, f"{name} is unhealthy", cause, fixes=(read_log, fix))


async def _database(stack: Examined) -> Passed:
    ping = await (await stack.database()).ping()
    return Passed(f"PostgreSQL {ping.server_version} answers in {ping.latency_ms:.1f} ms")


async def _migrations(stack: Examined) -> Passed:
    from stack.migrations.status import unknown_revision

    if stack.project.alembic is None:
        return Passed("This project has no migrations of Alembic's")
    migrations = await stack.migrations()
    status = await migrations.status()
    if status.unknown:
        raise Failure(*map(unknown_revision, status.unknown))
    if not status.pending:
        return Passed(f"The database is at {', '.join(status.current) or 'its base: there are no migrations'}")

    async def upgrade(progress: Progress) -> None:
        await migrations.upgrade("heads", progress)

    first = status.pending[0]
    raise Failure(
        Finding(
            Code.MIGRATIONS_PENDING,
            f"{len(status.pending)} migration{'s' * (len(status.pending) > 1)} pending",
            f"The tables are not what the code expects. The next one is {first.revision}: {first.message}.",
            fixes=(Fix("Apply what is pending", "stackdeck migrate up", apply=upgrade),),
        )
    )


async def _data(stack: Examined) -> Passed:
    browser = await stack.tables()
    tables = await browser.list()
    bookings = next((table for table in tables if table.name == "bookings" and table.visible), None)
    if bookings is None:
        return Passed(f"{len(tables)} table{'s' * (len(tables) != 1)} to look at")
    if (await browser.page(bookings, limit=1)).rows:
        return Passed("There are bookings to look at")

    async def seed(progress: Progress) -> None:
        await stack.seed(SAMPLE_BOOKINGS, RANDOM_SEED, progress)

    runtime = await stack.runtime()
    fix = Fix(f"Make {SAMPLE_BOOKINGS} sample bookings", f"stackdeck seed --bookings {SAMPLE_BOOKINGS}", apply=seed)
    empty = Finding(
        Code.BOOKINGS_EMPTY,
        "There are no bookings yet",
        "The booking tables are there, and empty.",
        Severity.INFO,
        # Sample data has no place on a server that others use.
        fixes=() if runtime.name is RuntimeName.EXTERNAL else (fix,),
    )
    return Passed(empty.title, empty)


CHECKS: Final[tuple[Check[Examined], ...]] = (
    Check(
        "runtime",
        "Docker",
        "Docker runs Postgres in a container, apart from the rest of this machine. Without it an embedded server does.",
        (),
        _runtime,
    ),
    Check(
        "environment",
        "Settings",
        "The file .env holds this machine's passwords and ports. It is made from .env.example and never shared.",
        (),
        _environment,
    ),
    Check(
        "services",
        "Database server",
        "The Compose file says which servers this project needs. Starting one creates its container if there is none.",
        ("runtime", "environment"),
        _services,
    ),
    Check(
        "database",
        "Connection",
        "A query is sent with the user and the password of .env, as the application would.",
        ("services",),
        _database,
    ),
    Check(
        "migrations",
        "Migrations",
        "Migrations are the steps that build the tables. Alembic applies those that this database has not seen.",
        ("database",),
        _migrations,
    ),
    Check(
        "data",
        "Data",
        "The rows themselves. Sample bookings make an empty database worth looking at.",
        ("migrations",),
        _data,
    ),
)
"""In order: each needs what stands before it."""
