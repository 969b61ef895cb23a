"""This repository's own migrations: each goes up and down, and all together make exactly the models' tables."""

import asyncio
import subprocess
import sys

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine

from stack.booking.models import TABLES, Base
from stack.database.sessions import sqlalchemy_url
from tests.support.booking import ALEMBIC_INI

REVISIONS = [script.revision for script in ScriptDirectory.from_config(Config(ALEMBIC_INI)).walk_revisions()][::-1]

EVERYTHING = """
    SELECT 'relation ' || relname || ' ' || relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
    UNION ALL SELECT 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
              WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'column ' || attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
              FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
              WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'extension ' || extname FROM pg_extension
"""


@pytest.fixture
def alembic(database):
    """Run an Alembic command on a connection to the test's database, as Stackdeck's own runner does."""
    engine = create_engine(sqlalchemy_url(database), poolclass=NullPool)

    def run(call, *arguments) -> None:
        with engine.connect() as connection:
            call(Config(ALEMBIC_INI, attributes={"connection": connection}), *arguments)

    return run


def everything(url) -> set[str]:
    with psycopg.connect(url.reveal()) as connection:
        return {row[0] for row in connection.execute(EVERYTHING).fetchall() if "alembic_version" not in row[0]}


def test_each_step_down_undoes_its_step_up(alembic, database):
    assert len(REVISIONS) >= 4
    states = [everything(database)]
    for revision in REVISIONS:
        alembic(command.upgrade, revision)
        states.append(everything(database))
        assert states[-1] - states[-2]
    for before in reversed(states[:-1]):
        alembic(command.downgrade, "-1")
        assert everything(database) == before
    alembic(command.upgrade, "head")
    assert everything(database) == states[-1]


def test_the_models_and_the_newest_revision_agree(booking_database):
    engine = create_engine(sqlalchemy_url(booking_database), poolclass=NullPool)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []
    assert set(TABLES) == set(Base.metadata.tables)


def test_what_autogenerate_cannot_see_agrees_too(postgres, booking_database):
    with postgres.database() as url:
        engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE EXTENSION btree_gist")
            Base.metadata.create_all(connection)
        assert everything(url) == everything(booking_database)


def test_an_extension_that_something_else_needs_is_kept(alembic, database):
    alembic(command.upgrade, "head")
    with psycopg.connect(database.reveal(), autocommit=True) as connection:
        connection.execute("CREATE TABLE other (id int, EXCLUDE USING gist (id WITH =))")
        alembic(command.downgrade, "base")
        assert connection.execute("SELECT count(*) FROM pg_extension WHERE extname = 'btree_gist'").fetchone() == (1,)


async def test_they_run_within_an_event_loop(alembic, database):
    assert asyncio.get_running_loop().is_running()
    alembic(command.upgrade, "head")
    assert "extension btree_gist" in everything(database)


def run_alembic(environment, *arguments) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ALEMBIC_INI.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_alembic_alone_takes_the_settings(database, tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "APP_DB_URL": database.reveal()}
    upgraded = run_alembic(environment, "upgrade", "head")
    assert upgraded.returncode == 0, upgraded.stderr
    assert run_alembic(environment, "check").returncode == 0
    preview = run_alembic(environment, "upgrade", "base:head", "--sql")
    assert "EXCLUDE USING gist" in preview.stdout


def test_alembic_alone_says_what_is_wrong_in_a_line(database, tmp_path):
    wrong = database.reveal().replace(database.password.get_secret_value(), "canary-7d1f")
    failed = run_alembic({"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "APP_DB_URL": wrong}, "upgrade", "head")
    assert failed.returncode != 0
    assert "password" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "canary" not in failed.stderr + failed.stdout
