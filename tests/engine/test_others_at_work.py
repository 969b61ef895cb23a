"""Others change the project at the same time, or hold what it needs: no wreckage, and a result that is true."""

import asyncio
import contextlib
import secrets
from dataclasses import replace

import pytest
from docker.types import Mount

from stack.findings import Code, Failure, Severity, silent
from stack.services.approval import lose_all
from stack.services.compose.hash import volume_hash
from stack.services.compose.model import Condition, Network
from stack.services.control import Pull, State, Volumes
from stack.services.engine import up as converging
from tests.support.compose_model import IMAGE, after, project, service, sleeper, volume_mount

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

NO_VOLUME = ("/var/lib/postgresql/data",)
"""In the place of a nameless volume, which a `down` leaves behind."""


@contextlib.asynccontextmanager
async def opened(engine, compose):
    services = engine.services(compose)
    try:
        yield services
    finally:
        await services.close()


async def up(services, *names, progress=silent):
    return await services.up(names, pull=Pull.MISSING, timeout=30, progress=progress, approve=lose_all)


def names(engine):
    return sorted(it.name.removeprefix(f"{engine.name}-") for it in engine.containers())


@contextlib.contextmanager
def stranger(engine, **options):
    """A container that belongs to no Compose project."""
    options = {"entrypoint": ["sleep", "1000"], "init": True, "tmpfs": {"/var/lib/postgresql/data": ""}} | options
    container = engine.client.containers.run(IMAGE, detach=True, **options)
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


@pytest.mark.parametrize("moment", range(0, 12, 3))
async def test_down_in_the_middle_of_up(engine, moment):
    """`down` begins when `up` has told so many lines; whatever comes of it, one more `up` leaves nothing half."""
    app = sleeper("app", depends_on=after("db"), tmpfs=NO_VOLUME)
    compose = project(sleeper("db", tmpfs=NO_VOLUME), app, name=engine.name)
    async with opened(engine, compose) as services, opened(engine, compose) as other:
        told: list[str] = []
        begun = asyncio.Event()

        def progress(line, gauges=()):
            told.append(line)
            if len(told) > moment:
                begun.set()

        async def take_down():
            await begun.wait()
            return await other.down(volumes=Volumes.KEEP, progress=silent)

        downing = asyncio.create_task(take_down())
        with contextlib.suppress(Failure):
            await up(services, progress=progress)
        begun.set()
        await downing
        result = await up(services)
        assert {outcome.state for outcome in result.services} == {State.RUNNING}
        assert names(engine) == ["app-1", "db-1"]
        assert len([name for name in engine.leftovers() if name == f"{engine.name}_default"]) == 1


async def test_a_container_that_is_being_removed_or_was_removed_is_made_anew(engine):
    compose = project(sleeper("app"), name=engine.name)
    async with opened(engine, compose) as services:
        await up(services)
        removing = asyncio.to_thread(engine.container("app").remove, force=True, v=True)
        await asyncio.gather(removing, up(services))
        # It may have been there when that `up` looked.
        await up(services)
        assert names(engine) == ["app-1"]
        (status,) = (await services.status()).services
        assert status.state is State.RUNNING


async def test_a_network_that_strangers_are_on_is_not_taken_from_them(engine, monkeypatch):
    # As a newer Compose than the one that may be here, which labels networks with what they were made of.
    monkeypatch.setattr(converging, "installed_compose", lambda _: None)
    compose = project(sleeper("app", tmpfs=NO_VOLUME), name=engine.name)
    async with opened(engine, compose) as services:
        await up(services)
        with stranger(engine, network=f"{engine.name}_default") as visitor:
            changed = replace(
                compose, networks={"default": Network("default", f"{engine.name}_default", internal=True)}
            )
            async with opened(engine, changed) as other:
                with pytest.raises(Failure) as caught:
                    await up(other)
            assert caught.value.finding.code is Code.NETWORK_IN_USE
            assert visitor.name in caught.value.finding.cause
            assert engine.container("app").status == "running"

            result = await services.down(volumes=Volumes.KEEP, progress=silent)
            (finding,) = result.findings
            assert (finding.code, finding.severity) == (Code.NETWORK_IN_USE, Severity.WARNING)
            assert visitor.name in finding.cause
        again = await services.down(volumes=Volumes.KEEP, progress=silent)
        assert again.removed == (f"network {engine.name}_default",)


async def test_a_volume_that_a_stranger_has_stays(engine):
    compose = project(sleeper("app", volumes=(volume_mount("data", "/data"),)), name=engine.name)
    async with opened(engine, compose) as services:
        await up(services)
        with stranger(engine, mounts=[Mount("/theirs", f"{engine.name}_data")]) as user:
            result = await services.down(volumes=Volumes.REMOVE, progress=silent)
            (finding,) = result.findings
            assert finding.code is Code.VOLUME_IN_USE
            assert user.name in finding.cause
            assert engine.leftovers() == [f"{engine.name}_data"]


async def test_a_volume_with_other_settings_is_kept_and_named(engine):
    compose = project(sleeper("app", volumes=(volume_mount("data", "/data"),)), name=engine.name)
    async with opened(engine, compose) as services:
        await up(services)
    volume = replace(compose.volumes["data"], labels={"purpose": "bookings"})
    assert volume_hash(volume) != volume_hash(compose.volumes["data"])
    async with opened(engine, replace(compose, volumes={"data": volume})) as services:
        result = await up(services)
    (finding,) = result.findings
    assert finding.code is Code.VOLUME_OUTDATED
    assert 'labels.purpose: unset → "bookings"' in finding.cause


async def test_an_image_that_goes_between_plan_and_create(engine):
    name = f"stackdeck-test-image-{secrets.token_hex(4)}"
    engine.client.images.get(IMAGE).tag(name, "gone")
    reference = f"{name}:gone"
    compose = project(sleeper("app", image=reference), name=engine.name)
    async with opened(engine, compose) as services:

        def progress(line, gauges=()):
            if line.startswith("Creating network"):
                engine.client.images.remove(reference)

        with pytest.raises(Failure) as caught:
            await up(services, progress=progress)
    # It was looked for again, and nobody has it.
    assert caught.value.finding.code is Code.IMAGE_PULL_FAILED
    assert names(engine) == []


async def test_a_service_that_runs_out_of_memory_says_so(engine):
    hungry = service(
        "app",
        entrypoint=("sh", "-c", "sleep 0.3; tail /dev/zero"),
        mem_limit=8 << 20,
        memswap_limit=8 << 20,
        volumes=(volume_mount("data", "/var/lib/postgresql/data"),),
    )
    waiting = sleeper("late", depends_on=after("app", condition=Condition.COMPLETED))
    async with opened(engine, project(hungry, waiting, name=engine.name)) as services:
        with pytest.raises(Failure) as caught:
            await up(services)
    finding = caught.value.finding
    assert finding.code is Code.SERVICE_EXITED
    assert "more memory than it may have" in finding.cause
    assert "mem_limit of app" in finding.fixes[0].title
