"""Each way in which a log-in fails, made for real: the doctor names its cause, and its fix keeps the data.

One server for all of them. It logs every statement, and nothing of a password may be in its log, in an output, or in
the arguments or variables of any process.
"""

import asyncio
import contextlib
import re
import secrets
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from stack.cli.main import main
from stack.database.probe import wait_until_ready
from stack.environment.edit import set_value
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Severity, silent
from stack.migrations.approval import approve_said
from stack.project import Options, open_project
from stack.services.control import Pull
from stack.workspace import open_workspace
from tests.support.clone import Clone, make_clone
from tests.support.compose_model import IMAGE
from tests.support.engine import Sandbox, free_port, sandbox
from tests.support.require import require

LIMITED = "services:\n  db:\n    command: [postgres, -c, max_connections=12, -c, log_statement=all]\n"
CANARY = f"canary-in-a-coal-mine-{secrets.token_hex(4)}"
IMAGES_OWN = b"POSTGRES_PASSWORD="

pytestmark = pytest.mark.usefixtures("patience")


@dataclass
class Stack:
    """A clone of this repository whose server runs, with a row in it."""

    box: Sandbox
    clone: Clone
    written: str

    def open(self):
        return open_workspace(Options(self.clone.root), self.clone.environ)

    async def examine(self):
        async with self.open() as workspace:
            return await workspace.examine()

    def set(self, name, value):
        set_value(open_project(Options(self.clone.root)), name, value)

    async def up(self):
        async with self.open() as workspace:
            await workspace.up([], pull=Pull.NEVER, timeout=60, progress=silent)

    async def mend(self, code, number=0):
        """Find `code`, and no other error, apply its fix, and return the finding; afterwards all must be well."""
        said = []
        async with self.open() as workspace:
            report = await workspace.examine()
            [finding] = [it for it in report.findings if it.severity is Severity.ERROR]
            assert finding.code is code, finding
            fix = [fix for fix in finding.fixes if fix.apply][number]
            with no_secret_in_processes():
                await workspace.mend(fix, lambda line, gauges=(): said.append((line, gauges)))
            after = await workspace.examine()
        assert CANARY not in repr(report) + repr(finding) + repr(said)
        assert "SCRAM-SHA-256$" not in repr(report) + repr(said)
        assert after.ok, after.findings
        log = self.box.container("db").logs()
        assert b"LOG:  statement: " in log
        assert CANARY.encode() not in log
        assert b"SCRAM-SHA-256$" not in log
        return finding

    async def heal(self):
        """Carry out the first way of whatever is found, as long as it takes, and return what that was."""
        codes = []
        async with self.open() as workspace:
            while (step := (await workspace.examine()).next) and step.finding.code is not Code.BOOKINGS_EMPTY:
                codes.append(step.finding.code)
                assert len(codes) < 5, codes
                await workspace.mend(step.fix, silent)
            assert (await workspace.examine()).ok
        return codes

    async def kept(self):
        """Return what the application reads of what was written before."""
        async with self.open() as workspace:
            url = (await workspace.database()).url
        async with await psycopg.AsyncConnection.connect(url.reveal()) as connection:
            return await (await connection.execute("SELECT word FROM kept")).fetchall()

    def psql(self, *statements):
        each = [argument for statement in statements for argument in ("-c", statement)]
        done = self.box.container("db").exec_run(["psql", "-qXAtU", "app", "-d", "app", *each])
        assert done.exit_code == 0, done.output
        return done.output.decode()


@contextlib.contextmanager
def no_secret_in_processes():
    """Look at the arguments and variables of all processes for as long as this lasts.

    The one variable that may hold a password is the image's own, which the Compose file sets.
    """
    seen, enough = set(), threading.Event()

    def look():
        while not enough.is_set():
            for kind in ("cmdline", "environ"):
                for path in Path("/proc").glob(f"[0-9]*/{kind}"):
                    with contextlib.suppress(OSError):
                        words = [it for it in path.read_bytes().split(b"\0") if not it.startswith(IMAGES_OWN)]
                        if any(secret in word for word in words for secret in (CANARY.encode(), b"SCRAM-SHA-256$")):
                            seen.add(str(path))

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield
    finally:
        enough.set()
        watching.join()
    assert not seen


