"""What goes wrong with pgAdmin, made for real; a healthy or a stopped one is silent."""

import asyncio
import contextlib
import re
import secrets
from dataclasses import dataclass

import pytest

from stack.findings import Code, Failure, silent
from stack.project import Options
from stack.services.control import Pull
from stack.workspace import open_workspace
from tests.support.clone import bare_environment
from tests.support.engine import Sandbox, free_port
from tests.support.require import require

IMAGE = "dpage/pgadmin4:9"
CANARY = f"canary-in-a-coal-mine-{secrets.token_hex(4)}"
pytestmark = pytest.mark.usefixtures("patience")

SERVERS = """\
{"Servers": {"1": {
    "Name": "shop", "Group": "g", "Host": "%s", "Port": 5432, "Username": "app", "MaintenanceDB": "app",
    "SSLMode": "prefer"
}}}
"""
RESTRICTED = (
    "    entrypoint: [bash, -c, 'echo Restricted security context detected; defaulting PGADMIN_LISTEN_PORT;"
    " PGADMIN_LISTEN_PORT=8080 exec /entrypoint.sh']\n"
)
"""As the image says and does where it may not listen on port 80."""


@dataclass
class PgAdmin:
    """A project with a pgAdmin; its Postgres is never started, and says nothing here."""

    box: Sandbox
    port: int

    def write(self, *, email="ada@example.com", password=CANARY, target=80, host="db", more=""):
        (self.box.directory / "servers.json").write_text(SERVERS % host)
        (self.box.directory / "compose.yaml").write_text(
            f"name: {self.box.name}\n"
            "services:\n"
            "  db: {image: postgres:16-alpine, environment: {POSTGRES_PASSWORD: x}, ports: ['127.0.0.1::5432']}\n"
            "  pgadmin:\n"
            f"    image: {IMAGE}\n"
            "    environment:\n"
            f"      PGADMIN_DEFAULT_EMAIL: {email}\n"
            f"      PGADMIN_DEFAULT_PASSWORD: {password}\n"
            f"    ports: ['127.0.0.1:{self.port}:{target}']\n"
            f"    volumes: [./servers.json:/pgadmin4/servers.json, pgadmin:/var/lib/pgadmin]\n{more}"
            "volumes: {pgadmin: {}}\n"
        )

    def open(self):
        return open_workspace(Options(self.box.directory), bare_environment())

    async def up(self):
        async with self.open() as workspace:
            await (await workspace.services()).up(["pgadmin"], pull=Pull.NEVER, timeout=60, progress=silent)

    async def findings(self):
        async with self.open() as workspace:
            report = await workspace.examine()
        assert CANARY not in repr(report)
        return [check.finding for check in report.checks if check.id.startswith("pgadmin") and check.finding]

    async def until_up(self):
        """Wait until it answers, and return what the doctor says then."""
        async with asyncio.timeout(150):
            while True:
                found = await self.findings()
                if Code.SERVICE_UNHEALTHY not in {finding.code for finding in found}:
                    return found
                await asyncio.sleep(0.3)

    async def until_it_listens(self):
        """Wait until its log says so."""
        for _ in range(600):
            if b"Listening" in self.box.container("pgadmin").logs():
                return
            await asyncio.sleep(0.2)
        pytest.fail("it does not come up")

    async def mend(self, code, way=0):
        """Carry out a way to mend the finding `code`, and return the fix."""
        async with self.open() as workspace:
            (finding,) = (found for found in (await workspace.examine()).findings if found.code is code)
            fix = finding.ways[way]
            await workspace.mend(fix, silent)
        return fix

    async def up_and_end(self):
        """Start it, and wait until it has ended by itself; `up` may be done before."""
        with contextlib.suppress(Failure):
            await self.up()
        self.box.container("pgadmin").wait(timeout=60)


@pytest.fixture
def pgadmin(engine):
    require("docker", engine.ensure_image(IMAGE), f"the engine has no {IMAGE} and cannot pull it")
    return PgAdmin(engine, free_port())


async def test_what_pgadmin_ends_of_is_told_before_it_starts_and_after(pgadmin):
    pgadmin.write(email="ada@example.local")
    [before] = await pgadmin.findings()
    await pgadmin.up_and_end()
    [with_log] = await pgadmin.findings()
    assert before.code is with_log.code is Code.SETTING_INVALID
    assert before.cause == with_log.cause
    assert "ada@example.local" in before.cause
    assert "does not appear to be a valid email address" in with_log.evidence
    pgadmin.write(password="''")
    await pgadmin.up_and_end()
    [missing] = await pgadmin.findings()
    assert missing.code is Code.SETTING_MISSING


async def test_a_directory_that_it_may_not_write_to(pgadmin):
    (pgadmin.box.directory / "kept").mkdir(mode=0o755)
    pgadmin.write(more="      \n    user: '5050'\n")
    file = pgadmin.box.directory / "compose.yaml"
    file.write_text(file.read_text().replace("pgadmin:/var/lib", "./kept:/var/lib"))
    await pgadmin.up_and_end()
    [found] = await pgadmin.findings()
    assert found.code is Code.PGADMIN_PERMISSION
    assert f"the directory {pgadmin.box.directory}/kept of this machine" in found.cause
    assert found.fixes[0].command == f"sudo chown -R 5050:5050 {pgadmin.box.directory}/kept"


@pytest.mark.timeout(400)  # pgAdmin makes its own database twice here, ten seconds' work each time
async def test_what_it_remembers_of_its_first_start(pgadmin):
    env = pgadmin.box.directory / ".env"
    env.write_text("MAIL=ada@example.local\nSECRET=\n")
    env.chmod(0o600)
    pgadmin.write(email="${MAIL}", password="${SECRET}")
    await pgadmin.up_and_end()
    fix = await pgadmin.mend(Code.SETTING_MISSING)
    assert fix.title == "Write MAIL=admin@example.com and a generated SECRET to .env, and start pgadmin with it"
    assert re.fullmatch(r"MAIL=admin@example.com\nSECRET=\w{20,}\n", env.read_text())
    assert await pgadmin.until_up() == []
    pgadmin.box.container("pgadmin").stop(timeout=5)
    assert await pgadmin.findings() == []
    # Another account and server, and a port that it may not listen on: it is made anew, and its volume is not.
    env.write_text(f"MAIL=ada@example.com\nSECRET={CANARY}\n")
    pgadmin.write(email="${MAIL}", password="${SECRET}", host="localhost", more=RESTRICTED)
    await pgadmin.up()
    await pgadmin.until_it_listens()
    found = {found.code: found for found in await pgadmin.findings()}
    assert found.keys() == {Code.PGADMIN_ACCOUNT, Code.PGADMIN_PORT}
    port = found[Code.PGADMIN_PORT]
    assert port.title == "pgAdmin listens on port 8080, and 80 is published"
    assert "since it may not listen on port 80 there" in port.cause
    assert "Write 8080 after the colon" in port.fixes[0].title
    pgadmin.write(email="${MAIL}", password="${SECRET}", host="localhost", target=8080, more=RESTRICTED)
    fix = await pgadmin.mend(Code.PGADMIN_ACCOUNT)
    assert fix.destructive
    assert [loss.what for loss in fix.losses] == [f"The volume {pgadmin.box.name}_pgadmin is deleted"]
    [server] = await pgadmin.until_up()
    assert server.code is Code.PGADMIN_SERVERS
    assert '"Host": "db"' in server.fixes[0].title
    pgadmin.write(email="${MAIL}", password="${SECRET}", target=8080, more=RESTRICTED)
    assert await pgadmin.findings() == []
