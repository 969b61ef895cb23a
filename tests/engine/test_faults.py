"""What an engine can do to an `up`: die at any step, run out of room, come back, or get damaged layers.

The engine is the test's own and nothing of the machine's is touched, so this needs root; elsewhere it is skipped.
"""

import asyncio
import contextlib
import gc
import itertools
import re
import shutil
import subprocess
import threading
import time
import warnings
import zlib
from dataclasses import replace

import pytest

from stack.background import in_thread
from stack.findings import Code, Failure, silent
from stack.services.compose.model import Condition, Healthcheck
from stack.services.control import Action, LineKind, Pull, State
from stack.services.engine import watch
from stack.services.engine.connection import Engine
from stack.services.engine.control import EngineServices
from stack.services.engine.events import Events
from stack.services.engine.local import LocalReader
from stack.services.engine.pull import pull_images
from stack.services.engine.sdk import Client
from stack.services.engine.steps import PullImage
from tests.support.compose_model import SECOND, after, project, service, volume_mount
from tests.support.own_engine import IMAGE, own_engine
from tests.support.registry import layer, registry

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

WRITE_ONCE = "test -e /data/kept || cat /proc/sys/kernel/random/uuid > /data/kept; exec sleep 1000"
PROBE = Healthcheck(("CMD", "true"), interval=SECOND, start_period=SECOND, start_interval=SECOND // 10)


@pytest.fixture(autouse=True)
def collected():
    """The SDK leaves the sockets of connections that failed to the garbage collector, which warns of them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def own():
    """An engine of this module's own."""
    with own_engine() as engine:
        yield engine


@pytest.fixture
def name(own, request):
    """A project's name; whatever the test made is removed."""
    yield f"fault-{zlib.crc32(request.node.name.encode()):08x}"
    own.revive()
    with contextlib.closing(own.client()) as client:
        for container in client.containers.list(all=True):
            container.remove(force=True, v=True)
        client.networks.prune()
        client.volumes.prune(filters={"all": True})


def tiny(label, **fields):
    usual = {"image": IMAGE, "entrypoint": ("sh", "-c", WRITE_ONCE), "stop_signal": "SIGKILL"}
    return service(label, **(usual | fields))


@contextlib.asynccontextmanager
async def opened(own, compose):
    services = EngineServices(compose, own.endpoint, {"HOME": "/nowhere"})
    try:
        yield services
    finally:
        await services.close()


async def up(services):
    return await services.up([], pull=Pull.MISSING, timeout=30, progress=silent)


def kept(own, container):
    with contextlib.closing(own.client()) as client:
        found = client.containers.get(container)
        volumes = {mount["Destination"]: mount["Name"] for mount in found.attrs["Mounts"]}
        return found.exec_run(["cat", "/data/kept"]).output, volumes


STEPS = {
    "the network is made": ("POST", r"/volumes/create$"),
    "the volume is made": ("POST", r"/containers/create\?name=[\w-]+-db-1$"),
    "a container is created": ("POST", r"/containers/create\?name=\w+_[\w-]+-old-1$"),
    "the replacement is created": ("POST", r"/containers/\w+/stop\?"),
    "the old one is stopped": ("DELETE", r"/containers/\w+\?"),
    "the old one is removed": ("POST", r"/containers/\w+/rename\?"),
    "everything is created": ("POST", r"/containers/\w+/start$"),
    "waiting for what has started": ("GET", r"/containers/\w+/json$"),
}


@pytest.mark.parametrize("step", STEPS)
async def test_an_engine_that_dies_at_any_step_is_a_finding_and_the_next_up_finishes(own, name, step, monkeypatch):
    method, pattern = STEPS[step]
    stale = tiny("old", volumes=(volume_mount("data", "/data"), volume_mount(None, "/scratch")))
    async with opened(own, project(stale, name=name)) as services:
        await up(services)
    data = kept(own, f"{name}-old-1")
    compose = project(
        tiny("db", volumes=(volume_mount("more", "/data"),), healthcheck=PROBE, networks={"inner": None}),
        tiny("app", depends_on=after("db", condition=Condition.HEALTHY), entrypoint=("sleep", "1000")),
        replace(stale, environment={"A": "2"}),
        name=name,
    )
    died = []
    send, ask = Client.send, LocalReader.request

    def dying(asked, url):
        if not died and asked == method and re.search(pattern, url):
            died.append(url)
            own.kill()

    def sending(self, request, **options):
        dying(request.method, request.url)
        return send(self, request, **options)

    def asking(self, asked, url):
        dying(asked, url)
        return ask(self, asked, url)

    monkeypatch.setattr(Client, "send", sending)
    monkeypatch.setattr(LocalReader, "request", asking)
    async with opened(own, compose) as services:
        with pytest.raises(Failure) as caught:
            await up(services)
        assert died
        assert caught.value.finding.code is Code.ENGINE_UNREACHABLE
        assert "has stopped" in caught.value.finding.cause
        status = await services.status()
        assert not status.engine.reachable
        own.start()
        result = await up(services)
        assert {outcome.state for outcome in result.services} == {State.RUNNING}
        assert {outcome.action for outcome in (await up(services)).services} == {Action.KEPT}
    with contextlib.closing(own.client()) as client:
        names = sorted(container.name for container in client.containers.list(all=True))
        assert names == [f"{name}-app-1", f"{name}-db-1", f"{name}-old-1"]
        # Two named ones and the anonymous one, which the recreated container has inherited.
        assert len(client.volumes.list()) == 3
    assert kept(own, f"{name}-old-1") == data


async def test_an_engine_that_dies_in_the_middle_of_a_request(own, name):
    # It takes a second to stop.
    stale = tiny("old", stop_signal="SIGTERM", stop_grace_period=SECOND)
    async with opened(own, project(stale, name=name)) as services:
        await up(services)
    async with opened(own, project(replace(stale, environment={"A": "2"}), name=name)) as services:

        def progress(line, gauges=()):
            if line.startswith("Stopping"):
                threading.Timer(0.2, own.kill).start()

        with pytest.raises(Failure) as caught:
            await services.up([], pull=Pull.MISSING, timeout=30, progress=progress)
        assert caught.value.finding.code is Code.ENGINE_UNREACHABLE
        assert "in the middle of an answer" in caught.value.finding.cause
        own.start()
        assert {outcome.state for outcome in (await up(services)).services} == {State.RUNNING}


async def test_after_a_restart_logs_and_status_work_again(own, name):
    talking = tiny("app", entrypoint=("sh", "-c", "while :; do echo here; sleep 0.1; done"), restart="always")
    async with opened(own, project(talking, name=name)) as services:
        await up(services)
        async with contextlib.aclosing(services.follow([], tail=1, since=None)) as following:
            assert (await anext(following)).text == "here"
            own.kill()
            lost = await anext(line async for line in following if line.kind is LineKind.EVENT)
            assert "engine" in lost.text
            status = await services.status()
            assert not status.engine.reachable
            assert status.findings
            own.start()
            assert (await services.status()).engine.reachable
            assert await anext(line async for line in following if line.kind is LineKind.OUTPUT)


async def test_a_watch_reconnects_by_itself_with_growing_pauses_and_looks_once(own, name, monkeypatch):
    attempts, looks, enough = [], [], asyncio.Event()
    opening, looking = Events.open, watch.take_snapshot

    async def open_events(self):
        attempts.append(time.monotonic())
        if len(attempts) == 4:
            enough.set()
        await opening(self)

    async def take_snapshot(*arguments):
        looks.append(arguments)
        return await looking(*arguments)

    async with opened(own, project(tiny("app", restart="always"), name=name)) as services:
        await up(services)
        monkeypatch.setattr(watch, "_FIRST_PAUSE", 0.1)
        monkeypatch.setattr(Events, "open", open_events)
        monkeypatch.setattr(watch, "take_snapshot", take_snapshot)
        seen, change = [], asyncio.Event()

        async def see():
            async for status in services.watch():
                seen.append(status)
                change.set()

        async def until(wanted):
            while not (seen and wanted(seen[-1])):
                change.clear()
                await change.wait()

        seeing = asyncio.create_task(see())
        await until(lambda status: status.engine.reachable)
        own.kill()
        await until(lambda status: not status.engine.reachable)
        assert seen[-1].findings[0].code is Code.ENGINE_UNREACHABLE
        assert "in the middle of an answer" in seen[-1].findings[0].cause
        # How they stood is still there to be seen.
        assert [it.state for it in seen[-1].services] == [State.RUNNING]
        await enough.wait()
        first, second = (later - earlier for earlier, later in itertools.pairwise(attempts[1:]))
        assert second > 1.5 * first
        assert len(looks) == 1
        await in_thread(own.start)
        await until(lambda status: status.engine.reachable and status.services[0].state is State.RUNNING)
        assert not seen[-1].findings
        assert len(looks) == 2
        seeing.cancel()
        await asyncio.gather(seeing, return_exceptions=True)


class TestPulls:
    """Pulls that the machine's own engine would try again for a minute, or that would fill its disk."""

    @pytest.fixture
    def engine(self, own):
        made = Engine(own.endpoint, {"HOME": "/nowhere"})
        yield made
        made.close()
        own.revive()

    async def failure(self, engine, reference):
        with pytest.raises(Failure) as caught:
            await pull_images(engine, [PullImage(reference, None, "")], silent)
        return caught.value.finding

    @pytest.mark.parametrize("damage", [lambda it: it[: len(it) // 2], lambda it: it[:-20] + bytes(20)])
    async def test_a_layer_that_is_cut_short_or_altered(self, own, engine, damage):
        with contextlib.ExitStack() as stack:
            served = own.listening(lambda: stack.enter_context(registry()))
            reference = served.add("damaged", layer(200_000))
            served.damage = damage
            finding = await self.failure(engine, reference)
            assert finding.code is Code.IMAGE_PULL_FAILED
            assert "on its way" in finding.cause, finding.evidence
            served.damage = lambda it: it
            await pull_images(engine, [PullImage(reference, None, "")], silent)

    async def test_a_registry_that_is_not_trusted(self, own, engine, tmp_path):
        address = "198.51.100.1"
        await in_thread(lambda: run(*own.enter("ip", "address", "replace", f"{address}/32", "dev", "lo")))
        with contextlib.ExitStack() as stack:
            plain = own.listening(lambda: stack.enter_context(registry(address)))
            finding = await self.failure(engine, plain.add("plain", layer(1)))
            assert "HTTP without TLS" in finding.cause, finding.evidence
            if not shutil.which("openssl"):
                pytest.skip("there is no openssl to make a certificate with")
            signed = await in_thread(lambda: self_signed(tmp_path, address))
            secured = own.listening(lambda: stack.enter_context(registry(address, signed)))
            finding = await self.failure(engine, secured.add("secured", layer(1)))
            assert "does not trust" in finding.cause, finding.evidence

    async def test_an_engine_that_dies_during_a_pull(self, own, engine):
        with contextlib.ExitStack() as stack:
            served = own.listening(lambda: stack.enter_context(registry()))
            reference = served.add("slow", layer(4_000_000))
            held = threading.Event()
            served.trickle = lambda: (served.waiting.set(), held.wait(0.2))
            running = asyncio.create_task(self.failure(engine, reference))
            await asyncio.to_thread(served.waiting.wait, 10)
            own.kill()
            finding = await running
            assert finding.code is Code.ENGINE_UNREACHABLE
            held.set()
            own.start()


async def test_a_full_disk_says_what_could_be_freed():
    with own_engine(mount=("-t", "tmpfs", "-o", "size=32m", "tmpfs")) as small, contextlib.ExitStack() as stack:
        served = small.listening(lambda: stack.enter_context(registry()))
        unused = served.add("unused", layer(5_000_000))
        engine = Engine(small.endpoint, {"HOME": "/nowhere"})
        await pull_images(engine, [PullImage(unused, None, "")], silent)
        engine.close()
        large = project(tiny("app", image=served.add("large", layer(40_000_000))), name="full")
        async with opened(small, large) as services:
            finding = await refusal(services)
        assert "images that no container uses" in finding.cause.lower()
        filler = small.inside("filler")
        with filler.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        async with opened(
            small, project(tiny("app", volumes=(volume_mount("data", "/data"),)), name="full")
        ) as services:
            await refusal(services)
            filler.unlink()
            assert {outcome.state for outcome in (await up(services)).services} == {State.RUNNING}


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


def self_signed(directory, address):
    """A certificate for `address` and its key, in one file, that nobody else vouches for."""
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", f"/CN={address}", "-addext", f"subjectAltName=IP:{address}", "-days", "2"),
        *("-keyout", str(key), "-out", str(certificate)),
    )
    both = directory / "both.pem"
    both.write_text(key.read_text() + certificate.read_text())
    return both


async def refusal(services):
    with pytest.raises(Failure) as caught:
        await up(services)
    finding = caught.value.finding
    assert finding.code is Code.ENGINE_DISK_FULL, finding
    assert finding.fixes[0].command == "docker system df"
    return finding
