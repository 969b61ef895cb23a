"""One open project: what the commands and the deck both hold.

Each part is made when it is first asked for, so that a command pays only for what it needs, and a part that cannot be
had raises the `Failure` that says why. `Workspace.reload` forgets what was read, after a file has changed.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stack.background import in_thread
from stack.findings import Code, Failure, Fix, Progress
from stack.lazy_imports import EXAMINED, MIGRATING, import_parts
from stack.project import Options, Project, RuntimeName, open_project, working_directory
from stack.services.approval import lose_nothing

if TYPE_CHECKING:
    from stack.booking.seed import SeedResult
    from stack.database.access import Database
    from stack.doctor.examination import Report
    from stack.doctor.overview import Overview
    from stack.doctor.sizes import Sizes
    from stack.environment.address import Written
    from stack.environment.report import EnvironmentReport
    from stack.environment.settings import Settings
    from stack.environment.template import InitResult
    from stack.environment.url import DatabaseURL
    from stack.migrations.child import Standby
    from stack.migrations.migrations import Migrations
    from stack.migrations.site import Site
    from stack.services.compose.model import ComposeProject, Service
    from stack.services.control import Approval, Pull, ServiceControl, UpResult
    from stack.services.embedded.control import EmbeddedServices
    from stack.services.engine.containers import Containers
    from stack.services.equivalent import ComposeCall
    from stack.services.in_use import StaleUse
    from stack.services.runtime import EngineAnswer, RuntimeInUse
    from stack.tables.browser import TableBrowser
    from stack.tables.catalogue import Table
    from stack.tables.console.console import Console
    from stack.tables.structure import Details

DATABASE_SERVICE: Final = "db"
"""What the embedded server is called where no Compose file names it."""


@dataclass(slots=True)
class _Read:
    """What has been read so far of a project's files and surroundings."""

    settings: "Settings | None" = None
    written: "Written | None" = None
    compose: "ComposeProject | None" = None
    runtime: "RuntimeInUse | None" = None
    engine_version: str | None = None
    services: "ServiceControl | None" = None
    containers: "Containers | None" = None
    database: "Database | None" = None
    tables: "TableBrowser | None" = None


