"""What mends a refused log-in: in the container's Postgres as its superuser, in `.env`, or with a new volume."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from psycopg import sql

from stack.amounts import size
from stack.background import in_thread
from stack.database.probe import wait_until_ready
from stack.database.scram import make_verifier
from stack.doctor.facts import Examined
from stack.doctor.fixes import UP_TIMEOUT, replacing
from stack.environment.edit import set_fix, set_value
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Fix, Progress
from stack.services.control import Pull
from stack.services.engine.backends import end_idle
from stack.services.engine.superuser import SqlRefusedError, Superuser, data_mount

if TYPE_CHECKING:
    from stack.services.engine.containers import Containers
    from stack.services.engine.inspection import Inspection
    from stack.services.engine.inventory import Inventory

WAIT_TIMEOUT: Final = 60.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class LoginFixes:
    """Fixes for the log-in to `url`, whose server runs in `container` of `service`."""

    stack: Examined
    url: DatabaseURL
    service: str
    container: "Inspection"

    def let_log_in(self) -> Fix:
        """Give the role the right to log in; nothing else changes."""
        statement = sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(self.url.user))
        title = f"Give the role {self.url.user} of the server the right to log in"
        return self._by_sql(title, Code.DATABASE_ROLE_MISSING, statement)

    def give_password(self, code: Code) -> Fix:
        """Give the role the password that the settings have, for the finding `code`; nothing else changes."""
        return self._by_sql(
            f"Give the role {self.url.user} of the server the password of the settings; the data stay",
            code,
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {} VALID UNTIL 'infinity'").format(*self._role()),
        )

    def create_role(self, inventory: "Inventory") -> Fix:
        """Create the role with the password of the settings and the rights of the database's owner."""
        user, name = self.url.user, self.url.database
        statements = [sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(*self._role())]
        title = f"Create the role {user} with the password of the settings"
        if database := inventory.databases.get(name):
            title += f", and with the rights of {database.owner}, who owns {name}"
            statements.append(sql.SQL("GRANT {} TO {}").format(sql.Identifier(database.owner), sql.Identifier(user)))
        else:
            title += f", and its database {name}"
            statements.append(self._create_database())
        return self._by_sql(title, Code.DATABASE_ROLE_MISSING, *statements)

    def create_database(self) -> Fix:
        """Create the database, for the role that the settings name."""
        title = f"Create an empty database {self.url.database} that {self.url.user} owns"
        return self._by_sql(title, Code.DATABASE_MISSING, self._create_database())

    def end_idle(self, application: str, idle: int) -> Fix:
        """End the sessions of `application` that rest; what is in the middle of a transaction goes on."""
        statement = sql.SQL(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = {} AND state = 'idle' AND backend_type = 'client backend'"
        ).format(sql.Literal(application))
        title = f"End the {idle} idle sessions of {named(application)}; none of them is in a transaction"
        return self._by_sql(title, Code.DATABASE_TOO_MANY_CONNECTIONS, statement)

    def end_idle_processes(self, idle: int) -> Fix:
        """End all sessions that rest, where no connection is left to do it by SQL."""

        async def apply(progress: Progress) -> None:
            ended = await end_idle(await self._containers(), self.container)
            progress(f"ended {ended} sessions")

        title = f"End the {idle} idle sessions; none of them is in a transaction"
        return Fix(title, f"stackdeck doctor --fix {Code.DATABASE_TOO_MANY_CONNECTIONS.value}", apply=apply)

    def admit(self, file: str) -> Fix:
        """Add the line to the server's access rules that the image itself begins with."""
        rule = "host all all all scram-sha-256"
        program = sql.Literal(f"cat >> '{file}'")
        statements = (
            sql.SQL("COPY (SELECT {}) TO PROGRAM {}").format(sql.Literal(rule), program),
            sql.SQL("SELECT pg_reload_conf()"),
        )
        return self._by_sql(f"Add «{rule}» to {file}, as the image has it", Code.DATABASE_REFUSED_LOGIN, *statements)

    def set_variable(self, name: str, value: str, title: str) -> Fix:
        """Write ``name=value`` to `.env`."""
        return set_fix(self.stack.project, name, value, title)

    def recreate(self, title: str) -> Fix:
        """Create the container anew from the Compose file and `.env` as they are; the data stay in their volume."""
        return Fix(title, f"stackdeck up {self.service}", apply=self._up)

    def publish_on(self, variable: str, port: int) -> Fix:
        """Move the published port."""

        async def apply(progress: Progress) -> None:
            await in_thread(lambda: set_value(self.stack.project, variable, str(port)))
            progress(f"wrote {variable} to {self.stack.project.env_file.name}")
            await self.stack.reload()
            await self._up(progress)

        command = f"stackdeck env set {variable}={port} && stackdeck up {self.service}"
        return Fix(f"Publish {self.service} on the free port {port} instead", command, apply=apply)

    def wait(self) -> Fix:
        """Wait until it answers."""

        async def apply(progress: Progress) -> None:
            await wait_until_ready(self.url, WAIT_TIMEOUT, progress)

        return Fix("Wait until it answers", f"stackdeck up {self.service}", apply=apply)

    def begin_anew(self, inventory: "Inventory") -> tuple[Fix, ...]:
        """Delete the volume with the data and begin with an empty one; whoever asks for it offers a dump before."""
        volume = data_mount(self.container)
        if volume is None or volume.volume is None:
            return ()
        lost = f"{size(inventory.size)} in {', '.join(sorted(inventory.databases))}"
        title = f"Delete the volume {volume.volume} ({lost}) and begin anew"
        return (replacing(self.stack, self.service, volume.volume, inventory.size, title),)

    async def _containers(self) -> "Containers":
        containers = await self.stack.containers()
        if containers is None:
            raise ValueError("the server is in no container")
        return containers

    async def _up(self, progress: Progress) -> None:
        await self.stack.up((self.service,), pull=Pull.MISSING, timeout=UP_TIMEOUT, progress=progress)

    def _role(self) -> tuple[sql.Identifier, sql.Composable]:
        # A null password is what a role has of which the settings know none.
        verifier = make_verifier(self.url.password).get_secret_value() if self.url.password else None
        return sql.Identifier(self.url.user), sql.Literal(verifier)

    def _create_database(self) -> sql.Composed:
        return sql.SQL("CREATE DATABASE {} OWNER {}").format(
            sql.Identifier(self.url.database), sql.Identifier(self.url.user)
        )

    def _by_sql(self, title: str, code: Code, *statements: sql.Composable) -> Fix:
        return Fix(title, f"stackdeck doctor --fix {code.value}", apply=self._running(title, statements))

    def _running(self, title: str, statements: Sequence[sql.Composable]) -> Callable[[Progress], Awaitable[None]]:
        async def apply(progress: Progress) -> None:
            containers = await self._containers()
            progress(title)
            script = "".join(f"{statement.as_string()};\n" for statement in statements)
            try:
                await Superuser(containers, self.container).run(script)
            except SqlRefusedError as error:
                raise Failure(_not_done(self.container.name, str(error))) from None

        return apply


def named(application: str) -> str:
    """Return how to call an application by the name that its sessions have."""
    return f"«{application}»" if application else "clients without a name"


def _not_done(container: str, words: str) -> Finding:
    return Finding(
        Code.DATABASE_ERROR,
        "The server did not do it",
        f"It was asked as its superuser, over the local socket of {container}; nothing was changed after its refusal.",
        evidence=words or None,
        fixes=(Fix("Do it in psql", "stackdeck psql"),),
    )