@pytest.fixture(scope="module")
def running(engine_here, tmp_path_factory):
    root = tmp_path_factory.mktemp("login")
    with sandbox(engine_here, root) as box:
        require("docker", box.ensure_image(IMAGE), f"the engine has no {IMAGE} and cannot pull it")
        clone = make_clone(root / box.name)
        (clone.root / "docker-compose.override.yml").write_text(LIMITED)
        stack = Stack(box, clone, "")

        async def start():
            async with stack.open() as workspace:
                workspace.init_environment()
                await workspace.up([], pull=Pull.NEVER, timeout=100, progress=silent)
                await (await workspace.migrations()).upgrade("heads", silent)

        asyncio.run(start())
        stack.written = (clone.root / ".env").read_text()
        stack.psql("CREATE TABLE kept AS SELECT 'still here' AS word")
        yield stack


@pytest.fixture
async def stack(running):
    """The stack, and after the test its server and `.env` as they were."""
    yield running
    changed = (running.clone.root / ".env").read_text() != running.written
    (running.clone.root / ".env").write_text(running.written)
    if changed:
        async with running.open() as workspace:
            password = (await workspace.database()).url.password.get_secret_value()
        running.psql("SET log_statement = 'none'", f"ALTER ROLE app PASSWORD '{password}'")
        await running.up()


async def test_a_healthy_stack_is_silent(stack):
    report = await stack.examine()
    assert report.ok
    assert {finding.code for finding in report.findings} <= {Code.BOOKINGS_EMPTY}


async def test_another_password_in_env(stack):
    stack.set("APP_DB_PASSWORD", CANARY)
    finding = await stack.mend(Code.DATABASE_PASSWORD)
    volume = f"{stack.box.name}_data"
    assert finding.title == f"The password in .env is not the one the volume {volume} was created with"
    assert ".env has been given another password since" in finding.cause
    assert await stack.kept() == [("still here",)]


async def test_the_earlier_password_is_put_back_from_the_container(stack):
    stack.set("APP_DB_PASSWORD", CANARY)
    await stack.mend(Code.DATABASE_PASSWORD, 1)
    assert (stack.clone.root / ".env").read_text() == stack.written
    assert await stack.kept() == [("still here",)]


async def test_another_user_that_the_container_was_recreated_for(stack):
    """Nobody but the volume knows then who the superuser is."""
    stack.set("APP_DB_USER", "somebody else")
    stack.set("APP_DB_PASSWORD", CANARY)
    with pytest.raises(Failure):
        await stack.up()
    finding = await stack.mend(Code.DATABASE_ROLE_MISSING)
    assert finding.title == "The server has no role somebody else"
    assert "has the role app; .env says somebody else now" in finding.cause
    assert await stack.kept() == [("still here",)]


async def test_another_password_that_the_container_was_recreated_for(stack):
    stack.set("APP_DB_PASSWORD", CANARY)
    with pytest.raises(Failure):
        await stack.up()
    finding = await stack.mend(Code.DATABASE_PASSWORD)
    assert "has been given the new one, which Postgres reads only while there is no data" in finding.cause
    assert await stack.kept() == [("still here",)]


async def test_a_password_of_the_shell_that_hides_the_right_one(stack):
    stack.clone.environ["APP_DB_PASSWORD"] = CANARY
    try:
        report = await stack.examine()
        assert {it.code for it in report.findings} == {Code.DATABASE_PASSWORD, Code.ENV_VARIABLE_HIDDEN}
        finding = next(it for it in report.findings if it.code is Code.DATABASE_PASSWORD)
        assert finding.title == "The password in the shell is not the server's"
        assert "which hides the one of .env, which the server has" in finding.cause
        (fix,) = finding.fixes
        assert (fix.command, fix.apply) == ("unset APP_DB_PASSWORD", None), "the server has nothing to be changed"
        assert CANARY not in repr(report)
    finally:
        del stack.clone.environ["APP_DB_PASSWORD"]
    report = await stack.examine()
    assert report.ok
    assert {it.code for it in report.findings} <= {Code.BOOKINGS_EMPTY}
    assert await stack.kept() == [("still here",)]


