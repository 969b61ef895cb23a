"""Migrations are applied one whole step at a time, by one runner at a time, whatever the project's code does."""

import asyncio
import os
import re
import signal
import subprocess
import sys

import pytest

from stack.environment.url import DatabaseURL
from stack.findings import Code, silent
from stack.migrations.interpreter import find_interpreter
from stack.migrations.lock import only_runner
from stack.text import SecretStr
from tests.support.alembic import ASYNC_ENV, SYNC_ENV, Step, chain, make_project, write_step
from tests.support.migrating import current, downgrade, failure, rows, status, tables, upgrade, wait_for
from tests.support.tables import run_sql


@pytest.mark.parametrize("env", [SYNC_ENV, ASYNC_ENV], ids=["sync", "async"])
async def test_up_and_down_step_by_step(database, tmp_path, env):
    project = make_project(tmp_path, chain(4), env)
    told = []

    def hear(line, gauges=()):
        told.append((re.sub(r"\d+ m?s\b", "T", line), *((gauge.done, gauge.total) for gauge in gauges)))

    assert (await status(project, database)).current == ()
    assert await upgrade(project, database, "+1", hear) == ("r0001",)
    assert await upgrade(project, database, "heads", hear) == ("r0002", "r0003", "r0004")
    assert tables(database) == ["r0001", "r0002", "r0003", "r0004"]
    assert await upgrade(project, database) == ()
    assert (await status(project, database)).pending == ()
    assert await downgrade(project, database, "-1") == ("r0004",)
    assert await downgrade(project, database, "r0001") == ("r0003", "r0002")
    assert [each.revision for each in (await status(project, database)).pending] == ["r0002", "r0003", "r0004"]
    assert await downgrade(project, database, "base") == ("r0001",)
    assert (tables(database), current(database)) == ([], [])
    with_ours = (f"Running them with {find_interpreter(tmp_path, {}).words}",)
    assert told == [
        with_ours,
        ("1/1 Running upgrade base → r0001, Step r0001", (0, 1)),
        ("1/1 Done with r0001 in T", (1, 1)),
        ("The database is at r0001",),
        with_ours,
        ("1/3 Running upgrade r0001 → r0002, Step r0002", (0, 3)),
        ("1/3 Done with r0002 in T", (1, 3)),
        ("2/3 Running upgrade r0002 → r0003, Step r0003", (1, 3)),
        ("2/3 Done with r0003 in T", (2, 3)),
        ("3/3 Running upgrade r0003 → r0004, Step r0004", (2, 3)),
        ("3/3 Done with r0004 in T", (3, 3)),
        ("The database is at r0004",),
    ]


async def test_branches_merge(database, tmp_path):
    steps = [
        Step("base1"),
        Step("left1", ("base1",), labels=("left",)),
        Step("right1", ("base1",)),
        Step("right2", ("right1",), depends_on=("left",)),
    ]
    project = make_project(tmp_path, steps)
    assert await upgrade(project, database, "left@head") == ("base1", "left1")
    assert (await failure(upgrade(project, database, "head"))).code is Code.MIGRATION_NO_SUCH_REVISION
    assert await upgrade(project, database) == ("right1", "right2")
    assert (await status(project, database)).pending == ()
    write_step(project.root / "migrations", Step("merge1", ("left1", "right2")))
    assert await upgrade(project, database) == ("merge1",)
    assert current(database) == ["merge1"]


@pytest.mark.parametrize("target", ["nonesuch", "+9", "left@head", "r0001:r0002"])
async def test_a_target_that_is_not_there(database, tmp_path, target):
    project = make_project(tmp_path, chain(2))
    finding = await failure(upgrade(project, database, target))
    assert finding.code is Code.MIGRATION_NO_SUCH_REVISION
    assert target in finding.title
    assert tables(database) == []


async def test_a_step_that_fails_is_undone_and_those_before_it_stay(database, tmp_path):
    steps = [*chain(2), Step("bad1", ("r0002",), "CREATE TABLE half (id int); SELECT 1 / 0 AS secret_sum", "")]
    project = make_project(tmp_path, [*steps, Step("late1", ("bad1",), "CREATE TABLE late (id int)")])
    finding = await failure(upgrade(project, database))
    assert finding.code is Code.MIGRATION_FAILED
    assert finding.title == "Migration bad1 failed"
    assert f"{tmp_path}/migrations/versions/bad1_step.py:14: division by zero" in finding.cause
    assert "r0002" in finding.cause
    assert "secret_sum" in finding.evidence
    assert (tables(database), current(database)) == (["r0001", "r0002"], ["r0002"])
    write_step(tmp_path / "migrations", Step("bad1", ("r0002",), "CREATE TABLE half (id int)", "DROP TABLE nothing"))
    assert await upgrade(project, database) == ("bad1", "late1")
    finding = await failure(downgrade(project, database, "r0001"))
    assert (finding.title, current(database)) == ("Undoing migration bad1 failed", ["bad1"])


