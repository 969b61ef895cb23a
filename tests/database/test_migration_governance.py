"""Nothing that costs something is applied, taken back or stamped before it was shown and agreed to."""

import json

import pytest

from stack.cli.main import main
from stack.environment.url import DatabaseURL
from stack.findings import Code
from stack.migrations import runner
from stack.migrations.approval import approve_said, approve_shown
from stack.migrations.history import read_history
from stack.migrations.plan import plan_upgrade
from stack.migrations.site import Site
from tests.support.alembic import Step, chain, make_project, write_step
from tests.support.migrating import current, failure, rows, status, tables, upgrade
from tests.support.tables import run_sql


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
        assert finding["fixes"][-1]["command"] == f"stackdeck migrate up --confirm {database.database}"
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
    assert "drops" not in finding["cause"]
    assert "runs DROP TABLE r0002" in finding["cause"]
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
        assert fix["command"] == f"stackdeck migrate sql --rehearse --confirm {database.database}"
        assert fix["destructive"] is False
    exit_status, said = stackdeck("migrate", "sql", "--rehearse", "--confirm", database.database)
    assert exit_status == 0
    assert said["steps"][0]["upgrade"] == ["CREATE TABLE r0001 (id int)"]
    assert tables(database) == []


async def test_on_the_projects_own_server_only_what_destroys_is_asked_about(database, tmp_path):
    steps = [*chain(1), Step("drop1", ("r0001",), "ALTER TABLE r0001 ADD COLUMN a int")]
    project = make_project(tmp_path, steps)
    path = tmp_path / "migrations" / "versions" / "drop1_step.py"
    path.write_text(
        path.read_text().replace(
            "def upgrade() -> None:\n", "def upgrade() -> None:\n    op.drop_column('r0001', 'id')\n"
        )
    )
    assert await upgrade(project, database, "r0001") == ("r0001",)
    finding = await failure(upgrade(project, database))
    assert (finding.code, finding.title) == (Code.CONFIRMATION_NEEDED, "Data would be lost")
    assert "drops the column r0001.id" in finding.cause
    assert await upgrade(project, database, approve=approve_said(agreed=True, name=None)) == ("drop1",)


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
