"""A dump of a database in a container: whole or not at all, by its own pg_dump, and no data is lost without consent."""

import asyncio
import subprocess
from dataclasses import replace

import pytest

from stack.findings import Code, Failure, silent
from stack.services.approval import lose_all
from stack.services.control import Action, Pull, Volumes
from tests.support.compose_model import database, project, volume_mount
from tests.support.engine import free_port

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

DATA = "/var/lib/postgresql/data"


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def contents(engine, target):
    """What pg_restore finds in a dump, of the server's own version."""
    command = ["docker", "exec", "-i", engine.container("db").id, "pg_restore", "--list"]
    return subprocess.run(command, input=target.read_bytes(), capture_output=True, check=True).stdout.decode()


async def query(engine, text):
    done = engine.container("db").exec_run(["psql", "-U", "postgres", "-Atc", text])
    assert done.exit_code == 0, done.output
    return done.output.decode().strip()


async def eventually(engine, text, expected):
    for _ in range(200):
        if await query(engine, text) == expected:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{text}: never {expected}")


async def test_from_data_to_a_dump_to_consent(engine, tmp_path):
    compose = project(database(free_port()), name=engine.name)
    services = engine.services(compose)
    await services.up([], pull=Pull.MISSING, timeout=60, progress=silent)
    await query(engine, "CREATE TABLE t AS SELECT g, repeat(md5(g::text), 30) FROM generate_series(1, 100000) g")
    target = tmp_path / "a.dump"

    gauges = []
    size = await services.dump(target, progress=lambda _, gauges_now=(): gauges.extend(gauges_now))
    assert size == target.stat().st_size > 1_000_000
    assert gauges
    assert all(gauge.done <= size for gauge in gauges)
    assert "TABLE public t" in contents(engine, target)

    with pytest.raises(Failure) as caught:
        await services.dump(target, progress=silent)
    assert caught.value.finding.code is Code.DUMP_FILE_EXISTS

    await cancelled(engine, services, tmp_path)
    await losing(engine, compose, services)
    await services.stop([], progress=silent)
    with pytest.raises(Failure) as caught:
        await services.dump(tmp_path / "c.dump", progress=silent)
    assert caught.value.finding.code is Code.SERVICE_NOT_RUNNING
    await services.close()


async def cancelled(engine, services, tmp_path):
    """Cancelling a dump that waits for a lock ends pg_dump in the container, and leaves no file."""
    holding = engine.client.api.exec_create(
        engine.container("db").id, ["psql", "-U", "postgres", "-c", "BEGIN; LOCK TABLE t; SELECT pg_sleep(60)"]
    )
    engine.client.api.exec_start(holding["Id"], detach=True)
    started = asyncio.Event()
    running = asyncio.create_task(services.dump(tmp_path / "b.dump", progress=lambda *_: started.set()))
    dumping = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump'"
    await started.wait()
    await eventually(engine, dumping, "1")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert names(tmp_path) == ["a.dump"]
    holder = "query LIKE '%LOCK TABLE%pg_sleep%' AND pid <> pg_backend_pid()"
    await query(engine, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {holder}")
    await eventually(engine, dumping, "0")


async def losing(engine, compose, services):
    """Another volume in the place of the data's is refused until somebody agrees; `down` says what it deletes."""
    (container, network, volume) = await services.plan_down(volumes=Volumes.REMOVE)
    assert [step.action for step in (container, network, volume)] == [Action.REMOVED] * 3
    (loss,) = volume.losses
    assert DATA in loss.what
    assert (loss.size or 0) > 10_000_000

    moved = replace(compose.services["db"], volumes=(volume_mount("other", DATA),))
    changed = engine.services(project(moved, name=engine.name))
    before = engine.container("db").id
    with pytest.raises(Failure) as caught:
        await changed.up([], pull=Pull.MISSING, timeout=60, progress=silent)
    assert caught.value.finding.code is Code.CONFIRMATION_NEEDED
    assert f"{engine.name}_other, which is new and empty" in caught.value.finding.cause
    assert engine.container("db").id == before
    result = await changed.up([], pull=Pull.MISSING, timeout=60, progress=silent, approve=lose_all)
    assert [step.action for step in result.plan if step.losses] == [Action.RECREATED]
    await changed.close()
