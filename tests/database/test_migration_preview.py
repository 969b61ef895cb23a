"""The SQL of a step is known before it is applied: rendered from its file, or rehearsed and undone."""

import asyncio
import json
import subprocess
import sys

import psycopg
import pytest

from stack.database.access import Database
from stack.environment.pool import PoolSettings
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, silent
from stack.migrations.approval import approve_said
from stack.migrations.migrations import Migrations
from stack.migrations.preview import unknown_sql
from stack.project import Options, open_project
from stack.text import SecretStr
from tests.support.alembic import ASYNC_ENV, OFFLINE_ENV, SYNC_ENV, Step, chain, make_project, write_body
from tests.support.migrating import rows, wait_for
from tests.support.tables import run_sql

ENVIRONMENTS = pytest.mark.parametrize("env", [SYNC_ENV, ASYNC_ENV, OFFLINE_ENV], ids=["sync", "async", "offline"])

BRANCHES = [
    Step("base1", up="CREATE TABLE base1 (id int)", undo="DROP TABLE base1"),
    Step("left1", ("base1",), "ALTER TABLE base1 ADD COLUMN l text DEFAULT '100%; (s)'", "ALTER TABLE base1 DROP l"),
    Step("right1", ("base1",), "ALTER TABLE base1 ADD COLUMN r text", "ALTER TABLE base1 DROP r"),
    Step("right2", ("right1",), "ALTER TABLE base1 ADD COLUMN q text", "ALTER TABLE base1 DROP q"),
    Step("merge1", ("left1", "right2")),
    Step("alone1", depends_on=("left1",), up="CREATE TABLE alone1 (id int)", undo="DROP TABLE alone1"),
]


@pytest.fixture
async def migrations(database, tmp_path):
    """Make the migrations of a project with the given steps, on this test's database."""
    made = Database(database, PoolSettings())

    def make(steps, env=OFFLINE_ENV):
        return Migrations(make_project(tmp_path, steps, env), made, own=True)

    yield make
    await made.close()


