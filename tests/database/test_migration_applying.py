"""What steps meet on a database that others use: locks, limits, an index built beside them, other runners, kill -9."""

import asyncio
import contextlib
import json
import multiprocessing
import os
import signal
import sys

import psycopg

from stack.findings import Code
from stack.migrations import runner
from stack.migrations.limits import Limits, pause_after
from stack.migrations.site import Site
from tests.support.alembic import SYNC_ENV, Step, chain, make_project, write_body, write_step
from tests.support.migrating import AGREED, current, failure, rows, tables, upgrade, upgrade_alone, wait_for
from tests.support.tables import run_sql

PATIENT = Limits(lock_timeout=60)
HASTY = Limits(lock_timeout=0.3, tries=3)

WAITING = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = 0 AND objid = {}"
"""Whether a step is at a gate: an advisory lock that the test holds."""

ALONE = """SELECT 1 WHERE 2 = (SELECT count(*) FROM pg_stat_activity
           WHERE datname = current_database() AND backend_type = 'client backend')"""
"""Whether nobody else is connected than the gates' session, and the one that asks."""


@contextlib.contextmanager
def holding(url, statement):
    """A session called «the other» that has run `statement`, and not committed it."""
    with psycopg.connect(url.reveal(), application_name="the other") as connection:
        connection.execute(statement.encode())
        yield connection


def outside(project, revision, *statements):
    """Let the upgrade of `revision` run `statements` in an autocommit block."""
    path = project.root / "migrations" / "versions" / f"{revision}_step.py"
    block = "with op.get_context().autocommit_block():\n" + "".join(f"        op.execute({s!r})\n" for s in statements)
    path.write_text(path.read_text().replace("op.execute('SELECT 1')\n", block, 1))


async def test_a_step_that_does_not_get_its_lock_is_tried_again_and_says_who_holds_it(database, tmp_path):
    run_sql(database, "CREATE TABLE busy (id int)")
    steps = [*chain(1), Step("wide1", ("r0001",), "CREATE TABLE half (id int); ALTER TABLE busy ADD COLUMN more int")]
    project = make_project(tmp_path, [*steps, Step("last1", ("wide1",))])
    told = []
    with holding(database, "SELECT * FROM busy") as other:

        def hear(line, _gauges=()):
            told.append(line)
            if "trying again" in line:
                other.rollback()

        # A target that counts steps is not counted anew when it goes on.
        assert await upgrade(project, database, "+2", hear, limits=HASTY) == ("r0001", "wide1")
    assert current(database) == ["wide1"]
    (again,) = [line for line in told if "trying again" in line]
    assert again.startswith("wide1 got no lock, trying again in 1 s (2 of 3); rolled back; held by ")
    assert "2/2 Running upgrade r0001 → wide1, Step wide1" in told
    assert [pause_after(tries) for tries in (1, 2, 3, 9)] == [1, 2, 4, 30]


async def test_who_holds_the_lock_is_told_while_it_is_waited_for_and_when_it_is_given_up(database, tmp_path):
    run_sql(database, "CREATE TABLE busy (id int)")
    project = make_project(tmp_path, [*chain(1), Step("wide1", ("r0001",), "ALTER TABLE busy ADD COLUMN more int")])
    told = []
    with holding(database, "SELECT * FROM busy") as other:
        # Long enough to be looked at; whoever looks finds them within half a second.
        limits = Limits(lock_timeout=3, tries=1)
        finding = await failure(
            upgrade(project, database, "heads", lambda line, _gauges=(): told.append(line), limits=limits)
        )
        pid = other.info.backend_pid
    words = f"the other (process {pid}, user app) since "
    assert any(f"Waiting for a lock of {words}" in line for line in told)
    assert "idle in transaction, from 127.0.0.1" in finding.cause
    assert finding.code is Code.MIGRATION_LOCKED
    assert f"Held by: {words}" in finding.cause
    assert "the database is at r0001" in finding.cause
    assert "wide1_step.py:14" in finding.cause
    assert "ALTER TABLE busy" in finding.evidence


async def test_a_step_outside_a_transaction_is_not_tried_again_and_says_what_stays(database, tmp_path):
    run_sql(database, "CREATE TABLE busy (id int)")
    project = make_project(tmp_path, [Step("open1")])
    outside(project, "open1", "CREATE TABLE stays (id int)", "ALTER TABLE busy ADD COLUMN more int")
    told = []
    with holding(database, "SELECT * FROM busy"):
        finding = await failure(
            upgrade(project, database, "heads", lambda line, _gauges=(): told.append(line), limits=HASTY)
        )
    assert finding.code is Code.MIGRATION_FAILED
    assert "so this of it stays: CREATE TABLE stays (id int). It is not marked as applied" in finding.cause
    assert not any("trying again" in line for line in told)
    assert tables(database) == ["busy", "stays"]


async def test_a_step_that_commits_by_itself_does_not_count_as_rolled_back(database, tmp_path):
    commits = "CREATE TABLE stays (id int); COMMIT; SELECT 1 / 0"
    finding = await failure(upgrade(make_project(tmp_path, [Step("open1", (), commits)]), database))
    assert "It works outside a transaction, so what it did there, if anything, stays." in finding.cause
    assert tables(database) == ["stays"]