async def test_two_runners_at_once_apply_each_revision_once(database, tmp_path):
    project = make_project(tmp_path, chain(5))
    told = [[], []]
    applied = await asyncio.gather(
        *(
            upgrade(project, database, "heads", lambda line, _gauges=(), lines=lines: lines.append(line))
            for lines in told
        )
    )
    assert sorted(applied) == [(), ("r0001", "r0002", "r0003", "r0004", "r0005")]
    loser = told[applied.index(())]
    assert loser[0].startswith("Waiting: stackdeck migrate (process ")
    assert loser[-1] == "Nothing to do: the database is at r0005"


async def test_waiting_for_another_runner_can_be_cancelled(database, tmp_path):
    project = make_project(tmp_path, chain(1))
    waiting = asyncio.Event()
    async with only_runner(database, silent):
        task = asyncio.create_task(upgrade(project, database, "heads", lambda _line: waiting.set()))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await upgrade(project, database) == ("r0001",)


async def test_an_index_built_concurrently_does_not_wait_for_a_waiting_runner(database, tmp_path):
    first, last = chain(1)[0], Step("index1", ("r0001",))
    project = make_project(tmp_path, [first, last])
    path = tmp_path / "migrations" / "versions" / "index1_step.py"
    path.write_text(
        path.read_text().replace(
            "op.execute('SELECT 1')",
            "with op.get_context().autocommit_block():\n"
            "        op.execute('CREATE INDEX CONCURRENTLY one ON r0001 (id)')",
            1,
        )
    )
    await asyncio.gather(upgrade(project, database), upgrade(project, database))
    assert current(database) == ["index1"]


NOISY = """
import logging, sys
print("on standard output")
print("on standard error", file=sys.stderr)
logging.basicConfig(level=0, stream=sys.stdout)
try:
    input()
except EOFError:
    print("nobody to ask")
"""


async def test_an_environment_that_prints_and_exits_is_heard_and_not_seen(database, tmp_path, capfd):
    project = make_project(tmp_path, chain(2), NOISY + SYNC_ENV + "\nsys.exit(0)\n")
    assert await upgrade(project, database) == ("r0001", "r0002")
    assert capfd.readouterr() == ("", "")


BROKEN_ENVIRONMENTS = {
    "exits": (
        "print('why: ' + __import__('os').environ['DATABASE_URL'])\nraise SystemExit(3)",
        "ended the program (3)",
    ),
    "dies": ("import os\nos._exit(4)", "status 4"),
    "idles": ("pass", "did not run any migrations"),
    "lacks": ("import nonesuch_package", "nonesuch_package"),
    "syntax": ("def (", "env.py:1"),
    "raises": ("\n\nraise RuntimeError(__import__('os').environ['APP_DB_URL'])", "env.py:3: RuntimeError"),
}


@pytest.mark.parametrize("name", BROKEN_ENVIRONMENTS)
async def test_an_environment_that_does_not_run_says_where(database, tmp_path, name):
    env, words = BROKEN_ENVIRONMENTS[name]
    finding = await failure(upgrade(make_project(tmp_path, chain(1), env), database))
    assert finding.code is Code.MIGRATIONS_BROKEN
    assert words in finding.cause
    assert database.password.get_secret_value() not in repr(finding)


async def test_a_revision_that_does_not_import_is_named(database, tmp_path):
    project = make_project(tmp_path, chain(2))
    path = tmp_path / "migrations" / "versions" / "r0002_step.py"
    path.write_text(path.read_text().replace("from alembic import op", "import nonesuch_package"))
    finding = await failure(upgrade(project, database))
    assert finding.code is Code.MIGRATIONS_BROKEN
    assert f"{path}:5: ModuleNotFoundError" in finding.cause
    assert tables(database) == []


async def test_a_revision_of_another_branch(database, tmp_path):
    project = make_project(tmp_path, chain(2))
    await upgrade(project, database, "r0001")
    run_sql(database, "UPDATE alembic_version SET version_num = 'elsewhere'")
    assert (await status(project, database)).unknown == ("elsewhere",)
    (found,) = (await status(project, database)).findings
    for finding in (
        found,
        await failure(upgrade(project, database)),
        await failure(downgrade(project, database, "base")),
    ):
        assert finding.code is Code.MIGRATION_UNKNOWN_REVISION
        assert "elsewhere" in finding.title
    assert tables(database) == ["r0001"]


