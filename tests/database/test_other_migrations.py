"""Other projects' migrations: their own Python, their own place for the mark, and what is not followed."""

import sys
import sysconfig
import venv

import pytest

from stack.findings import Code
from stack.migrations.configuration import locate
from stack.project import Options, open_project
from tests.support.alembic import SYNC_ENV, chain, make_project
from tests.support.migrating import failure, status, tables, upgrade
from tests.support.tables import run_sql

TELLS = "import pathlib, sys\npathlib.Path('prefix').write_text(sys.prefix)\n"


async def test_a_projects_code_runs_in_its_own_environment(database, tmp_path):
    project = make_project(tmp_path, chain(1), TELLS + SYNC_ENV)
    environment = tmp_path / ".venv"
    venv.create(environment, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = environment / "lib" / version / "site-packages"
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
    (packages / "alembic-1.20.1.dist-info").mkdir()
    told = []
    assert await upgrade(project, database, "heads", lambda line, _gauges=(): told.append(line)) == ("r0001",)
    assert (tmp_path / "prefix").read_text() == str(environment)
    assert f"Running them with {environment}/bin/python, Alembic 1.20.1: it is the project's own environment" in told
    # What it lacks is its own matter: it is named with the Python that was used.
    (tmp_path / "migrations" / "env.py").write_text("import nonesuch_package")
    (tmp_path / "migrations" / "versions" / "r0001_step.py").rename(tmp_path / "r0001_step.py")
    run_sql(database, "DROP TABLE alembic_version, r0001")
    (tmp_path / "r0001_step.py").rename(tmp_path / "migrations" / "versions" / "r0001_step.py")
    finding = await failure(upgrade(project, database))
    assert str(environment / "bin" / "python") in finding.fixes[0].title


def env_with(options):
    return SYNC_ENV.replace("connection=connection)", f"connection=connection, {options})")


OWN_TABLE = "TABLE = 'own_mark'\n" + env_with("version_table=TABLE, version_table_schema='own'")
COMPUTED_TABLE = env_with("version_table='_'.join(['a', 'b'])")


OWN_TABLES = {
    "a constant": OWN_TABLE,
    "options": "OPTIONS = {'version_table': 'own_mark', 'version_table_schema': 'own'}\n" + env_with("**OPTIONS"),
    "a dict()": "OPTIONS = dict(version_table='own_mark')\nOPTIONS['version_table_schema'] = 'own'\n"
    + env_with("**OPTIONS"),
}


@pytest.mark.parametrize("env", OWN_TABLES.values(), ids=OWN_TABLES)
async def test_the_mark_may_be_kept_elsewhere(database, tmp_path, env):
    run_sql(database, "CREATE SCHEMA own")
    project = make_project(tmp_path, chain(2), env)
    assert locate(project).findings == ()
    assert await upgrade(project, database, "r0001") == ("r0001",)
    assert (await status(project, database)).current == ("r0001",)
    assert await upgrade(project, database) == ("r0002",)


async def test_a_mark_that_cannot_be_found_stops_everything(database, tmp_path):
    project = make_project(tmp_path, chain(2), COMPUTED_TABLE)
    (note,) = locate(project).findings
    assert (note.code, note.severity) == (Code.MIGRATIONS_UNSUPPORTED, "warning")
    assert "computes the name of its version_table" in note.cause
    assert await upgrade(project, database, "r0001") == ("r0001",), "there is no mark yet, here or there"
    finding = await failure(upgrade(project, database))
    assert finding.code is Code.MIGRATIONS_BROKEN
    assert "it finds the database at r0001, and alembic_version says nothing" in finding.cause
    assert tables(database) == ["a_b", "r0001"]


@pytest.mark.parametrize(
    ("ini", "words"),
    [
        ("[alembic]\nscript_location = migrations\ndatabases = one, two\n[one]\n[two]\n", "databases = one, two"),
        ("[shop]\nscript_location = migrations\n", "[shop]"),
    ],
    ids=["several databases", "another section"],
)
async def test_what_is_not_followed_is_named(tmp_path, ini, words):
    make_project(tmp_path, chain(1))
    (tmp_path / "alembic.ini").write_text(ini)
    finding = await failure(read(tmp_path))
    assert finding.code is Code.MIGRATIONS_UNSUPPORTED
    assert words in finding.cause


async def read(root):
    return locate(open_project(Options(root)))


async def test_sections_beside_ours_are_a_note(tmp_path):
    make_project(tmp_path, chain(1))
    with (tmp_path / "alembic.ini").open("a") as file:
        file.write("[shop]\nscript_location = shop\n[loggers]\nkeys = root\n")
    (note,) = (await read(tmp_path)).findings
    assert (note.code, note.severity) == (Code.MIGRATIONS_UNSUPPORTED, "warning")
    assert note.fixes[0].command == "alembic --name shop upgrade head"