async def test_a_password_of_the_shell_that_hides_a_wrong_one(stack):
    """Two faults in one place: the second comes to light when the first is mended."""
    stack.set("APP_DB_PASSWORD", f"{CANARY}-of-the-file")
    stack.clone.environ["APP_DB_PASSWORD"] = CANARY
    try:
        finding = await stack.mend(Code.DATABASE_PASSWORD)
        assert "the server has neither" in finding.cause
        assert not any("unset" in (fix.command or "") for fix in finding.fixes)
        assert await stack.kept() == [("still here",)]
    finally:
        del stack.clone.environ["APP_DB_PASSWORD"]
    finding = await stack.mend(Code.DATABASE_PASSWORD)
    assert finding.title.startswith("The password in .env is not the one the volume ")
    assert await stack.kept() == [("still here",)]


async def test_a_password_that_compose_reads_otherwise(stack):
    """As where a volume is made with a `$` in its password: the server has what Compose reads."""
    file = stack.clone.root / ".env"
    written = re.compile(r"^APP_DB_PASSWORD=.*$", re.MULTILINE)
    file.write_text(written.sub("APP_DB_PASSWORD=first-half$andmore", file.read_text()))
    stack.psql("ALTER ROLE app PASSWORD 'first-half'")
    report = await stack.examine()
    assert {it.code for it in report.findings} == {Code.DATABASE_PASSWORD, Code.ENV_GRAMMARS_DIFFER}
    assert report.next.finding.title == "Compose and the application read different passwords in .env"
    assert await stack.heal() == [Code.DATABASE_PASSWORD, Code.ENV_GRAMMARS_DIFFER]
    assert "APP_DB_PASSWORD='first-half$andmore'" in file.read_text()
    assert await stack.kept() == [("still here",)]


async def test_another_password_and_migrations_that_are_pending(stack):
    async with stack.open() as workspace:
        await (await workspace.migrations()).downgrade("base", silent, approve=approve_said(agreed=True, name=None))
    stack.set("APP_DB_PASSWORD", CANARY)
    report = await stack.examine()
    assert [it.code for it in report.findings] == [Code.DATABASE_PASSWORD]
    assert await stack.heal() == [Code.DATABASE_PASSWORD, Code.MIGRATIONS_PENDING]
    assert await stack.kept() == [("still here",)]


async def test_a_role_without_the_right_to_log_in(stack):
    stack.psql("CREATE ROLE idle NOLOGIN; GRANT app TO idle")
    stack.set("APP_DB_USER", "idle")
    assert (await stack.mend(Code.DATABASE_ROLE_MISSING)).title == "The role idle may not log in"
    assert await stack.kept() == [("still here",)]


async def test_a_database_that_is_not_there(stack):
    stack.set("APP_DB_NAME", "elsewhere")
    finding = await stack.mend(Code.DATABASE_MISSING, 1)
    assert "has the database app; .env says elsewhere now" in finding.cause
    assert await stack.kept() == [("still here",)]
    stack.set("APP_DB_NAME", "elsewhere")
    async with stack.open() as workspace:
        await workspace.mend((await workspace.examine()).next.fix, silent)
        # An empty database is well as soon as its tables are made.
        assert (await workspace.examine()).next.id == "migrations"


async def test_rules_that_let_nobody_in(stack):
    hba = "/var/lib/postgresql/data/pg_hba.conf"
    stack.box.container("db").exec_run(["sed", "-i", "/^host all all all/d", hba])
    stack.psql("SELECT pg_reload_conf()")
    finding = await stack.mend(Code.DATABASE_REFUSED_LOGIN)
    assert f"No line of {hba}" in finding.cause
    assert await stack.kept() == [("still here",)]


async def test_an_application_that_has_every_connection(stack):
    """It is the superuser, as the image makes it, so that nobody can ask the server any more."""
    async with stack.open() as workspace:
        url = (await workspace.database()).url.reveal()
    async with contextlib.AsyncExitStack() as held:
        with contextlib.suppress(psycopg.OperationalError):
            for _ in range(20):
                connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
                held.push_async_callback(connection.close)
        finding = await stack.mend(Code.DATABASE_TOO_MANY_CONNECTIONS)
        assert "All 12 connections are taken, those that are kept for a superuser too: 12 from" in finding.cause
        assert "12 of them idle" in finding.cause
        assert await stack.kept() == [("still here",)]


