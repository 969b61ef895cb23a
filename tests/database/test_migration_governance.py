"""Nothing that costs something is applied, taken back or stamped before it was shown and agreed to."""

import json

import pytest

from stack.cli.main import main
from stack.environment.url import DatabaseURL
from stack.findings import Code
from stack.migrations import runner
from stack.migrations.approval import approve_said, approve_shown
from stack.migrations.history import read_history
from stack.migrations.planning import plan_rehearsal, plan_upgrade
from stack.migrations.rehearsal import rehearse
from stack.migrations.site import Site
from tests.support.alembic import OFFLINE_ENV, SYNC_ENV, Step, chain, make_project, write_body, write_step
from tests.support.migrating import AGREED, current, failure, rows, status, tables, upgrade
from tests.support.tables import run_sql

ONLINE_ENV = f"{SYNC_ENV}\nif context.is_offline_mode():\n    raise RuntimeError('only with a database')\n"


@pytest.fixture
def stackdeck(database, tmp_path, monkeypatch, capsys):
    """Run a command on the test's database, as a server that is not the project's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APP_DB_URL", database.reveal())

    def run(*arguments):
        exit_status = main(["--project", str(tmp_path), "--runtime", "external", *arguments, "--json"])
        return exit_status, json.loads(capsys.readouterr().out)

    return run


def test_on_another_server_the_plan_is_shown_and_the_name_must_be_said(stackdeck, database, tmp_path):
    make_project(tmp_path, chain(2))
    for refused in (["up"], ["up", "--yes"], ["up", "--confirm", "elsewhere"]):
        exit_status, said = stackdeck("migrate", *refused)
        (finding,) = said["findings"]
        assert (exit_status, finding["code"]) == (1, "confirmation-needed")
        assert "apply r0001  Step r0001\napply r0002  Step r0002\nNothing has been touched." in finding["cause"]
        assert finding["fixes"][-1]["command"].endswith(f" migrate up --confirm {database.database}")
    assert "--confirm names elsewhere" in finding["cause"]
    assert tables(database) == []
    exit_status, said = stackdeck("migrate", "up", "--confirm", database.database)
    assert (exit_status, said["applied"]) == (0, ["r0001", "r0002"])
    assert [step["rows"] for step in said["steps"]] == [0, 0]
    assert stackdeck("migrate", "up")[0] == 0, "where there is nothing to do, nothing need be said"


def test_a_dump_comes_after_the_consent_and_before_the_downgrade(stackdeck, database, tmp_path):
    make_project(tmp_path, chain(2))
    stackdeck("migrate", "up", "--confirm", database.database)
    run_sql(database, "INSERT INTO r0002 VALUES (42)")
    file = tmp_path / "before.dump"
    exit_status, said = stackdeck("migrate", "down", "r0001", "--dump", str(file))
    (finding,) = said["findings"]
    assert (exit_status, file.exists()) == (1, False)
    assert "take back r0002  Step r0002" in finding["cause"]
    assert "Each step takes back what it made" in finding["cause"]
    assert "Table r0002 (rows not counted yet, 8.2 kB) is dropped with its rows" in " ".join(finding["cause"].split())
    assert finding["fixes"][0]["destructive"] is True
    confirmed = ["--confirm", database.database]
    assert stackdeck("migrate", "down", "r0001", "--dump", str(file), *confirmed)[0] == 0
    assert file.read_bytes().startswith(b"PGDMP")
    # A dump that cannot be written stops it.
    exit_status, said = stackdeck("migrate", "down", "base", "--dump", str(file), *confirmed)
    assert (exit_status, said["findings"][0]["code"]) == (1, "dump-file-exists")
    assert tables(database) == ["r0001"]


def test_on_another_server_a_rehearsal_takes_the_name_too(stackdeck, database, tmp_path):
    make_project(tmp_path, chain(1))
    for refused in ([], ["--confirm", "elsewhere"]):
        exit_status, said = stackdeck("migrate", "sql", "--rehearse", *refused)
        (finding,) = said["findings"]
        assert (exit_status, finding["code"]) == (1, "confirmation-needed")
        assert "keeps it until the end" in finding["cause"]
        assert "rehearse r0001  Step r0001\nNothing has been touched." in finding["cause"]
        (fix,) = finding["fixes"]
        assert fix["command"].endswith(f" migrate sql --rehearse --confirm {database.database}")
        assert fix["destructive"] is False
    exit_status, said = stackdeck("migrate", "sql", "--rehearse", "--confirm", database.database)
    assert exit_status == 0
    assert said["steps"][0]["upgrade"] == ["CREATE TABLE r0001 (id int)"]
    assert tables(database) == []


@pytest.mark.parametrize(
    ("body", "rule", "said"),
    [
        ("op.drop_column('people', 'name')", "drop-column", "Column name of people (about 3 rows"),
        ("sql = 'DROP TABLE people'\nop.execute(sql)", "drop-table", "Table people (about 3 rows"),
        ("op.execute('ALTER TABLE people DROP name')", "drop-column", "Column name of people"),
        (
            "op.alter_column('people', 'id', type_=sa.SmallInteger())",
            "narrow-type",
            "id of people becomes int2 (it is int4)",
        ),
        ("op.execute('WITH gone AS (DELETE FROM people RETURNING 1) SELECT 1 FROM gone')", "delete-rows", "All rows"),
        ("op.execute('DROP TYPE mood CASCADE')", "drop-object", "Mood is dropped with all that depends on it"),
        ("op.execute('CREATE TABLE IF NOT EXISTS people ()')\nop.drop_table('people')", "drop-table", "Table people"),
    ],
)
async def test_on_the_projects_own_server_what_is_lost_takes_consent(database, tmp_path, body, rule, said):
    people = "CREATE TYPE mood AS ENUM ('good'); CREATE TABLE people (id int, name text, feels mood)"
    project = make_project(tmp_path, [Step("people", up=people), Step("lossy", ("people",))], OFFLINE_ENV)
    path, _ = write_body(tmp_path, "lossy", body)
    path.write_text(f"import sqlalchemy as sa\n{path.read_text()}")
    assert await upgrade(project, database, "people") == ("people",)
    run_sql(database, "INSERT INTO people SELECT n FROM generate_series(1, 3) n; ANALYZE people")
    before = schema_of(database)
    finding = await failure(upgrade(project, database))
    assert (finding.code, finding.title) == (Code.CONFIRMATION_NEEDED, "Data would be lost")
    assert f"error   {rule}" in finding.cause
    assert said in " ".join(finding.cause.split())
    assert [fix.command for fix in finding.fixes] == [
        "stackdeck migrate up --dump FILE --yes",
        "stackdeck migrate up --yes",
    ]
    assert (schema_of(database), current(database)) == (before, ["people"])
    assert await upgrade(project, database, approve=AGREED) == ("lossy",)


def schema_of(url):
    """Return every column with its type, and how many people there are."""
    columns = rows(url, "SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'people'::regclass")
    return columns, rows(url, "SELECT count(*) FROM people")


@pytest.mark.parametrize(
    ("body", "env", "said"),
    [
        ("op.get_bind().execute(sa.text('SELECT 1')).scalar()", OFFLINE_ENV, "it reads from the database"),
        ("op.execute('SELECT 1, now(), clear_all()')", OFFLINE_ENV, "What the function clear_all does cannot be seen"),
        ("op.execute('ALTER TABLE people ALTER name TYPE text USING left(name, 1)')", OFFLINE_ENV, "name of people"),
        ("op.drop_table('people')", ONLINE_ENV, "only with a database"),
    ],
)
async def test_what_nobody_can_see_takes_consent_too(database, tmp_path, body, env, said):
    people = (
        "CREATE TABLE people (id int, name text); "
        "CREATE FUNCTION clear_all() RETURNS int LANGUAGE sql AS 'DELETE FROM people; SELECT 1'"
    )
    project = make_project(tmp_path, [Step("people", up=people), Step("hidden", ("people",))], env)
    path, _ = write_body(tmp_path, "hidden", body)
    path.write_text(f"import sqlalchemy as sa\n{path.read_text()}")
    await upgrade(project, database, "people")
    finding = await failure(upgrade(project, database))
    assert finding.code is Code.CONFIRMATION_NEEDED
    assert finding.title == "Nobody can say beforehand whether data would be lost"
    assert said in " ".join(finding.cause.split())
    assert not any(fix.destructive for fix in finding.fixes)
    assert current(database) == ["people"]
    assert await upgrade(project, database, approve=AGREED) == ("hidden",)


async def test_what_only_adds_is_applied_unasked_and_without_a_look_at_its_sql(database, tmp_path, monkeypatch):
    project = make_project(tmp_path, chain(3))
    monkeypatch.setattr("stack.migrations.scrutiny.render", None)
    assert await upgrade(project, database) == ("r0001", "r0002", "r0003")


async def test_what_was_agreed_to_is_what_was_shown(database, tmp_path):
    project = make_project(tmp_path, chain(2))
    site = Site(project, database, own=False)
    shown = plan_upgrade(await read_history(project), (), target="heads", database=site.database)
    write_step(tmp_path / "migrations", Step("late1", ("r0002",)))
    finding = await failure(runner.upgrade(site, approve=approve_shown(shown)))
    assert finding.code is Code.CONFIRMATION_NEEDED
    assert "It has changed since it was shown." in finding.cause
    other = Site(project, DatabaseURL("localhost", database.port, *database_of(database)), own=False)
    assert (
        await failure(runner.upgrade(other, "r0002", approve=approve_shown(shown)))
    ).code is Code.CONFIRMATION_NEEDED
    # Another runner was there first: the rest of what was shown.
    await upgrade(project, database, "r0001")
    assert [done.revision for done in await runner.upgrade(site, "r0002", approve=approve_shown(shown))] == ["r0002"]


def database_of(url):
    return url.database, url.user, url.password


async def stamp(project, url, target):
    return await runner.stamp(Site(project, url), target, approve=approve_said(agreed=True, name=None))


async def test_a_database_of_its_environments_own_is_left_alone(database, postgres, tmp_path):
    # Nobody has looked at it and nobody has agreed to it: the name that was typed is the other one's.
    with postgres.database() as other:
        own = f"config.set_main_option('sqlalchemy.url', {other.reveal()!r})\nengine = "
        project = make_project(tmp_path, chain(2), SYNC_ENV.replace("engine = ", own))
        site = Site(project, database)
        history = await read_history(project)
        plan = plan_rehearsal(history, (), database=site.database)
        for action in (upgrade(project, database), stamp(project, database, "r0001"), rehearse(site, history, plan)):
            finding = await failure(action)
            assert finding.code is Code.MIGRATIONS_BROKEN
            assert f"it works on the database {other.database} at" in finding.cause
            assert rows(other, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [(0,)]


async def test_a_stamp_changes_the_mark_alone_and_replaces_one_that_no_file_is(database, tmp_path):
    project = make_project(tmp_path, chain(3))
    finding = await failure(runner.stamp(Site(project, database), "r0002"))
    assert finding.code is Code.CONFIRMATION_NEEDED
    assert "alembic_version says the very beginning, and will say r0002." in finding.cause
    assert "The tables must already be as r0002 leaves them" in finding.cause
    assert finding.fixes[0].command == "stackdeck migrate stamp r0002 --yes"
    plan = await stamp(project, database, "r0002")
    assert (plan.current, plan.marked, tables(database)) == ((), ("r0002",), [])
    run_sql(database, "UPDATE alembic_version SET version_num = 'elsewhere'")
    (found,) = (await status(project, database)).findings
    assert found.fixes[-1].command == "stackdeck migrate stamp REVISION"
    await stamp(project, database, "head")
    assert current(database) == ["r0003"]
    await stamp(project, database, "base")
    assert current(database) == []
    assert (await failure(stamp(project, database, "nonesuch"))).code is Code.MIGRATION_NO_SUCH_REVISION


async def test_a_stamp_of_one_branch_leaves_the_other(database, tmp_path):
    steps = [Step("base1"), Step("left1", ("base1",)), Step("left2", ("left1",)), Step("right1", ("base1",))]
    project = make_project(tmp_path, steps)
    await upgrade(project, database)
    await stamp(project, database, "left1")
    assert current(database) == ["left1", "right1"]
    await stamp(project, database, "heads")
    assert current(database) == ["left2", "right1"]
    assert rows(database, "SELECT count(*) FROM alembic_version") == [(2,)]
