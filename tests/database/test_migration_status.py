"""Where a database is: asked over whatever connection there is, and by a command that imports little."""

import asyncio
import json
import os
import subprocess
import sys

import psycopg
import pytest
from psycopg import sql

from stack.database.access import Database
from stack.environment.pool import PoolSettings
from stack.findings import Code, Failure
from stack.migrations.configuration import VersionTable
from stack.migrations.current import ask_current
from tests.support.alembic import chain, make_project
from tests.support.migrating import current, upgrade

ODD = VersionTable('mark "%s"', "own %(schema)s")
TABLES = {ODD: ("r0001", "r0002"), VersionTable(ODD.name): ("r0001", "r0002"), VersionTable(): ()}

# A process in which importing what takes long and is not needed fails.
STATUS = """
import sys
for name in ("sqlalchemy.orm", "sqlalchemy.ext.asyncio", "pydantic", "pydantic_settings", "postgast", "textual"):
    sys.modules[name] = None
from stack.cli.main import main
sys.exit(main(["migrate", "status", "--json"]))
"""
MOVING = """
import sys
for name in ("sqlalchemy", "alembic", "mako", "pydantic", "pydantic_settings", "postgast", "textual"):
    sys.modules[name] = None
from stack.cli.main import main
sys.exit(main(["migrate", *sys.argv[1:], "--json"]))
"""


@pytest.fixture(params=["alone", "pooled"])
async def asked(request, database):
    """A database that has no pool yet, or has one."""
    made = Database(database, PoolSettings())
    if request.param == "pooled":
        async with made.connection():
            pass
    yield made
    await made.close()


async def test_the_mark_is_found_with_and_without_a_pool(database, asked):
    name = sql.Identifier(ODD.schema, ODD.name)
    with psycopg.connect(database.reveal()) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(ODD.schema)))
        connection.execute(sql.SQL("CREATE TABLE {} (version_num) AS VALUES ('r0002'), ('r0001')").format(name))
    for table, marks in TABLES.items():
        async with asked.asking() as ask:
            assert await ask_current(ask, table) == marks


async def test_a_refusal_is_a_finding_with_and_without_a_pool(asked):
    with pytest.raises(Failure) as caught:
        async with asked.asking() as ask:
            await ask(sql.SQL("SELECT version_num FROM {}").format(sql.Identifier("nowhere")), {})
    assert caught.value.finding.code is Code.TABLE_MISSING


def test_the_command_imports_neither_the_orm_nor_the_settings(database, tmp_path):
    project = make_project(tmp_path, chain(3))
    asyncio.run(upgrade(project, database, "r0002"))
    environ = {**os.environ, "APP_DB_URL": database.reveal(), "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", STATUS], cwd=tmp_path, env=environ, capture_output=True, check=False)
    said = json.loads(done.stdout)
    assert (said["current"], said["heads"]) == (["r0002"], ["r0003"])
    assert said["pending"] == [{"revision": "r0003", "message": "Step r0003"}]
    assert [finding["code"] for finding in said["findings"]] == ["migrations-pending"]


def test_moving_imports_no_alembic_which_the_worker_has(database, tmp_path):
    make_project(tmp_path, chain(3))
    environ = {**os.environ, "APP_DB_URL": database.reveal(), "XDG_STATE_HOME": str(tmp_path)}
    consent = ("--confirm", database.database)
    for command in (("up", "r0002", *consent), ("up", *consent), ("down", "r0001", *consent)):
        program = [sys.executable, "-c", MOVING, *command]
        done = subprocess.run(program, cwd=tmp_path, env=environ, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert current(database) == ["r0001"]