async def test_an_ordinary_application_that_has_every_connection(stack):
    stack.psql("CREATE ROLE web LOGIN PASSWORD 'web-password'; GRANT app TO web")
    stack.set("APP_DB_USER", "web")
    stack.set("APP_DB_PASSWORD", "web-password")
    async with stack.open() as workspace:
        url = (await workspace.database()).url.reveal()
    async with contextlib.AsyncExitStack() as held:
        with contextlib.suppress(psycopg.OperationalError):
            for _ in range(20):
                connection = await psycopg.AsyncConnection.connect(url, autocommit=True, application_name="shop-web")
                held.push_async_callback(connection.close)
        finding = await stack.mend(Code.DATABASE_TOO_MANY_CONNECTIONS)
        assert "All 12 connections of the server are taken: 9 by «shop-web» from" in finding.cause
        assert finding.fixes[0].title == "End the 9 idle sessions of «shop-web»; none of them is in a transaction"
        assert await stack.kept() == [("still here",)]


async def test_a_port_that_the_container_is_not_published_on(stack):
    """As after an edit of the Compose file; an edit of `.env` alone is found with the settings."""
    port = free_port()
    file = stack.clone.root / "docker-compose.yml"
    was = file.read_text()
    file.write_text(was.replace("${APP_DB_PORT:-5432}", str(port)))
    stack.set("APP_DB_PORT", str(port))
    try:
        finding = await stack.mend(Code.DATABASE_UNREACHABLE)
        assert re.search(rf"is published on port \d+, and the settings say {port}$", finding.title)
        assert await stack.kept() == [("still here",)]
    finally:
        file.write_text(was)


async def test_another_server_on_an_address_of_the_same_port(stack):
    """As where `localhost` means ::1 first, on which a server of the machine listens."""
    async with stack.open() as workspace:
        port = (await workspace.database()).url.port
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", port))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    labels = {"com.docker.compose.project": stack.box.name, "com.docker.compose.service": "stranger"}
    stranger = stack.box.client.containers.run(
        IMAGE,
        detach=True,
        labels=labels | {"com.docker.compose.oneoff": "True"},
        environment={"POSTGRES_PASSWORD": "stranger", "POSTGRES_USER": "app"},
        ports={"5432/tcp": ("::1", port)},
        tmpfs={"/var/lib/postgresql/data": ""},
    )
    try:
        await until_ready(port)
        stack.set("APP_DB_HOST", "::1")
        finding = await stack.mend(Code.DATABASE_OTHER_SERVER)
        assert "not this project's container" in finding.title
        assert await stack.kept() == [("still here",)]
        # One that lets everybody in, by its identity.
        stack.set("APP_DB_HOST", "::1")
        stranger.exec_run(["sh", "-c", "sed -i 's/scram-sha-256$/trust/' $PGDATA/pg_hba.conf"])
        stranger.exec_run(["psql", "-U", "app", "-c", "SELECT pg_reload_conf()"])
        finding = await stack.mend(Code.DATABASE_OTHER_SERVER)
        assert re.search(r"system identifier \d+ answers, the container's is \d+", finding.evidence)
        assert await stack.kept() == [("still here",)]
    finally:
        stranger.remove(force=True, v=True)


async def until_ready(port):
    """Wait until a server on the IPv6 loopback asks for a password."""
    with pytest.raises(Failure) as caught:
        await wait_until_ready(DatabaseURL("::1", port, "app", "app", None), 60)
    assert caught.value.finding.code is Code.DATABASE_PASSWORD


# The SDK leaves the socket of a program that it ran in a container to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_beginning_anew_after_a_dump(running, capsys, monkeypatch):
    """The last of all: the data are gone then, but for the dump. The command is run here, for its patience."""
    running.set("APP_DB_PASSWORD", CANARY)
    [finding] = [it for it in asyncio.run(running.examine()).findings if it.severity is Severity.ERROR]
    [anew] = [fix for fix in finding.fixes if fix.destructive]
    assert re.search(r"Delete the volume \S+_data \(\d+\.\d MB in app, ", anew.title)
    monkeypatch.chdir(running.clone.root)
    way = ("doctor", "--fix", "database-password", "--way", str(finding.ways.index(anew) + 1))
    assert main(way) == 1
    said = capsys.readouterr()
    assert "Nothing has been touched" in said.err
    with no_secret_in_processes():
        main([*way, "--dump", "before.dump", "--yes"])
    done = capsys.readouterr()
    assert CANARY not in said.out + said.err + done.out + done.err
    assert "Done: Delete the volume" in done.out, done
    step = asyncio.run(running.examine()).next
    assert step.id == "migrations", step
    dump = running.clone.root / "before.dump"
    assert dump.read_bytes().startswith(b"PGDMP")
    assert dump.stat().st_mode & 0o777 == 0o600