async def test_a_wrong_password_is_the_databases_failure(database, tmp_path):
    url = DatabaseURL(database.host, database.port, database.database, database.user, SecretStr("wrong%p@ss"))
    assert (await failure(upgrade(make_project(tmp_path, chain(1)), url))).code is Code.DATABASE_PASSWORD


async def test_any_password_reaches_the_project_and_only_it(database, tmp_path):
    run_sql(database, "DROP ROLE IF EXISTS odd", "CREATE ROLE odd LOGIN SUPERUSER PASSWORD 'p%40 :/?#%%(x)s'")
    url = DatabaseURL(database.host, database.port, database.database, "odd", SecretStr("p%40 :/?#%%(x)s"))
    seen = tmp_path / "seen"
    spy = f"""
import os, pathlib
own = pathlib.Path("/proc/self")
pathlib.Path({str(seen)!r}).write_bytes((own / "cmdline").read_bytes() + (own / "environ").read_bytes())
"""
    try:
        assert await upgrade(make_project(tmp_path / "a", chain(1), spy + SYNC_ENV), url) == ("r0001",)
        assert b"p%40" not in seen.read_bytes()
        assert b"p%2540" not in seen.read_bytes()
        assert await downgrade(make_project(tmp_path / "b", chain(1), ASYNC_ENV), url, "base") == ("r0001",)
    finally:
        run_sql(database, "DROP OWNED BY odd", "DROP ROLE odd")


SLOW = "SELECT pg_advisory_xact_lock_shared(7); CREATE TABLE slow (id int); SELECT pg_sleep(60)"


SLEEPING = (
    "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active' AND pid <> pg_backend_pid()"
)


@pytest.mark.parametrize("env", [SYNC_ENV, ASYNC_ENV], ids=["sync", "async"])
async def test_cancelling_stops_the_server_too_and_leaves_whole_steps(database, tmp_path, env):
    project = make_project(tmp_path, [*chain(1), Step("slow1", ("r0001",), SLOW)], env)
    task = asyncio.create_task(upgrade(project, database))
    await wait_for(database, SLEEPING)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rows(database, SLEEPING) == []
    assert (tables(database), current(database)) == (["r0001"], ["r0001"])
    assert rows(database, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") == []


RUN = """
import asyncio, pathlib, sys
from stack.environment.url import parse_url
from stack.migrations.runner import upgrade
from stack.migrations.site import Site
from stack.project import Options, open_project
asyncio.run(upgrade(Site(open_project(Options(pathlib.Path(sys.argv[1]))), parse_url(sys.stdin.readline()))))
"""


async def test_a_runner_killed_in_the_middle_leaves_nothing_half_done_and_the_next_finishes(database, tmp_path):
    project = make_project(tmp_path, [*chain(1), Step("slow1", ("r0001",), SLOW), Step("last1", ("slow1",))])
    runner = subprocess.Popen(  # noqa: ASYNC220 - it is another program that is watched
        [sys.executable, "-c", RUN, str(tmp_path)], stdin=subprocess.PIPE, text=True
    )
    runner.stdin.write(database.reveal() + "\n")
    runner.stdin.close()
    await wait_for(database, SLEEPING)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    # The worker hears that nobody is there any more, and cancels what it does on the server.
    await wait_for(database, f"SELECT 1 WHERE NOT EXISTS ({SLEEPING})")
    assert (tables(database), current(database)) == (["r0001"], ["r0001"])
    write_step(tmp_path / "migrations", Step("slow1", ("r0001",), "CREATE TABLE slow (id int)"))
    assert await upgrade(project, database) == ("slow1", "last1")


async def test_a_worker_killed_in_the_middle_is_a_failed_step(database, tmp_path):
    pid = tmp_path / "pid"
    env = f"import os, pathlib\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\n" + SYNC_ENV
    project = make_project(tmp_path, [*chain(1), Step("slow1", ("r0001",), SLOW)], env)
    task = asyncio.create_task(upgrade(project, database))
    await wait_for(database, SLEEPING)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    finding = await failure(task)
    assert (finding.code, finding.title) == (Code.MIGRATION_FAILED, "Migration slow1 failed")
    assert "signal 9" in finding.cause


async def test_the_version_table_may_be_in_a_schema_of_its_own(database, tmp_path):
    env = SYNC_ENV.replace("connection=connection)", "connection=connection, version_table_schema='own')")
    run_sql(database, "CREATE SCHEMA own")
    project = make_project(tmp_path, chain(2), env)
    assert await upgrade(project, database) == ("r0001", "r0002")
    assert (await status(project, database)).current == ("r0002",)