def run(url, statements):
    """Run a script as psql would, with its own BEGIN and COMMIT."""
    with psycopg.connect(url.reveal(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def versions(url):
    return {name for (name,) in rows(url, "SELECT version_num FROM alembic_version")}


def columns(url):
    return rows(
        url,
        "SELECT c.relname, a.attname, pg_get_expr(d.adbin, d.adrelid) FROM pg_class c JOIN pg_attribute a"
        " ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)"
        " WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum",
    )


@ENVIRONMENTS
async def test_the_sql_is_what_an_upgrade_and_a_downgrade_do(database, postgres, migrations, env):
    made = migrations(BRANCHES, env)
    steps = await made.pending_sql()
    assert [step.revision.revision for step in steps] == [r.revision for r in (await made.history()).revisions]
    assert all(step.known for step in steps)
    with postgres.database() as other:
        run(other, [statement for step in steps for statement in step.upgrade.statements])
        await made.upgrade("heads", silent)
        assert versions(other) == versions(database) == {"merge1", "alone1"}
        assert columns(other) == columns(database)
        run(other, [statement for step in reversed(steps) for statement in step.downgrade.statements])
        await made.downgrade("base", silent, approve=approve_said(agreed=True, name=None))
        assert versions(other) == versions(database) == set()
        assert columns(other) == columns(database)


async def test_what_is_pending_begins_where_the_database_is(database, migrations):
    made = migrations(BRANCHES)
    await made.upgrade("right1", silent)
    steps = await made.pending_sql()
    assert sorted(step.revision.revision for step in steps) == ["alone1", "left1", "merge1", "right2"]
    assert "CREATE TABLE alembic_version" not in str(steps)
    run(database, [statement for step in steps for statement in step.upgrade.statements])
    assert versions(database) == {"merge1", "alone1"}


async def test_a_span_needs_no_database_and_is_alembics_own(database, migrations, tmp_path):
    made = migrations(chain(5))
    with (tmp_path / "alembic.ini").open("a") as ini:
        ini.write("sqlalchemy.url = postgresql://\n")
    theirs = subprocess.run(  # noqa: ASYNC221 - nothing else is under way
        [sys.executable, "-m", "alembic", "upgrade", "r0002:r0004", "--sql"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    steps = await made.sql("r0002:r0004")
    ours = "\n\n".join(statement for step in steps for statement in step.upgrade.statements)
    # Alembic has one transaction for all of it; here each step is one, as it is when it is applied.
    assert ours.replace("COMMIT;\n\nBEGIN;\n\n", "").split() == theirs.stdout.split()
    assert [step.revision.revision for step in await made.sql("r0004:")] == ["r0005"]
    assert len(await made.sql(":")) == 5
    assert await made.sql("r0004:r0002") == ()
    for span in ("r0002:gone", "gone:"):
        with pytest.raises(Failure) as caught:
            await made.sql(span)
        assert caught.value.finding.code is Code.MIGRATION_NO_SUCH_REVISION


READING = {
    "dies": "count = op.get_bind().exec_driver_sql('SELECT 1').scalar()\nop.execute(f'SELECT {count}')",
    "passes": "import sqlalchemy as sa\nif op.get_bind().execute(sa.text('SELECT 1')):\n    op.execute('SELECT 2')",
    "inspects": "import sqlalchemy as sa\nsa.inspect(op.get_bind()).get_table_names()",
    "raises": "\nraise RuntimeError('not today: ' + __import__('os').environ['DATABASE_URL'])",
    "exits": "raise SystemExit('bye')",
}
WHY = {
    "dies": (0, "AttributeError"),
    "passes": (1, "reads from the database"),
    "inspects": (1, "NoInspectionAvailable"),
    "raises": (1, "not today"),
    "exits": (0, "SystemExit: bye"),
}


async def test_what_only_a_database_can_answer_is_said_and_the_other_steps_are_shown(database, migrations, tmp_path):
    made = migrations(chain(len(READING) + 1))
    places = {}
    for (name, body), revision in zip(READING.items(), ("r0001", "r0002", "r0003", "r0004", "r0005"), strict=True):
        places[name] = write_body(tmp_path, revision, body)
    steps = await made.pending_sql()
    assert [step.known for step in steps] == [*[False] * len(READING), True]
    for finding, (name, (path, line)) in zip(unknown_sql(steps), places.items(), strict=True):
        offset, why = WHY[name]
        assert finding.code is Code.MIGRATION_SQL_UNKNOWN
        assert finding.cause.startswith(f"{path}:{line + offset}: ")
        assert why in finding.cause
        assert database.password.get_secret_value() not in repr(finding)
    assert any("UPDATE alembic_version" in statement for statement in steps[-1].upgrade.statements)


async def test_a_statement_of_any_length_is_shown_whole(migrations):
    long = f"SELECT '{'é%' * 150_000}'"
    (step,) = await migrations([Step("long1", up=long)]).pending_sql()
    assert f"{long};" in step.upgrade.statements


async def test_a_step_without_a_downgrade_is_shown_with_its_upgrade(migrations, tmp_path):
    made = migrations(chain(1))
    (path,) = (tmp_path / "migrations" / "versions").glob("*.py")
    path.write_text(path.read_text().partition("def downgrade")[0])
    (step,) = await made.pending_sql()
    assert step.upgrade.unknown is None
    assert step.downgrade.refusal == "it has no downgrade()"


BACKFILL = """
bind = op.get_bind()
import sqlalchemy as sa
for (number,) in bind.exec_driver_sql("SELECT id FROM r0001 ORDER BY id").all():
    update = sa.text("UPDATE r0001 SET id = :new WHERE id = :old AND 'a%b' LIKE 'a%%'")
    bind.execute(update, {"new": -number, "old": number})
"""


@pytest.mark.parametrize("env", [SYNC_ENV, ASYNC_ENV], ids=["sync", "async"])
async def test_a_rehearsal_shows_what_is_sent_and_leaves_nothing(database, migrations, tmp_path, env):
    made = migrations([*chain(2), Step("last1", ("r0002",), "CREATE TABLE last1 (id int)", "DROP TABLE last1")], env)
    write_body(tmp_path, "r0002", BACKFILL)
    await made.upgrade("r0001", silent)
    run_sql(database, "INSERT INTO r0001 VALUES (7), (8)")
    # The downgrade of this step drops a table that its new upgrade does not make.
    (path,) = (tmp_path / "migrations" / "versions").glob("r0002_*.py")
    path.write_text(path.read_text().replace("DROP TABLE r0002", "UPDATE r0001 SET id = -id"))
    before = columns(database)
    told = []
    second, last = await made.rehearse(lambda line, _gauges=(): told.append(line))
    reading, *updates = second.upgrade.statements
    assert reading == "SELECT id FROM r0001 ORDER BY id"
    assert len(updates) == 2
    assert "id = $1" in updates[0]
    assert "'a%b' LIKE 'a%" in updates[0]
    assert second.downgrade.statements == ("UPDATE r0001 SET id = -id",)
    assert (last.upgrade.statements, last.downgrade.statements) == (
        ("CREATE TABLE last1 (id int)",),
        ("DROP TABLE last1",),
    )
    assert any("rolled back" in line for line in told)
    assert columns(database) == before
    assert rows(database, "SELECT id FROM r0001 ORDER BY 1") == [(7,), (8,)]
    assert versions(database) == {"r0001"}


async def test_a_way_back_that_there_is_not_does_not_stop_a_rehearsal(database, migrations, tmp_path):
    made = migrations(chain(3))
    (path,) = (tmp_path / "migrations" / "versions").glob("r0002_*.py")
    path.write_text(path.read_text().partition("    op.execute('DROP")[0] + "    raise NotImplementedError('no way')\n")
    first, second, third = await made.rehearse(silent)
    assert third.downgrade.statements == ("DROP TABLE r0003",)
    assert second.upgrade.statements == ("CREATE TABLE r0002 (id int)",)
    assert second.downgrade.refusal == "NotImplementedError: no way"
    # What is written so is meant so, and no rehearsal would tell more.
    assert unknown_sql((first, second, third)) == ()
    assert second.known
    assert first.upgrade.statements == ("CREATE TABLE r0001 (id int)",)
    assert columns(database) == []


BLOCK = "with op.get_context().autocommit_block():\n    "
OUTSIDE = {
    "autocommit": f"{BLOCK}op.execute('CREATE INDEX CONCURRENTLY i ON r0001 (id)')",
    "commits": "op.execute('CREATE INDEX i ON r0001 (id); commit')",
}


def scratches(url):
    return rows(url, "SELECT datname FROM pg_database WHERE datname LIKE 'stackdeck_scratch_%'")


@pytest.mark.parametrize("name", OUTSIDE)
async def test_what_cannot_be_rolled_back_is_rehearsed_on_an_empty_copy(database, migrations, tmp_path, name):
    made = migrations([*chain(3), Step("wide1", ("r0003",), "ALTER TABLE r0001 ADD w int", "ALTER TABLE r0001 DROP w")])
    path, _ = write_body(tmp_path, "r0002", OUTSIDE[name])
    path.write_text(path.read_text().replace("DROP TABLE r0002", "DROP INDEX i"))
    await made.upgrade("r0001", silent)
    run_sql(database, "INSERT INTO r0001 VALUES (1)")
    before = columns(database)
    told = []
    second, third, last = await made.rehearse(lambda line, _gauges=(): told.append(line))
    assert any("CREATE INDEX" in statement for statement in second.upgrade.statements)
    assert second.downgrade.statements == ("DROP INDEX i",)
    assert (third.upgrade.statements, last.downgrade.statements) == (
        ("CREATE TABLE r0003 (id int)",),
        ("ALTER TABLE r0001 DROP w",),
    )
    assert any("empty copy" in line for line in told)
    assert any(line.startswith("In an empty copy: 1/1 Done with r0001") for line in told), "how far it is"
    (finding,) = unknown_sql((second, third, last))
    assert (finding.code, finding.severity) == (Code.REHEARSED_ON_COPY, "warning")
    assert finding.cause.startswith(f"{path}: it commits, or works outside a transaction, so that")
    assert (columns(database), rows(database, "SELECT id FROM r0001")) == (before, [(1,)])
    assert (versions(database), scratches(database)) == ({"r0001"}, [])


async def test_a_step_that_fails_in_the_copy_says_so_and_the_copy_is_gone(database, migrations, tmp_path):
    made = migrations(chain(2))
    write_body(tmp_path, "r0001", OUTSIDE["commits"].replace("r0001 (id)", "nothing (id)"))
    with pytest.raises(Failure) as caught:
        await made.rehearse(silent)
    finding = caught.value.finding
    assert finding.code is Code.REHEARSAL_FAILED
    assert 'r0001_step.py:14: relation "nothing" does not exist' in finding.cause
    assert "empty copy of the database, which has been dropped" in finding.cause
    assert scratches(database) == []


NO_COPY = {
    "the role may not create the database": "SELECT 1",
    "r0001 has «CREATE ROLE», which reaches beyond its database": "CREATE ROLE somebody",
    "the migrations do not run in an empty database": "ALTER TABLE made_by_hand ADD a int",
}


@pytest.mark.parametrize("why", NO_COPY)
async def test_where_there_can_be_no_copy_it_says_why(database, migrations, tmp_path, why):
    run_sql(database, "CREATE TABLE made_by_hand (id int)", "DROP ROLE IF EXISTS modest")
    made = migrations([Step("r0001"), Step("r0002", ("r0001",))])
    write_body(tmp_path, "r0002", OUTSIDE["commits"].replace("r0001 (id)", "made_by_hand (id)"))
    await made.upgrade("r0001", silent)
    write_body(tmp_path, "r0001", f"op.execute({NO_COPY[why]!r})")
    run_sql(database, "CREATE ROLE modest LOGIN PASSWORD 'x'", "GRANT SELECT ON alembic_version TO modest")
    modest = DatabaseURL(database.host, database.port, database.database, "modest", SecretStr("x"))
    theirs = Database(modest, PoolSettings())
    asker = Migrations(open_project(Options(tmp_path)), theirs, own=True) if "role may" in why else made
    try:
        with pytest.raises(Failure) as caught:
            await asker.rehearse(silent)
    finally:
        await theirs.close()
        run_sql(database, "DROP OWNED BY modest", "DROP ROLE modest")
    finding = caught.value.finding
    assert finding.code is Code.REHEARSAL_IMPOSSIBLE
    assert finding.cause.startswith(f"{tmp_path}/migrations/versions/r0002_step.py: it commits, or works outside")
    assert why in finding.cause
    assert (
        rows(database, "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'made_by_hand'::regclass")
        == []
    )
    assert scratches(database) == []


async def test_an_environment_with_an_address_of_its_own_does_nothing_for_a_copy(database, migrations, tmp_path):
    own = SYNC_ENV.replace("engine = ", f"config.set_main_option('sqlalchemy.url', {database.reveal()!r})\nengine = ")
    made = migrations([Step("r0001")], own)
    write_body(tmp_path, "r0001", "op.execute('CREATE TABLE left_behind (id int); commit')")
    with pytest.raises(Failure) as caught:
        await made.rehearse(silent)
    assert caught.value.finding.code is Code.MIGRATIONS_BROKEN
    assert f"it works on the database {database.database} at" in caught.value.finding.cause
    assert columns(database) == []
    assert scratches(database) == []


async def test_a_rehearsal_in_a_copy_can_be_cancelled(database, migrations, tmp_path):
    made = migrations([Step("r0001")])
    write_body(tmp_path, "r0001", f"{BLOCK}op.execute('SELECT pg_sleep(60) AS in_the_copy')")
    task = asyncio.create_task(made.rehearse(silent))
    sleeping = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%in_the_copy' AND pid <> pg_backend_pid()"
    await wait_for(database, sleeping)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (scratches(database), rows(database, sleeping)) == ([], [])


async def test_a_block_that_says_end_is_no_end_of_a_transaction(migrations):
    body = "DO $x$ BEGIN PERFORM 'a'; END; $x$; -- ; commit\nSELECT '; commit'"
    (step,) = await migrations([Step("block1", up=body)]).rehearse(silent)
    assert step.upgrade.statements == (body,)


async def test_a_rehearsal_that_fails_says_where_and_waits_for_no_lock(database, migrations, tmp_path):
    made = migrations([*chain(1), Step("wide1", ("r0001",), "ALTER TABLE r0001 ADD COLUMN x int")])
    await made.upgrade("r0001", silent)
    with psycopg.connect(database.reveal()) as other:
        other.execute("LOCK TABLE r0001 IN ACCESS SHARE MODE")
        with pytest.raises(Failure) as caught:
            await made.rehearse(silent)
        assert caught.value.finding.code is Code.REHEARSAL_FAILED
        assert "lock timeout" in caught.value.finding.cause
        assert "ADD COLUMN x" in caught.value.finding.evidence


async def test_the_command_prints_a_script_and_an_object(database, tmp_path):
    make_project(tmp_path, chain(2), OFFLINE_ENV)
    write_body(tmp_path, "r0002", READING["dies"])

    def command(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "tui", "--project", str(tmp_path), *arguments],
            capture_output=True,
            text=True,
            env={"PATH": "", "DATABASE_URL": database.reveal(), "APP_DB_URL": database.reveal(), "HOME": str(tmp_path)},
            check=False,
        )
        assert database.password.get_secret_value() not in done.stdout + done.stderr
        return done

    script = command("migrate", "sql")
    assert script.returncode == 0
    assert script.stdout.startswith("-- r0001: Step r0001\nBEGIN;\nCREATE TABLE alembic_version")
    assert "-- Not known from here on: AttributeError" in script.stdout
    assert "migration-sql-unknown" in script.stderr
    told = json.loads(command("migrate", "sql", "base:heads", "--json").stdout)
    assert [(step["revision"], step["known"]) for step in told["steps"]] == [("r0001", True), ("r0002", False)]
    assert told["steps"][1]["unknown"]["upgrade"]["line"]
    assert [finding["code"] for finding in told["findings"]] == ["migration-sql-unknown"]
    assert command("migrate", "sql", "r0001").returncode == 2
    back = command("migrate", "sql", "r0002:base").stdout
    assert back.index("DROP TABLE r0002") < back.index("DROP TABLE r0001") < back.index("DELETE FROM alembic_version")
    assert command("migrate", "sql", "base:", "--rehearse").returncode == 2
    (path,) = (tmp_path / "migrations" / "versions").glob("r0002_*.py")
    path.write_text(path.read_text().replace("DROP TABLE r0002", "SELECT 5"))
    rehearsed = json.loads(command("migrate", "sql", "--rehearse", "--confirm", database.database, "--json").stdout)
    assert rehearsed["steps"][1]["upgrade"] == ["SELECT 1", "SELECT 1"]
    write_body(tmp_path, "r0002", OUTSIDE["autocommit"])
    copied = json.loads(command("migrate", "sql", "--rehearse", "--confirm", database.database, "--json").stdout)
    assert copied["steps"][1]["upgrade"] == ["CREATE INDEX CONCURRENTLY i ON r0001 (id)"]
    assert [finding["code"] for finding in copied["findings"]] == ["rehearsed-on-copy"]
    assert columns(database) == []