class Workspace:
    """A project with its environment, services, database, migrations and tables."""

    def __init__(self, project: Project, wanted: RuntimeName | None, environ: Mapping[str, str]) -> None:
        """Read nothing yet; `wanted` is the runtime that was asked for on the command line."""
        self._project = project
        self._wanted = wanted or project.overrides.runtime
        self._environ = environ
        self._read = _Read()
        self.approval: Approval = lose_nothing
        """What is asked about the plan of an `up` that brings no approval of its own, as a fix's does not."""
        self.started_server = False
        """Whether `up` here started a server of the machine's own, which nobody else looks after."""

    @property
    def project(self) -> Project:
        """Where the project's files are."""
        return self._project

    # What is written

    @property
    def name(self) -> str:
        """The project's name: Compose's where there is a Compose file that can be read."""
        try:
            return self.compose().name
        except Failure:
            return self._project.root.name

    def environment(self) -> "EnvironmentReport":
        """Judge the variables and their file, as they are now."""
        from stack.environment.report import check_environment

        return check_environment(self._project, self._environ)

    def init_environment(self) -> "InitResult":
        """Make `.env` from the template. What was read before is read again afterwards."""
        from stack.environment.template import init_env

        made = init_env(self._project)
        self._read = replace(self._read, settings=None, written=None, compose=None, runtime=None, services=None)
        return made

    def settings(self) -> "Settings":
        """Return the settings of the shell and `.env`."""
        from stack.environment.settings import load_settings

        if self._read.settings is None:
            self._read.settings = load_settings(self._project, self._environ)
        return self._read.settings

    def compose(self) -> "ComposeProject":
        """Return the Compose project."""
        from stack.services.compose.load import load_compose

        if self._read.compose is None:
            self._read.compose = load_compose(self._project, self._environ)
        return self._read.compose

    def database_service(self) -> str:
        """Return the name of the Compose service that is the database."""
        return self._database_service().name

    # What runs

    async def engine(self) -> "EngineAnswer":
        """Ask the engine for its version, now."""
        from stack.services.engine.ask import ask_engine

        return await ask_engine(self._environ)

    def use_engine(self, url: str) -> None:
        """Use the engine at `url` from now on, for as long as this workspace is open."""
        self._environ = {**self._environ, "DOCKER_HOST": url}

    async def runtime(self) -> "RuntimeInUse":
        """Return the runtime in use, chosen once; the engine is asked only where the choice depends on it."""
        from stack.services.runtime import choose_runtime

        if self._read.runtime is None:
            written, published = self._addresses()
            undecided = choose_runtime(wanted=self._wanted, written=written, published=published, engine=None)
            if undecided.name is RuntimeName.EMBEDDED and self._wanted is None:
                engine = await self.engine()
                self._read.engine_version = engine.version
                undecided = choose_runtime(wanted=None, written=written, published=published, engine=engine)
            self._read.runtime = undecided
        return self._read.runtime

    def _addresses(self) -> "tuple[DatabaseURL | None, DatabaseURL | None]":
        """Return the address that the settings name, and the one that the Compose file publishes, where there is one.

        What is broken in either file is found again, and said, by whoever needs its content.
        """
        from stack.services.compose.postgres import published_url

        written = None
        with contextlib.suppress(Failure):
            written = self.address() if self._written().database else None
        try:
            return written, published_url(self.compose(), self._database_service())
        except Failure as failure:
            if failure.finding.code in {Code.COMPOSE_FILE_MISSING, Code.COMPOSE_NO_POSTGRES}:
                return written, None
            # What a file that is broken would publish is not known: an address of this machine is taken for that.
            return written, written if written and written.is_local else None

    def address(self) -> "DatabaseURL":
        """Return the database that the settings name, else the one that the Compose file publishes."""
        from stack.services.compose.postgres import from_this_machine

        url = self._written().database
        if url is None:
            return self._compose_address()
        try:
            return from_this_machine(url, self.compose())
        except Failure:
            return url

    def _compose_address(self) -> "DatabaseURL":
        from stack.services.compose.postgres import reachable_url

        try:
            return reachable_url(self.compose(), self._database_service())
        except Failure as failure:
            # Where .env is still to be made that comes first: the Compose file may ask for what will be in it.
            is_fresh = self._project.template is not None and not self._project.env_file.exists()
            if is_fresh or failure.finding.code is Code.COMPOSE_FILE_MISSING:
                return self.settings().database
            raise

    def _database_service(self) -> "Service":
        from stack.services.compose.postgres import postgres_service

        return postgres_service(self.compose(), self._project.overrides.service)

    def _written(self) -> "Written":
        """Return the database that the settings name in so many words, and its pool."""
        from stack.environment.address import written_address

        if self._read.written is None:
            self._read.written = written_address(self._project, self._environ)
        return self._read.written

    async def services(self) -> "ServiceControl":
        """Return the services on the runtime in use."""
        runtime = await self.runtime()
        if self._read.services is None:
            self._read.services = self._control(runtime.name)
        return self._read.services

    async def stale_uses(self) -> "tuple[StaleUse, ...]":
        """Return which variables containers were created with another value of; none where no container is ours."""
        from stack.services.in_use import stale_uses

        if (await self.runtime()).name is not RuntimeName.DOCKER:
            return ()
        status, report = await (await self.services()).status(), await in_thread(self.environment)
        secrets = {variable.name for variable in report.variables if variable.secret}
        return stale_uses(self.compose(), status, secrets.__contains__)

    def _control(self, runtime: RuntimeName) -> "ServiceControl":
        match runtime:
            case RuntimeName.DOCKER:
                from stack.services.engine.control import EngineServices
                from stack.services.engine.endpoint import resolve_endpoint

                endpoint = resolve_endpoint(self._environ)
                return EngineServices(
                    self.compose(), endpoint, self._environ, self._project, version=self._read.engine_version
                )
            case RuntimeName.EMBEDDED:
                return self._embedded()
            case RuntimeName.EXTERNAL:
                from stack.services.external import ExternalServices

                return ExternalServices(self.address())

    async def containers(self) -> "Containers | None":
        """Return the project's containers on the engine; None where another runtime is in use."""
        from stack.services.engine.connection import Engine
        from stack.services.engine.containers import Containers
        from stack.services.engine.endpoint import resolve_endpoint

        if (await self.runtime()).name is not RuntimeName.DOCKER:
            return None
        if self._read.containers is None:
            engine = Engine(resolve_endpoint(self._environ), self._environ)
            self._read.containers = Containers(engine, self.compose())
        return self._read.containers

    def _embedded(self) -> "EmbeddedServices":
        from stack.services.embedded.control import EmbeddedServices

        try:
            service = self.database_service()
        except Failure:
            service = DATABASE_SERVICE
        return EmbeddedServices(self._project.root, self.address(), service=service)

    async def compose_call(self) -> "ComposeCall | None":
        """Return how `docker compose` is called for this project; None where nothing runs in containers."""
        if (await self.runtime()).name is not RuntimeName.DOCKER:
            return None
        from stack.services.equivalent import compose_call

        return compose_call(self.compose(), self._project, working_directory(self._environ))

    async def up(
        self,
        services: Sequence[str],
        *,
        pull: "Pull",
        timeout: float,
        progress: Progress,
        approve: "Approval | None" = None,
    ) -> "UpResult":
        """Start `services`, all if none is named, and wait until the database answers a query.

        `timeout` is in seconds and covers both. A plan that `approve` refuses is not begun; without one it is
        `approval` that is asked.
        """
        from stack.services.control import Action

        began = time.monotonic()
        try:
            result = await (await self.services()).up(
                services, pull=pull, timeout=timeout, progress=progress, approve=approve or self.approval
            )
        except Failure as failure:
            # What a service wrote before it ended is part of them.
            cover = await in_thread(self.veil)
            raise Failure(
                *(replace(it, evidence=cover(it.evidence or "") or None) for it in failure.findings)
            ) from None
        if (await self.runtime()).name is RuntimeName.EMBEDDED:
            self.started_server |= any(outcome.action is not Action.KEPT for outcome in result.services)
        if self.database_service() in {outcome.service for outcome in result.services}:
            await self._until_answered(max(1.0, timeout - (time.monotonic() - began)), progress)
        return replace(result, seconds=time.monotonic() - began)

    async def _until_answered(self, timeout: float, progress: Progress) -> None:
        from stack.database.readiness import answers_now

        url = await self._url()
        if await answers_now(url):
            return
        # Imported here: the driver, which a database that is there already does not need.
        from stack.database.probe import wait_until_ready

        await wait_until_ready(url, timeout=timeout, progress=progress)

    # The database

    async def database(self) -> "Database":
        """Return the database: the one of the settings, or where the embedded server really listens."""
        from stack.database.access import Database

        url = await self._url()
        if self._read.database is not None and self._read.database.url != url:
            await _let_go(self._read)
            self._read.database = self._read.tables = None
        if self._read.database is None:
            self._read.database = Database(url, self._written().pool)
        return self._read.database

    async def _url(self) -> "DatabaseURL":
        if (await self.runtime()).name is RuntimeName.EMBEDDED:
            return self._embedded().url()
        return self.address()

    async def migrations(self) -> "Migrations":
        """Return the project's migrations on its database."""
        from stack.migrations.migrations import Migrations

        own = (await self.runtime()).name is not RuntimeName.EXTERNAL
        return Migrations(self._project, await self.database(), own=own)

    async def site(self, standby: "Standby") -> "Site":
        """Return where migrations are applied, by the worker of `standby`; it gets ready while we do."""
        from stack.migrations.child import make_preparation

        url = await self._url()
        standby.prepare(make_preparation(self._project.alembic_files, url.reveal()))
        import_parts(MIGRATING)
        from stack.migrations.site import Site

        own = (await self.runtime()).name is not RuntimeName.EXTERNAL
        return Site(self._project, url, own, standby)

    async def tables(self) -> "TableBrowser":
        """Return the database's tables."""
        from stack.tables.browser import TableBrowser

        database = await self.database()
        if self._read.tables is None:
            self._read.tables = TableBrowser(database)
        return self._read.tables

    async def table_details(self, table: "Table") -> "Details":
        """Return all that is known about the structure of `table`, and which migration made it."""
        from stack.migrations.creation import find_creation
        from stack.tables.structure import Details

        structure = await (await self.tables()).structure(table)
        look = partial(find_creation, self._project, table.schema, table.name, unqualified=table.visible)
        return Details(structure, await in_thread(look))

    async def console(self) -> "Console":
        """Return the database's read-only SQL console."""
        from stack.tables.console.console import Console

        return Console(await self.database())

    async def seed(self, bookings: int, random_seed: int, progress: Progress) -> "SeedResult":
        """Fill the booking tables with `bookings` bookings, the same for the same `random_seed`."""
        from stack.booking.seed import seed

        return await seed((await self.database()).url, bookings, random_seed, progress)

    # All of it

    async def examine(self) -> "Report":
        """Run every check of the doctor."""
        # Beforehand, so that no check loses its time to it; what only some runtimes need is left for when it is needed.
        await in_thread(partial(import_parts, EXAMINED))
        from stack.doctor.checklist import CHECKS
        from stack.doctor.examination import PATIENCE, examine
        from stack.doctor.facts import Facts

        facts = Facts(self)
        try:
            return await examine(facts, CHECKS, PATIENCE)
        finally:
            facts.close()

    async def sizes(self) -> "Sizes":
        """Measure how much there is, which is not for every second."""
        from stack.doctor.sizes import measure

        return await measure(self)

    async def look(self) -> "Overview":
        """Look at every part once; what cannot be seen becomes a finding."""
        from stack.doctor.overview import look

        return await look(self)

    def secrets(self) -> frozenset[str]:
        """Return every secret of the project's files and of the shell; blocking, since it reads files."""
        from stack.doctor.redaction import known_secrets

        return known_secrets(self, self._environ)

    def veil(self) -> Callable[[str], str]:
        """Return what hides the project's secrets in what its services wrote; blocking, since it reads files."""
        from stack.doctor.redaction import veil

        return veil(self.secrets())

    async def write_report(self) -> str:
        """Return a report for a bug tracker, in Markdown, with every secret taken out."""
        from stack.doctor.report import write

        return await write(self, await self.examine(), self._environ)

    async def save_report(self, file: Path | None) -> Path:
        """Save that report to the new `file`, by default one in the state directory, and return where it is."""
        from stack.doctor.report import save

        text = await self.write_report()
        return await in_thread(partial(save, text, file, self.name))

    async def mend(self, fix: Fix, progress: Progress) -> None:
        """Carry out `fix`, which must be one that can be; what was read before is read again afterwards."""
        if fix.apply is None:
            raise ValueError(f"{fix.title!r} is for a person to do")
        try:
            await fix.apply(progress)
        finally:
            await self.reload()

    async def reload(self) -> None:
        """Forget what was read and let go of connections; everything is read and asked again when needed."""
        read, self._read = self._read, _Read()
        if read.services is not None:
            await read.services.close()
        if read.containers is not None:
            read.containers.close()
        await _let_go(read)


async def _let_go(read: _Read) -> None:
    """Close what is connected to the database."""
    if read.tables is not None:
        await read.tables.close()
    if read.database is not None:
        await read.database.close()


@contextlib.asynccontextmanager
async def open_workspace(options: Options, environ: Mapping[str, str]) -> AsyncIterator[Workspace]:
    """Open the project that `options` name, and let go of its connections in the end.

    Raises:
        Failure: the project's own settings cannot be used.
    """
    workspace = Workspace(open_project(options), options.runtime, environ)
    try:
        yield workspace
    finally:
        await workspace.reload()
