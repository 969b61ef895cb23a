"""Every fault of a database's surroundings, made for real: one finding with its cause, and a fix that mends it."""

import contextlib
import gc
import io
import os
import socket
import struct
import tarfile
import time
import warnings
from functools import partial

import pytest

from stack.doctor.examination import CheckStatus
from stack.findings import Code, Severity, silent
from stack.project import RuntimeName
from stack.services.control import Pull
from tests.support.engine import Sandbox, sandbox
from tests.support.faulty import Faulty, only, trouble

SERVICE = "com.docker.compose.service"
REPLACE = "com.docker.compose.replace"
NO_VOLUME = {"/var/lib/postgresql/data": ""}
"""In the place of the nameless volume that the image would have."""

VOLUME = "- data:/var/lib/postgresql/data"


pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("patience"),
]


@pytest.fixture(autouse=True)
def collected():
    """The SDK leaves the sockets of programs in containers to the garbage collector, which warns of them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def faulty(engine: Sandbox, tmp_path):
    made = Faulty(engine, tmp_path)
    yield made
    engine.clean()
    made.clean()


async def test_a_variable_that_nothing_sets_is_a_warning_of_the_doctor_and_of_up(faulty):
    faulty.compose(("POSTGRES_DB: shop", "POSTGRES_DB: shop\n      EXTRA: $NOWHERE"))
    finding = faulty.finding(await faulty.examine(), Code.ENV_VARIABLE_MISSING)
    assert finding.title == "The variable NOWHERE is not set; a blank text takes its place"
    assert finding.severity is Severity.WARNING
    async with faulty.open() as workspace:
        planned = await (await workspace.services()).plan([], pull=Pull.MISSING)
    assert planned.findings == (finding,)


async def test_a_stack_without_a_fault_is_silent_through_its_whole_life(faulty):
    only(await faulty.examine(), Code.SERVICE_NOT_RUNNING)
    await faulty.start()
    report = await faulty.examine()
    assert {check.status for check in report.checks} == {CheckStatus.PASS}, trouble(report)
    assert not report.findings
    # Stopped it is one failure, and the fix starts it again.
    faulty.box.container("db").stop(timeout=20)
    stopped = only(await faulty.examine(), Code.SERVICE_NOT_RUNNING)
    assert stopped.title == "db is exited"
    assert (await faulty.fix(Code.SERVICE_NOT_RUNNING)).ok
    # Beside a healthy database: what the project has left behind.
    labels = {
        "com.docker.compose.project": faulty.box.name,
        "com.docker.compose.config-hash": "0",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.container-number": "1",
    }
    create = partial(faulty.box.client.containers.create, "postgres:16-alpine", "true", tmpfs=NO_VOLUME)
    create(name=f"{faulty.box.name}-old-1", labels=labels | {SERVICE: "old"})
    orphan = only(await faulty.examine(), Code.CONTAINERS_ORPHANED, severity=Severity.WARNING)
    assert f"{faulty.box.name}-old-1" in orphan.cause
    assert orphan.fixes[0].destructive
    report = await faulty.fix(Code.CONTAINERS_ORPHANED)
    assert not report.findings, trouble(report)
    name = f"0123456789ab_{faulty.box.name}-db-1"
    create(name=name, labels=labels | {SERVICE: "db", REPLACE: "db-1"})
    left = faulty.finding(await faulty.examine(), Code.RECREATE_INTERRUPTED)
    assert left.severity is Severity.WARNING
    assert name in left.cause
    report = await faulty.fix(Code.RECREATE_INTERRUPTED)
    assert not report.findings, trouble(report)


async def test_a_port_that_a_process_holds(faulty):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        faulty.env(DB_PORT=str(port))
        finding = only(await faulty.examine(), Code.PORT_TAKEN)
        assert finding.title.startswith(f"Port {port} is held by ")
        assert f"(pid {os.getpid()})" in finding.title
        report = await faulty.heal()
        assert not report.findings, trouble(report)
    assert f"DB_PORT={port}\n" not in (faulty.root / ".env").read_text()


async def test_a_port_that_another_projects_container_holds_and_a_password_that_is_empty(faulty, engine_here, tmp_path):
    with sandbox(engine_here, tmp_path / "other") as other:
        port = int(faulty.values["DB_PORT"])
        holder = other.client.containers.run(
            "postgres:16-alpine",
            ["sleep", "1000"],
            name=f"{other.name}-db-1",
            ports={"5432/tcp": ("127.0.0.1", port)},
            labels={"com.docker.compose.project": other.name},
            stop_signal="SIGKILL",
            detach=True,
        )
        faulty.env(DB_PASSWORD="")
        report = await faulty.examine()
        found = [finding.code for finding in report.findings if finding.severity is Severity.ERROR]
        assert found == [Code.PORT_TAKEN, Code.SUPERUSER_PASSWORD_EMPTY], trouble(report)
        taken = faulty.finding(report, Code.PORT_TAKEN)
        assert taken.title == f"Port {port} is held by the container {other.name}-db-1 of project {other.name}"
        assert f"The next free port is {port + 1}" in taken.cause or "The next free port is" in taken.cause
        await faulty.fix(Code.PORT_TAKEN, lambda fix: fix.title.startswith("Stop"))
        holder.reload()
        assert holder.status == "exited"
        empty = only(await faulty.examine(), Code.SUPERUSER_PASSWORD_EMPTY)
        assert "compose.yaml:7" in empty.cause
        assert empty.fixes[0].command is None
        report = await faulty.heal()
        assert not report.findings, trouble(report)


async def test_data_of_an_older_version_is_upgraded_and_the_old_kept(faulty):
    faulty.env(DB_IMAGE="postgres:15")
    await faulty.start()
    faulty.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    faulty.sql("CREATE ROLE somebody PASSWORD 'x'")
    faulty.env(DB_IMAGE="postgres:17")
    # And nothing offers to recreate the container, whose successor could not read the data.
    warning = only(await faulty.examine(), Code.VOLUME_VERSION, severity=Severity.WARNING)
    assert "older image still" in warning.cause
    faulty.box.container("db").remove(force=True)
    # No container is left that would tell.
    finding = only(await faulty.examine(), Code.VOLUME_VERSION)
    assert finding.title == "The data directory of db is of version 15, the image is 17"
    assert [fix.destructive for fix in finding.fixes] == [False, False, True]
    assert "DB_IMAGE=postgres:15" in finding.fixes[1].title
    report = await faulty.fix(Code.VOLUME_VERSION)
    assert report.ok
    assert not report.findings, trouble(report)
    assert faulty.sql("SHOW server_version").startswith("17.")
    assert faulty.sql("SELECT sum(n) FROM kept") == "500500"
    assert faulty.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'somebody'") == "1"
    volumes = sorted(volume.name for volume in faulty.box.client.volumes.list(filters={"name": faulty.box.name}))
    assert volumes == [f"{faulty.box.name}_data", f"{faulty.box.name}_data-15"]


async def test_data_of_an_older_version_in_a_directory_is_a_persons_to_upgrade(faulty):
    kept = faulty.root / "kept"
    kept.mkdir()
    bound = (VOLUME, "- ./kept:/var/lib/postgresql/data")
    faulty.env(DB_IMAGE="postgres:15-alpine")
    faulty.compose(bound)
    await faulty.start()
    faulty.sql("CREATE TABLE kept AS SELECT 1")
    faulty.env(DB_IMAGE="postgres:16-alpine")
    finding = only(await faulty.examine(), Code.VOLUME_VERSION, severity=Severity.WARNING)
    assert f"{kept} is no volume with a name" in finding.fixes[0].title
    assert finding.ways[0].title == "Or go back to the old version: write DB_IMAGE=postgres:15-alpine to .env"
    faulty.box.container("db").stop(timeout=20)
    only(await faulty.examine(), Code.VOLUME_VERSION)
    report = await faulty.heal()
    assert not report.findings, trouble(report)
    assert faulty.sql("SELECT count(*) FROM kept") == "1"


async def test_version_18_does_not_look_where_the_volume_is(faulty):
    faulty.env(DB_IMAGE="postgres:18")
    finding = only(await faulty.examine(), Code.VOLUME_MISPLACED)
    assert "version 18 does not look" in finding.title
    assert "compose.yaml:12" in finding.fixes[0].title
    assert "`:/var/lib/postgresql/data` to `:/var/lib/postgresql`" in finding.fixes[0].title
    faulty.compose((VOLUME, "- data:/var/lib/postgresql"))
    await faulty.start()
    faulty.sql("CREATE TABLE kept AS SELECT 1")
    faulty.box.container("db").remove(force=True, v=True)
    report = await faulty.heal()
    assert not report.findings, trouble(report)
    assert faulty.sql("SELECT count(*) FROM kept") == "1"


async def test_before_18_the_parent_does_not_hold_the_data_and_a_check_that_passes_early_is_a_suggestion(faulty):
    faulty.compose((VOLUME, "- data:/var/lib/postgresql"), (" -h 127.0.0.1", ""))
    report = await faulty.examine()
    early = faulty.finding(report, Code.HEALTH_CHECK_EARLY)
    assert early.severity is Severity.INFO
    assert [f.code for f in report.findings if f.severity is Severity.ERROR] == [Code.SERVICE_NOT_RUNNING]
    report = await faulty.fix(Code.SERVICE_NOT_RUNNING)
    finding = only(report, Code.VOLUME_MISPLACED, severity=Severity.WARNING)
    assert "nameless volume" in finding.cause
    assert "compose.yaml:12" in finding.fixes[0].title
    faulty.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    nameless = faulty.nameless()
    # The line is corrected, and what is there has to come along.
    faulty.compose()
    report = await faulty.examine()
    left = faulty.finding(report, Code.VOLUME_MISPLACED)
    assert left.title == "The data of db is still in a nameless volume"
    assert f"{faulty.box.name}_data there, which holds no data" in left.cause
    assert not left.fixes[0].destructive
    report = await faulty.fix(Code.VOLUME_MISPLACED)
    assert report.ok
    assert not report.findings, trouble(report)
    assert faulty.sql("SELECT sum(n) FROM kept") == "500500"
    (mount,) = faulty.box.container("db").attrs["Mounts"]
    assert mount["Name"] == f"{faulty.box.name}_data"
    # And is there still, for whoever wants to be sure.
    assert faulty.box.client.volumes.get(nameless)


async def test_a_volume_that_is_named_when_there_is_data_already(faulty):
    faulty.compose((f"    volumes:\n      {VOLUME}\n", ""))
    await faulty.start()
    faulty.sql("CREATE TABLE kept AS SELECT 'still here' AS word")
    faulty.nameless()
    faulty.compose((VOLUME, "- ./kept:/var/lib/postgresql/data"))
    by_hand = faulty.finding(await faulty.examine(), Code.VOLUME_MISPLACED).fixes[0]
    assert by_hand.apply is None
    assert by_hand.command.endswith(f"-db-1:/var/lib/postgresql/data/. {faulty.root}/kept")
    faulty.compose()
    faulty.box.container("db").stop(timeout=20)
    finding = only(await faulty.examine(), Code.VOLUME_MISPLACED)
    assert "nameless" in finding.title
    report = await faulty.heal()
    assert not report.findings, trouble(report)
    assert faulty.sql("SELECT word FROM kept") == "still here"
    labels = faulty.box.client.volumes.get(f"{faulty.box.name}_data").attrs["Labels"]
    assert labels["com.docker.compose.project"] == faulty.box.name


async def test_a_script_that_fails_leaves_the_volume_half_initialised(faulty):
    scripts = faulty.root / "scripts"
    scripts.mkdir()
    script = scripts / "01-tables.sql"
    script.write_text("CREATE TABLE good (id int);\nCREATE TABEL bad (id int);\n")
    faulty.compose((VOLUME, f"{VOLUME}\n      - ./scripts:/docker-entrypoint-initdb.d:ro"))
    faulty.box.compose("up", "--detach")
    report = await faulty.until(Code.INIT_SCRIPT_FAILED)
    finding = only(report, Code.INIT_SCRIPT_FAILED)
    assert "01-tables.sql failed" in finding.title
    assert "line 2" in finding.cause
    assert "syntax error" in (finding.evidence or "")
    # Started again it runs, and still is half of what it should be.
    faulty.box.container("db").start()
    only(await faulty.examine(), Code.INIT_SCRIPT_FAILED)
    script.write_text("CREATE TABLE good (id int);\n")
    async with faulty.open() as workspace:
        fix = faulty.finding(await workspace.examine(), Code.INIT_SCRIPT_FAILED).automatic_fix
    assert fix
    assert fix.destructive
    assert "lost" in fix.title
    report = await faulty.fix(Code.INIT_SCRIPT_FAILED)
    assert not report.findings, trouble(report)
    assert faulty.sql("SELECT count(*) FROM good") == "0"


async def test_a_crash_loop_tells_what_the_log_says(faulty):
    faulty.compose(("    ports:", "    restart: always\n    command: postgres -c no_such_setting=1\n    ports:"))
    faulty.box.compose("up", "--detach")
    finding = only(await faulty.until(Code.SERVICE_EXITED), Code.SERVICE_EXITED)
    assert "no_such_setting" in finding.cause
    faulty.compose()
    report = await faulty.heal()
    assert not report.findings, trouble(report)


async def test_a_server_that_needs_more_memory_than_it_may_have(faulty):
    faulty.compose(("    ports:", "    mem_limit: 16m\n    entrypoint: [tail, /dev/zero]\n    ports:"))
    faulty.box.compose("up", "--detach")
    finding = only(await faulty.until(Code.SERVICE_OUT_OF_MEMORY), Code.SERVICE_OUT_OF_MEMORY)
    assert "mem_limit is 16.8 MB" in finding.cause
    assert "compose.yaml:9" in finding.fixes[0].title
    faulty.compose()
    report = await faulty.heal()
    assert not report.findings, trouble(report)


async def test_shared_memory_that_is_too_small_for_a_query(faulty):
    faulty.compose(("    ports:", "    shm_size: 2mb\n    ports:"))
    await faulty.start()
    faulty.sql("CREATE TABLE wide AS SELECT n, repeat('x', 100) AS filler FROM generate_series(1, 50000) AS n")
    query = (
        "SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;"
        "SET work_mem = '64MB'; SET enable_mergejoin = off;"
        "SELECT count(a.filler || b.filler) FROM wide a JOIN wide b USING (n)"
    )
    with pytest.raises(AssertionError, match="shared memory segment"):
        faulty.sql(query)
    finding = only(await faulty.examine(), Code.SHARED_MEMORY_SMALL, severity=Severity.WARNING)
    assert "shm_size is 2 MB" in finding.cause
    assert "`shm_size: 256mb`" in finding.fixes[0].title
    faulty.compose(("    ports:", "    shm_size: 256mb\n    ports:"))
    async with faulty.open() as workspace:
        await workspace.up((), pull=Pull.NEVER, timeout=60, progress=silent)
    faulty.sql(query)
    report = await faulty.examine()
    assert not report.findings, trouble(report)


async def test_a_health_check_that_asks_for_somebody_who_is_not_there(faulty):
    test = '["CMD-SHELL", "pg_isready -q -h 127.0.0.1 -d shop"]'
    wrong = '["CMD-SHELL", "psql -U nobody -d shop -c \'SELECT 1\'"]'
    often = ("interval: 10s\n      start_period: 60s\n      start_interval: 200ms", "interval: 1s\n      retries: 3")
    faulty.compose((test, wrong), often)
    faulty.box.compose("up", "--detach")
    # Before the server is up, it fails of that.
    report = await faulty.until(Code.SERVICE_UNHEALTHY, 'role "nobody" does not exist')
    finding = only(report, Code.SERVICE_UNHEALTHY)
    assert "It names nobody" in finding.cause
    assert "compose.yaml:14" in finding.fixes[0].title
    faulty.compose()
    report = await faulty.examine()
    assert "Recreate" in only(report, Code.SERVICE_UNHEALTHY).fixes[0].title
    report = await faulty.heal()
    assert not report.findings, trouble(report)


async def test_a_name_that_a_stranger_has_a_volume_of_another_project_and_one_that_is_not_there(faulty):
    name = f"{faulty.box.name}-db-1"
    stranger = faulty.box.client.containers.create("postgres:16-alpine", "true", name=name, tmpfs=NO_VOLUME)
    volume = faulty.box.client.volumes.create(
        f"{faulty.box.name}_data", labels={"com.docker.compose.project": "another"}
    )
    try:
        report = await faulty.examine()
        assert [f.code for f in report.findings] == [Code.CONTAINER_NAME_TAKEN, Code.VOLUME_FOREIGN], trouble(report)
        assert "no Compose project" in report.findings[0].cause
        assert "belongs to the project another" in report.findings[1].title
        await faulty.fix(Code.CONTAINER_NAME_TAKEN)
        stranger.reload()
        assert stranger.name == f"{name}-old"
    finally:
        stranger.remove(force=True)
        volume.remove()
    faulty.compose(("  data:\n", f"  data:\n    external: true\n    name: {faulty.box.name}-given\n"))
    finding = only(await faulty.examine(), Code.VOLUME_MISSING)
    assert f"{faulty.box.name}-given" in finding.title
    try:
        report = await faulty.heal()
        assert not report.findings, trouble(report)
    finally:
        faulty.box.clean()
        with contextlib.suppress(Exception):
            faulty.box.client.volumes.get(f"{faulty.box.name}-given").remove()


def foreign_program() -> bytes:
    """A file system with one program for ARM."""
    header = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, 0x400000, 64, 0, 0, 64, 56, 0, 0, 0, 0)
    )
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as files:
        entry = tarfile.TarInfo("postgres")
        entry.size, entry.mode = len(header), 0o755
        files.addfile(entry, io.BytesIO(header))
    return archive.getvalue()


async def test_an_image_for_another_processor(faulty):
    reference = f"{faulty.box.name}/postgres:16"
    api = faulty.box.client.api
    response = api._post(
        api._url("/images/create"),
        data=foreign_program(),
        params={"fromSrc": "-", "repo": reference.partition(":")[0], "tag": "16", "platform": "linux/arm64"},
    )
    response.raise_for_status()
    try:
        faulty.env(DB_IMAGE=reference)
        faulty.compose(("    ports:", "    entrypoint: /postgres\n    ports:"))
        with contextlib.suppress(AssertionError):
            faulty.box.compose("up", "--detach")
        finding = only(await faulty.until(Code.IMAGE_ARCHITECTURE), Code.IMAGE_ARCHITECTURE)
        assert finding.title.startswith("The image of db is for arm64, this machine is ")
        assert "exec format error" in finding.cause
        faulty.env(DB_IMAGE="postgres:16-alpine")
        faulty.compose()
        report = await faulty.heal()
        assert not report.findings, trouble(report)
    finally:
        faulty.box.clean()
        faulty.box.client.images.remove(reference, force=True)


async def test_an_engine_that_is_not_there_where_another_one_is(faulty, engine_here):
    here = engine_here.socket_path
    if here is None or here.resolve() != type(here)("/var/run/docker.sock").resolve():
        pytest.skip("this machine's engine is not at the usual socket")
    faulty.environ["DOCKER_HOST"] = f"unix://{faulty.root}/none.sock"
    faulty.runtime = RuntimeName.DOCKER
    report = await faulty.examine()
    finding = only(report, Code.ENGINE_UNREACHABLE)
    assert "There is no socket at" in finding.cause
    assert "DOCKER_HOST" in finding.cause
    async with faulty.open() as workspace:
        fix = (await workspace.examine()).findings[0].automatic_fix
        assert fix
        assert fix.title.startswith("Use the engine that answers at unix:///var/run/docker.sock")
        await workspace.mend(fix, lambda *_: None)
        only(await workspace.examine(), Code.SERVICE_NOT_RUNNING)


@pytest.mark.parametrize("runtime", [None, RuntimeName.DOCKER])
async def test_an_engine_that_never_answers_costs_less_than_five_seconds(faulty, runtime):
    faulty.environ["DOCKER_HOST"] = f"unix://{faulty.root}/hole.sock"
    faulty.runtime = runtime
    with socket.socket(socket.AF_UNIX) as hole:
        hole.bind(str(faulty.root / "hole.sock"))
        hole.listen()
        began = time.monotonic()
        report = await faulty.examine()
        assert time.monotonic() - began < 5
    if runtime is RuntimeName.DOCKER:
        finding = only(report, Code.ENGINE_UNREACHABLE)
        assert "does not answer in time" in finding.cause
    else:
        assert "embedded" in report.checks[0].title
