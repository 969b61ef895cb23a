"""A refused log-in to a server that is in no container: somebody else's by hand, the machine's own by itself."""

from dataclasses import replace

import psycopg
import pytest

from stack.environment.edit import set_value
from stack.findings import Code, silent
from stack.project import Options, RuntimeName, open_project
from stack.services.control import Pull
from stack.text import SecretStr
from stack.workspace import open_workspace
from tests.support.clone import bare_environment

CANARY = "canary-in-a-coal-mine"


@pytest.mark.parametrize(
    ("change", "code", "command"),
    [
        ({"password": SecretStr(CANARY)}, Code.DATABASE_PASSWORD, "'\\password \"app\"'"),
        ({"database": "else where"}, Code.DATABASE_MISSING, '\'CREATE DATABASE "else where" OWNER "app"\''),
    ],
)
async def test_on_somebody_elses_server_its_administrator_is_told_what_to_do(database, tmp_path, change, code, command):
    (tmp_path / ".env").write_text(f"APP_DB_URL={replace(database, **change).reveal()}\n")
    (tmp_path / ".env").chmod(0o600)
    async with open_workspace(Options(tmp_path, runtime=RuntimeName.EXTERNAL), bare_environment()) as workspace:
        report = await workspace.examine()
    [finding] = report.findings
    assert finding.code is code
    assert finding.fixes[0].title.startswith("As an administrator of the server: ")
    assert finding.fixes[0].command.endswith(f" -d postgres -c {command}")
    assert not any(fix.apply or fix.destructive for fix in finding.fixes)
    assert CANARY not in repr(report)
    assert database.password.get_secret_value() not in repr(report)


async def test_the_machines_own_server_adopts_the_password(lone_clone):
    clone = lone_clone
    async with open_workspace(Options(clone.root), clone.environ) as workspace:
        workspace.init_environment()
        await workspace.up([], pull=Pull.NEVER, timeout=60, progress=silent)
        await (await workspace.migrations()).upgrade("heads", silent)
        with psycopg.connect((await workspace.database()).url.reveal()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'still here' AS word")
    set_value(open_project(Options(clone.root)), "APP_DB_PASSWORD", CANARY)
    async with open_workspace(Options(clone.root), clone.environ) as workspace:
        finding = (await workspace.examine()).next.finding
        assert finding.code is Code.DATABASE_PASSWORD
        assert "embedded" in finding.title
        await workspace.mend(finding.automatic_fix, silent)
        assert (await workspace.examine()).ok
        with psycopg.connect((await workspace.database()).url.reveal()) as connection:
            assert connection.execute("SELECT word FROM kept").fetchone() == ("still here",)