async def test_an_index_that_could_not_be_built_is_named_with_what_removes_it(database, tmp_path):
    run_sql(database, "CREATE TABLE twice (id int)", "INSERT INTO twice VALUES (1), (1)")
    project = make_project(tmp_path, [Step("index1")])
    outside(project, "index1", "CREATE UNIQUE INDEX CONCURRENTLY once ON twice (id)")
    finding = await failure(upgrade(project, database))
    assert "Not valid: once." in finding.cause
    assert finding.fixes[0].command == "stackdeck psql -c 'DROP INDEX CONCURRENTLY once'"


async def test_an_index_is_built_concurrently_while_another_runner_waits(database, tmp_path):
    project = make_project(tmp_path, [*chain(1), Step("index1", ("r0001",))])
    outside(project, "index1", "CREATE INDEX CONCURRENTLY one ON r0001 (id)")
    await upgrade(project, database, "r0001")
    waiting = asyncio.Event()

    def hear(line, _gauges=()):
        if line.startswith("Waiting: stackdeck migrate"):
            waiting.set()

    # The index waits for a transaction that is older than it, longer than any lock may be waited for; it is the only
    # thing in this database that may wait so.
    with holding(database, "INSERT INTO r0001 VALUES (1)") as other:
        builder = asyncio.create_task(upgrade(project, database, limits=Limits(lock_timeout=0.1)))
        await wait_for(database, "SELECT 1 FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for writers%'")
        waiter = asyncio.create_task(upgrade(project, database, "heads", hear))
        await asyncio.wait_for(waiting.wait(), 60)
        await wait_for(database, "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'virtualxid'")
        other.rollback()
    assert await asyncio.gather(builder, waiter) == [("index1",), ()]
    assert rows(database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'one'::regclass") == [(True,)]


async def test_ten_runners_at_once_apply_each_revision_once(database, tmp_path):
    project = make_project(tmp_path, chain(5))
    applied = await asyncio.gather(*(upgrade(project, database) for _ in range(10)))
    assert sorted(applied) == [()] * 9 + [("r0001", "r0002", "r0003", "r0004", "r0005")]
    assert current(database) == ["r0005"]


async def test_kill_9_at_every_step_of_ten_leaves_whole_steps_and_the_next_run_finishes(database, tmp_path):
    names = [step.revision for step in chain(10)]
    pid = tmp_path / "pid"
    env = f"import os, pathlib\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\n" + SYNC_ENV
    project = make_project(tmp_path, chain(10), env)
    for place, step in enumerate(chain(10), 1):
        # Each has made its table when it comes to the gate that the test has shut.
        up = f"{step.up}; SELECT pg_advisory_xact_lock({place})"
        write_step(tmp_path / "migrations", Step(step.revision, step.down, up, step.undo))
    with psycopg.connect(database.reveal(), autocommit=True) as gates:
        for place in range(1, 11):
            gates.execute("SELECT pg_advisory_lock(%s)", (place,))
        for place in range(1, 11):
            task = asyncio.create_task(upgrade(project, database, limits=PATIENT))
            await wait_for(database, WAITING.format(place))
            os.kill(int(pid.read_text()), signal.SIGKILL)
            finding = await failure(task)
            assert (finding.code, finding.title) == (Code.MIGRATION_FAILED, f"Migration {names[place - 1]} failed")
            # The server notices that nobody is there any more when it next writes to it.
            gates.execute("SELECT pg_advisory_unlock(%s)", (place,))
            await wait_for(database, ALONE)
            assert tables(database) == names[: place - 1]
            assert place == 1 or current(database) == [names[place - 2]]
    assert await upgrade(project, database) == ("r0010",)
    assert (tables(database), current(database)) == (names, ["r0010"])


async def test_kill_9_of_who_started_it_at_every_step_of_ten_and_the_next_run_finishes(database, tmp_path):
    names = [step.revision for step in chain(10)]
    project = make_project(tmp_path, chain(10))
    for place, step in enumerate(chain(10), 1):
        up = f"{step.up}; SELECT pg_advisory_xact_lock({place})"
        write_step(tmp_path / "migrations", Step(step.revision, step.down, up, step.undo))
    # The modules are imported once, for all ten.
    others = multiprocessing.get_context("forkserver")
    others.set_forkserver_preload(["tests.support.migrating"])
    with psycopg.connect(database.reveal(), autocommit=True) as gates:
        for place in range(1, 11):
            gates.execute("SELECT pg_advisory_lock(%s)", (place,))
        for place in range(1, 11):
            runner = others.Process(target=upgrade_alone, args=(str(tmp_path), database.reveal(), PATIENT))
            runner.start()
            await wait_for(database, WAITING.format(place))
            runner.kill()
            runner.join()
            # The worker hears that nobody is there, cancels its statement and ends; nobody opens the gate for that.
            await wait_for(database, ALONE)
            assert tables(database) == names[: place - 1]
            assert place == 1 or current(database) == [names[place - 2]]
            gates.execute("SELECT pg_advisory_unlock(%s)", (place,))
    assert await upgrade(project, database) == ("r0010",)
    assert (tables(database), current(database)) == (names, ["r0010"])


async def test_ctrl_c_outside_a_transaction_says_what_stays_and_what_removes_it(database, tmp_path):
    project = make_project(tmp_path, [*chain(1), Step("index1", ("r0001",))])
    outside(project, "index1", "CREATE TABLE stays (id int)", "CREATE INDEX CONCURRENTLY one ON r0001 (id)")
    await upgrade(project, database, "r0001")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("APP_DB_", "COMPOSE_"))}
    with holding(database, "INSERT INTO r0001 VALUES (1)"):
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tui", "--project", str(tmp_path), "migrate", "up", "--json"),
            *("--confirm", database.database),
            env={**environ, "DATABASE_URL": database.reveal(), "APP_DB_URL": database.reveal()},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await wait_for(database, "SELECT 1 FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for writers%'")
        command.send_signal(signal.SIGINT)
        told, _ = await command.communicate()
    assert command.returncode == 130
    (finding,) = json.loads(told)["findings"]
    assert (finding["code"], finding["title"]) == (
        "migration-stopped",
        "Migration index1 was stopped, and part of it stays",
    )
    assert finding["cause"] == (
        "It works outside a transaction, so this of it stays: CREATE TABLE stays (id int). Not valid: one. "
        "It is not marked as applied: the database is at r0001."
    )
    psql = "psql -c 'DROP INDEX CONCURRENTLY one'"
    assert finding["fixes"][0]["command"] == f"stackdeck --project {tmp_path} {psql}"
    # Both are taken back, and it is applied.
    run_sql(database, "DROP TABLE stays", "DROP INDEX one")
    assert await upgrade(project, database) == ("index1",)
    assert rows(database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'one'::regclass") == [(True,)]


async def test_the_rows_that_a_step_touched_are_told_where_they_are_known(database, tmp_path):
    many = "INSERT INTO things SELECT generate_series(1, 7)"
    steps = [
        Step("rows1", (), "CREATE TABLE things (id int)"),
        Step("rows2", ("rows1",), many),
        Step("rows3", ("rows2",), "DO $$ BEGIN DELETE FROM things WHERE id > 5; END $$"),
        Step("rows4", ("rows3",), "UPDATE things SET id = id + 1; DELETE FROM things"),
    ]
    done = await runner.upgrade(Site(make_project(tmp_path, steps), database), approve=AGREED)
    assert [(step.revision, step.rows) for step in done] == [
        ("rows1", 0),
        ("rows2", 7),
        ("rows3", None),
        ("rows4", None),
    ]
    assert all(step.seconds > 0 for step in done)


async def test_the_limits_hold_for_a_step_whatever_the_one_before_it_set(database, tmp_path):
    sets = {
        "none1": "CREATE TABLE told (step text, lock text, statement text)",
        "sets1": "SET lock_timeout = 0; SET statement_timeout = 0",
        "calls1": "SELECT set_config('lock_timeout', '0', false)",
        "does1": "DO $$ BEGIN SET statement_timeout = 0; END $$",
        "resets1": "RESET ALL",
        "plain1": "COMMENT ON TABLE told IS 'SET lock_timeout = 0'",
        "last1": "SELECT 1",
    }
    tell = "INSERT INTO told SELECT '{}', current_setting('lock_timeout'), current_setting('statement_timeout')"
    steps = [
        Step(name, (before,) if before else (), up)
        for (name, up), before in zip(sets.items(), ("", *sets), strict=False)
    ]
    project = make_project(tmp_path, steps)
    for step in steps[1:]:
        write_body(tmp_path, step.revision, f"op.execute({tell.format(step.revision)!r})\nop.execute({step.up!r})")
    await upgrade(project, database, limits=Limits(lock_timeout=7, statement_timeout=70), approve=AGREED)
    assert rows(database, "SELECT * FROM told") == [(step.revision, "7s", "70s") for step in steps[1:]]


async def test_what_is_there_already_may_be_marked(database, tmp_path):
    # A database that was made before it had migrations.
    run_sql(database, "CREATE TABLE r0002 (id int)")
    finding = await failure(upgrade(make_project(tmp_path, chain(2)), database))
    assert finding.code is Code.MIGRATION_FAILED
    assert finding.fixes[0].command == "stackdeck migrate stamp r0002"


async def test_a_step_that_takes_too_long_is_ended_and_says_how_it_gets_longer(database, tmp_path):
    project = make_project(tmp_path, [Step("slow1", (), "CREATE TABLE slow (id int); SELECT pg_sleep(60)")])
    finding = await failure(upgrade(project, database, limits=Limits(statement_timeout=0.2)))
    assert finding.code is Code.MIGRATION_FAILED
    assert finding.fixes[0].command == "stackdeck migrate up --statement-timeout 0"
    assert tables(database) == []
