"""An engine that may not be used, is too old, is Podman, goes by another clock or has no room; and a healthy one."""

import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from stack.doctor.examination import CheckStatus
from stack.findings import Code, Failure, Severity, silent
from tests.support.clone import STACKDECK, bare_environment
from tests.support.engine_proxy import proxied
from tests.support.faulty import Faulty, only, trouble
from tests.support.own_engine import own_engine

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("patience"),
]

NOBODY = 65534


@pytest.fixture
def faulty(engine):
    # Whoever is nobody has to find it, too, and sockets have short names only.
    with tempfile.TemporaryDirectory(prefix="stackdeck-") as root:
        Path(root).chmod(0o755)
        engine.directory = Path(root)
        made = Faulty(engine, engine.directory)
        yield made
        engine.clean()
        made.clean()


@contextlib.contextmanager
def as_nobody(*groups: int):
    """Be an account without rights, in `groups`, as far as the system asks; without root, stay who we are."""
    if os.geteuid() != 0:
        yield
        return
    before = os.getgroups()
    os.setgroups(groups)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


def podman(answer: bytes) -> bytes:
    """As Podman answers: its version has a component of its own name (`Version` in its compat API)."""
    assert b'"Name":"Engine"' in answer
    return answer.replace(b'"Name":"Engine"', b'"Name":"Podman Engine"')


def old(answer: bytes) -> bytes:
    """As Docker Engine 19.03 answers."""
    changed = re.sub(rb'("ApiVersion":"|Api-Version: )[0-9.]+', rb"\g<1>1.40", answer)
    assert changed != answer
    return changed


def ahead(answer: bytes) -> bytes:
    """As an engine answers whose clock is a minute and a half ahead."""
    moved = datetime.fromisoformat(json.loads(answer.partition(b"\r\n\r\n")[2])["SystemTime"]) + timedelta(seconds=90)
    return re.sub(rb'"SystemTime":"[^"]*"', f'"SystemTime":"{moved.isoformat()}"'.encode(), answer)


async def test_an_engine_that_is_not_what_it_should_be(faulty, engine_here):
    async with proxied(engine_here, faulty.root) as proxy:
        faulty.environ["DOCKER_HOST"] = proxy.endpoint.url
        await faulty.start()
        faulty.sql("CREATE TABLE kept AS SELECT 'still here' AS word")

        # Podman is called by its name, and is no fault.
        proxy.changed["/version"] = podman
        report = await faulty.examine()
        assert {check.status for check in report.checks} == {CheckStatus.PASS}, trouble(report)
        assert re.match(r"Podman \S+ answers at ", report.checks[0].title)

        proxy.changed = {"/info": ahead}
        clock = only(await faulty.examine(), Code.ENGINE_CLOCK, severity=Severity.WARNING)
        assert re.match(r"The engine's clock is 1 min (2|3)\d s ahead of this machine's", clock.title)

        proxy.changed = {"/version": old}
        report = await faulty.examine()
        found = only(report, Code.ENGINE_TOO_OLD)
        assert "speaks API 1.40; Stackdeck needs 1.41" in found.cause
        assert "DOCKER_HOST" in found.cause
        assert {check.waits_for for check in report.checks if check.status is CheckStatus.SKIP} == {"runtime"}

        proxy.changed = {}
        report = await faulty.examine()
        assert {check.status for check in report.checks} == {CheckStatus.PASS}, trouble(report)
        assert faulty.sql("SELECT word FROM kept") == "still here"


async def test_a_socket_that_the_account_may_not_use(faulty, engine_here):
    async with proxied(engine_here, faulty.root) as proxy:
        faulty.environ |= {"DOCKER_HOST": proxy.endpoint.url, "HOME": str(faulty.root), "USER": "nobody"}
        path = faulty.root / "engine.sock"
        is_root = os.geteuid() == 0
        path.chmod(0o660 if is_root else 0o020)
        os.chown(faulty.root / ".env", NOBODY if is_root else -1, -1)
        with as_nobody():
            report = await faulty.examine()
        finding = only(report, Code.ENGINE_PERMISSION)
        assert finding.title == "You may not use the Docker Engine"
        assert f"{path} belongs to {path.owner()} and the group {path.group()}" in finding.cause
        assert "sudo usermod -aG " in finding.fixes[0].command
        assert {check.waits_for for check in report.checks if check.status is CheckStatus.SKIP} == {"runtime"}
        path.chmod(0o600 if is_root else 0)
        with as_nobody():
            finding = only(await faulty.examine(), Code.ENGINE_PERMISSION)
        assert ", which may not use it" in finding.cause
        assert not any("usermod" in (fix.command or "") for fix in finding.fixes)
        # As after joining the group of the socket.
        os.chown(path, -1, NOBODY if is_root else -1)
        path.chmod(0o660)
        with as_nobody(NOBODY):
            only(await faulty.examine(), Code.SERVICE_NOT_RUNNING)


