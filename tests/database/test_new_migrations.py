"""New migrations are drafted by the project's own template and formatters, shown, and never written over a file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stack.cli.main import main
from stack.findings import Code
from stack.migrations import new_revision
from stack.migrations.drift.aspects import UNSEEN_BY_AUTOGENERATE
from stack.migrations.new_revision import draft
from stack.migrations.protocol import NewKind
from stack.migrations.site import Site
from stack.project import Options, open_project
from tests.support.alembic import Step, chain, make_project, write_step
from tests.support.booking import ALEMBIC_INI
from tests.support.migrating import failure, tables, upgrade
from tests.support.tables import run_sql

MODELS_ENV = """
import sqlalchemy as sa
from alembic import context
from sqlalchemy import engine_from_config, pool

metadata = sa.MetaData()
sa.Table("r0001", metadata, sa.Column("id", sa.Integer), sa.Column("name", sa.Text, server_default="x"))
engine = engine_from_config(context.config.get_section("alembic"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
"""

TEMPLATE = '''"""${message}

The shop's own template.
"""
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}

def upgrade():
    ${upgrades if upgrades else "pass"}

def downgrade():
    ${downgrades if downgrades else "pass"}
'''

HOOKS = """
file_template = year_%%(year)d/%%(slug)s
[post_write_hooks]
hooks = sign
sign.type = exec
sign.executable = sh
sign.options = -c "echo '# formatted' >> $0" REVISION_SCRIPT_FILENAME
"""


@pytest.fixture
def shop(tmp_path):
    """A project with models, a template, a file name and a formatter of its own."""
    project = make_project(tmp_path, chain(1), MODELS_ENV)
    (tmp_path / "migrations" / "script.py.mako").write_text(TEMPLATE)
    with (tmp_path / "alembic.ini").open("a") as file:
        file.write(HOOKS)
    return project


async def test_it_is_drafted_shown_and_written_once(database, shop):
    site = Site(shop, database)
    finding = await failure(draft(site, NewKind.AUTOGENERATE, "Add the name"))
    assert (finding.code, finding.severity) == (Code.MIGRATIONS_PENDING, "error")
    assert tables(database) == []
    await upgrade(shop, database)
    versions = shop.root / "migrations" / "versions"
    (made,) = await draft(site, NewKind.AUTOGENERATE, "Add the name")
    assert made.path.relative_to(versions).parts[1] == "add_the_name.py"
    for words in ("The shop's own template.", "op.add_column('r0001', sa.Column('name'", "down_revision = 'r0001'"):
        assert words in made.text
    assert made.text.endswith("# formatted\n")
    assert [path.name for path in versions.iterdir() if path.is_file()] == ["r0001_step.py"], "nothing is written yet"
    assert list(versions.glob(".*")) == []
    env = shop.root / "migrations" / "env.py"
    env.chmod(0o640)
    await new_revision.write([made], env)
    assert (made.path.read_text(), made.path.stat().st_mode & 0o777) == (made.text, 0o640)
    assert (await failure(new_revision.write([made], env))).code is Code.MIGRATION_FILE_EXISTS
    assert made.path.read_text() == made.text


async def test_where_nothing_differs_nothing_is_drafted(database, shop):
    await upgrade(shop, database)
    run_sql(database, "ALTER TABLE r0001 ADD COLUMN name text DEFAULT 'x'")
    assert await draft(Site(shop, database), NewKind.AUTOGENERATE, "Nothing") == ()


async def test_the_type_of_an_added_enum_is_named_as_missing(database, shop):
    await upgrade(shop, database)
    env = shop.root / "migrations" / "env.py"
    env.write_text(env.read_text().replace('sa.Text, server_default="x"', 'sa.Enum("a", "b", name="mood")'))
    (made,) = await draft(Site(shop, database), NewKind.AUTOGENERATE, "Moods")
    assert "name='mood'" in made.text
    # Where Alembic learns to make it, the sentence is to go.
    assert "create(" not in made.text
    assert any(each.startswith("the enum type of a column") for each in UNSEEN_BY_AUTOGENERATE)


async def test_two_heads_are_merged_first(database, shop):
    site = Site(shop, database)
    assert (await failure(draft(site, NewKind.MERGE, "Join"))).code is Code.MIGRATIONS_NOT_BRANCHED
    write_step(shop.root / "migrations", Step("other1", ("r0001",)))
    write_step(shop.root / "migrations", Step("other2", ("r0001",)))
    for kind in (NewKind.EMPTY, NewKind.AUTOGENERATE):
        finding = await failure(draft(site, kind, "More"))
        assert (finding.code, "--merge" in finding.fixes[0].command) == (Code.MIGRATIONS_BRANCHED, True)
    (made,) = await draft(site, NewKind.MERGE, "Join")
    assert "down_revision = ('other1', 'other2')" in made.text


async def test_models_that_are_not_there_are_missed_in_env_py(database, shop):
    env = shop.root / "migrations" / "env.py"
    env.write_text(MODELS_ENV.replace(", target_metadata=metadata", ""))
    await upgrade(shop, database)
    finding = await failure(draft(Site(shop, database), NewKind.AUTOGENERATE, "More"))
    assert finding.code is Code.MIGRATIONS_BROKEN
    assert finding.cause.startswith(f"{env}:")
    assert "MetaData" in finding.cause


async def test_a_template_that_fails_leaves_nothing(database, shop):
    (shop.root / "migrations" / "script.py.mako").write_text("${nonesuch()}")
    assert (await failure(draft(Site(shop, database), NewKind.EMPTY, "More"))).code is Code.MIGRATIONS_BROKEN
    assert [path.name for path in (shop.root / "migrations" / "versions").iterdir()] == ["r0001_step.py"]


def test_by_command(database, shop, monkeypatch, capsys):
    monkeypatch.setenv("APP_DB_URL", database.reveal())

    def new(*arguments):
        status = main(["--project", str(shop.root), "--runtime", "external", "migrate", "new", *arguments, "--json"])
        return status, json.loads(capsys.readouterr().out)

    status, said = new("-m", "By hand", "--empty", "--dry-run")
    (file,) = said["files"]
    assert (status, said["written"], said["unseen"]) == (0, False, [])
    status, said = new("-m", "By hand", "--empty")
    (file,) = said["files"]
    assert (status, said["written"]) == (0, True)
    assert Path(file["path"]).read_text() == file["text"]


async def test_a_new_one_of_this_repository_passes_its_own_checks(booking_database):
    run_sql(booking_database, "ALTER TABLE bookings DROP COLUMN notes", "DROP TABLE booking_events")
    project = open_project(Options(ALEMBIC_INI.parent))
    (made,) = await draft(Site(project, booking_database), NewKind.AUTOGENERATE, "What is missing")
    assert "op.create_table" in made.text
    for check in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *check, "--stdin-filename", str(made.path), "-"]
        checked = subprocess.run(  # noqa: ASYNC221 - it is over in a moment
            ruff, input=made.text, capture_output=True, text=True, check=False, cwd=project.root
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