def test_a_disk_without_room_for_the_engine(tmp_path):
    """The engine is one of the test's own, on a small disk, and the command is run where that disk is seen."""
    with own_engine(mount=("-t", "tmpfs", "-o", "size=80m", "tmpfs")) as small:
        (tmp_path / "compose.yaml").write_text(
            "services: {db: {image: 'postgres:16', environment: {POSTGRES_PASSWORD: long-and-of-its-own}}}\n"
        )
        environ = {**bare_environment(), "DOCKER_HOST": small.endpoint.url}

        def found() -> list[dict[str, str]]:
            done = subprocess.run(
                small.enter(str(STACKDECK), "--project", str(tmp_path), "--runtime", "docker", "doctor", "--json"),
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            return [it for it in json.loads(done.stdout)["findings"] if it["severity"] == "error"]

        (healthy,) = found()
        assert healthy["code"] == "service-not-running"
        filler = small.inside("filler")
        filler.write_bytes(bytes(40 << 20))
        (full,) = found()
        assert full["code"] == "engine-disk-full"
        assert re.search(r"MB are left at \S+/data, where the engine keeps images and volumes", full["cause"])
        filler.unlink()
        assert found() == [healthy]


FILLER = """
  filler:
    image: postgres:16-alpine
    entrypoint: [sh, -c, "head -c 80000000 /dev/zero > /v/filler; exec sleep 1000"]
    stop_signal: SIGKILL
    volumes:
      - data:/v
volumes:
  data:
    driver_opts: {type: tmpfs, device: tmpfs, o: size=100m}
"""


async def test_a_volume_without_room_for_the_server(faulty):
    faulty.compose(
        ("\nvolumes:\n  data:\n", FILLER),
        ("      POSTGRES_DB: shop\n", "      POSTGRES_DB: shop\n      PGDATA: /var/lib/postgresql/data/pg\n"),
    )
    faulty.box.compose("up", "--detach", "filler")
    filler = faulty.box.container("filler")
    while filler.exec_run(["sh", "-c", "test $(stat -c %s /v/filler) = 80000000"]).exit_code:
        pass
    faulty.box.compose("up", "--detach", "db")
    finding = only(await faulty.until(Code.ENGINE_DISK_FULL), Code.ENGINE_DISK_FULL)
    assert finding.title == "db stopped: there is no space left where its data is"
    assert "No space left on device" in finding.evidence
    assert "Make room" in finding.fixes[0].title
    filler.exec_run(["rm", "/v/filler"])
    report = await faulty.heal()
    assert not report.findings, trouble(report)


async def test_a_process_that_is_killed_for_want_of_memory_while_the_server_runs(faulty):
    faulty.compose(("    ports:", "    mem_limit: 128m\n    ports:"))
    await faulty.start()
    faulty.sql("CREATE TABLE kept AS SELECT 'still here' AS word")
    assert faulty.box.container("db").exec_run(["tail", "/dev/zero"]).exit_code == 137
    report = await faulty.until(Code.SERVICE_OUT_OF_MEMORY)
    finding = only(report, Code.SERVICE_OUT_OF_MEMORY, severity=Severity.WARNING)
    assert finding.cause == "A process of it was killed, since mem_limit is 134 MB."
    report = await faulty.fix(Code.SERVICE_OUT_OF_MEMORY)
    assert not report.findings, trouble(report)
    assert faulty.sql("SELECT word FROM kept") == "still here"


async def test_a_server_that_is_still_starting_is_waited_for(faulty):
    script = "until [ -e /go ]; do sleep 0.1; done; exec docker-entrypoint.sh postgres"
    faulty.compose(("    ports:", f"    entrypoint: [sh, -c, '{script}']\n    ports:"))
    faulty.box.compose("up", "--detach")
    async with faulty.open() as workspace:
        finding = only(await workspace.examine(), Code.DATABASE_STARTING)
        assert finding.title == "db is still starting"
        assert faulty.box.container("db").exec_run(["touch", "/go"]).exit_code == 0
        await workspace.mend(finding.fixes[0], silent)
        report = await workspace.examine()
    assert not report.findings, trouble(report)


async def test_a_port_that_was_taken_and_the_container_that_was_left_of_it(faulty):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", int(faulty.values["DB_PORT"])))
        holder.listen()
        with pytest.raises(AssertionError, match=r"already (allocated|in use)"):
            faulty.box.compose("up", "--detach")
        left = faulty.box.container("db")
        assert left.status == "created"
        assert f"(pid {os.getpid()})" in only(await faulty.examine(), Code.PORT_TAKEN).title
    finding = only(await faulty.examine(), Code.SERVICE_NOT_RUNNING)
    assert finding.title == "db was created and never started"
    assert re.search(r"already (allocated|in use)", finding.cause)
    report = await faulty.heal()
    assert not report.findings, trouble(report)
    assert faulty.box.container("db").id == left.id
    # Once more, while it has data and is stopped: another port is chosen, and the data comes along.
    faulty.sql("CREATE TABLE kept AS SELECT 'still here' AS word")
    left.stop(timeout=20)
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", int(faulty.values["DB_PORT"])))
        holder.listen()
        only(await faulty.examine(), Code.PORT_TAKEN)
        report = await faulty.heal()
    assert not report.findings, trouble(report)
    assert faulty.sql("SELECT word FROM kept") == "still here"


async def test_an_image_that_cannot_be_pulled_leaves_everything_as_it_is(faulty):
    faulty.env(DB_IMAGE="127.0.0.1:1/postgres:16")
    with pytest.raises(Failure) as caught:
        await faulty.fix(Code.SERVICE_NOT_RUNNING)
    assert caught.value.finding.code is Code.IMAGE_PULL_FAILED
    assert "127.0.0.1:1/postgres:16" in caught.value.finding.title + caught.value.finding.cause
    assert faulty.box.containers() == []
    faulty.env(DB_IMAGE="postgres:16-alpine")
    report = await faulty.heal()
    assert not report.findings, trouble(report)
