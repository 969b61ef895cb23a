"""`up` on a real engine: it makes what is missing, keeps what is right, finishes what was interrupted."""

import asyncio
import contextlib
import socket
from dataclasses import replace

import pytest

from stack.findings import Code, Failure, silent
from stack.services.compose.model import Condition, Healthcheck, Port
from stack.services.control import Action, Health, Pull, State, Volumes
from stack.services.engine.control import EngineServices
from stack.services.engine.endpoint import Endpoint
from tests.support.compose_model import SECOND, after, database, project, service, sleeper, volume_mount
from tests.support.engine import free_port

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


async def up(services, *names, timeout=60, progress=silent, pull=Pull.MISSING):
    return await services.up(names, pull=pull, timeout=timeout, progress=progress)


def actions(result):
    return {outcome.service: outcome.action for outcome in result.services}


@contextlib.asynccontextmanager
async def opened(engine, compose):
    services = engine.services(compose)
    try:
        yield services
    finally:
        await services.close()


async def test_from_nothing_to_healthy_and_back(engine):
    compose = project(database(free_port()), name=engine.name, directory=engine.directory)
    async with opened(engine, compose) as services:
        planned = await services.plan([], pull=Pull.MISSING)
        assert not engine.leftovers()
        result = await up(services)
        assert result.plan == planned.plan
        (outcome,) = result.services
        assert (outcome.action, outcome.state, outcome.health) == (Action.CREATED, State.RUNNING, Health.HEALTHY)
        (status,) = (await services.status()).services
        assert (status.health, status.causes) == (Health.HEALTHY, ())
        again = await up(services)
        assert actions(again) == {"db": Action.KEPT}
        removed = await services.down(volumes=Volumes.REMOVE, progress=silent)
        assert set(removed.removed) == {
            f"container {engine.name}-db-1",
            f"network {engine.name}_default",
            f"volume {engine.name}_data",
        }
    assert not engine.leftovers()


async def test_what_a_running_service_needs_is_waited_for_when_it_begins_again(engine):
    app = sleeper("app", depends_on=after("migrate", condition=Condition.COMPLETED))
    migrate = replace(sleeper("migrate"), entrypoint=("sleep", "0.1"))
    async with opened(engine, project(migrate, app, name=engine.name)) as services:
        await up(services)
    failing = replace(migrate, entrypoint=("sh", "-c", "sleep 0.1; exit 3"))
    async with opened(engine, project(failing, app, name=engine.name)) as services:
        with pytest.raises(Failure) as caught:
            await up(services, "app")
        assert caught.value.finding.title == "migrate has exited"
        assert [it.state for it in (await services.status()).services] == [State.EXITED, State.RUNNING]


async def test_down_keeps_the_data_unless_told_otherwise(engine):
    compose = project(database(free_port()), name=engine.name)
    async with opened(engine, compose) as services:
        await up(services)
        await services.down(volumes=Volumes.KEEP, progress=silent)
        assert engine.leftovers() == [f"{engine.name}_data"]


async def test_an_anonymous_volume_is_a_loss_only_with_something_in_it(engine):
    scratch = volume_mount(None, "/scratch")
    idle = sleeper("idle", volumes=(scratch,))
    busy = replace(idle, name="busy", entrypoint=("sh", "-c", "head -c 5000 /dev/zero >/scratch/it; exec sleep 1000"))
    busy = replace(busy, healthcheck=Healthcheck(test=("CMD", "test", "-s", "/scratch/it"), interval=200_000_000))
    async with opened(engine, project(idle, busy, name=engine.name)) as services:
        await up(services)
        plan = await services.plan_down(volumes=Volumes.KEEP)
    losses = {step.resource: [loss.size for loss in step.losses] for step in plan if step.losses}
    assert losses == {f"container {engine.name}-busy-1": [5000]}


async def test_a_change_recreates_with_its_cause_and_keeps_volumes(engine):
    scratch = volume_mount(None, "/scratch")
    before = sleeper("app", volumes=(scratch,), environment={"A": "1"})
    async with opened(engine, project(before, name=engine.name)) as services:
        await up(services)
    old = engine.container("app")
    volumes = {mount["Destination"]: mount["Name"] for mount in old.attrs["Mounts"]}
    assert "/scratch" in volumes
    changed = replace(before, environment={"A": "2"}, user="0")
    async with opened(engine, project(changed, name=engine.name)) as services:
        (status,) = (await services.status()).services
        assert set(status.causes) == {'environment.A: "1" → "2"', 'user: unset → "0"'}
        result = await up(services)
    assert [(step.action, step.cause) for step in result.plan] == [(Action.RECREATED, "; ".join(status.causes))]
    new = engine.container("app")
    assert new.id != old.id
    assert new.name == f"{engine.name}-app-1"
    assert {mount["Destination"]: mount["Name"] for mount in new.attrs["Mounts"]} == volumes


async def test_a_dependent_starts_when_its_dependency_is_healthy(engine):
    slow = sleeper("slow", healthcheck=Healthcheck(("CMD", "test", "-e", "/ready"), interval=SECOND, retries=100))
    early = sleeper("early", depends_on=after("slow", condition=Condition.HEALTHY))
    async with opened(engine, project(early, slow, name=engine.name)) as services:
        waiting = asyncio.Event()
        running = asyncio.create_task(up(services, progress=lambda line: "Waiting" in line and waiting.set()))
        await waiting.wait()
        assert engine.container("early").status == "created"
        engine.container("slow").exec_run(["touch", "/ready"])
        result = await running
    assert {outcome.state for outcome in result.services} == {State.RUNNING}


async def test_pulling_an_image_that_has_not_moved_keeps_its_containers(engine):
    async with opened(engine, project(sleeper("app"), name=engine.name)) as services:
        await up(services)
        lines = []
        result = await up(services, pull=Pull.ALWAYS, progress=lambda line, *_: lines.append(line))
    assert [step.action for step in result.plan] == [Action.PULLED, Action.KEPT]
    assert lines[0] == "Pulling postgres:16-alpine"


async def test_without_an_engine_the_plan_is_for_an_empty_one(tmp_path):
    compose = project(database(5432))
    services = EngineServices(compose, Endpoint(f"unix://{tmp_path}/none.sock", "a test"), {"HOME": str(tmp_path)})
    planned = await services.plan([], pull=Pull.MISSING)
    assert actions(planned) == {"db": Action.CREATED}
    status = await services.status()
    assert not status.engine.reachable
    assert [it.state for it in status.services] == [State.ABSENT]
    assert planned.findings[0].code is status.findings[0].code is Code.ENGINE_UNREACHABLE
    with pytest.raises(Failure) as caught:
        await up(services)
    assert caught.value.finding.code is Code.ENGINE_UNREACHABLE


async def test_naming_a_service_enables_it(engine):
    compose = project(sleeper("app"), name=engine.name, disabled=[sleeper("tool", profiles=("tools",))])
    async with opened(engine, compose) as services:
        assert actions(await up(services)) == {"app": Action.CREATED}
        assert actions(await up(services, "tool")) == {"tool": Action.CREATED}
        await services.down(volumes=Volumes.REMOVE, progress=silent)
    assert not engine.leftovers()


async def test_stop_restart_and_start_again(engine):
    compose = project(sleeper("app", ports=(Port(80, str(free_port()), "127.0.0.1"),)), name=engine.name)
    async with opened(engine, compose) as services:
        await up(services)
        identity = engine.container("app").id
        (stopped,) = await services.stop([], progress=silent)
        assert stopped.state is State.EXITED
        assert actions(await up(services)) == {"app": Action.STARTED}
        (restarted,) = await services.restart(["app"], progress=silent)
        assert restarted.state is State.RUNNING
        engine.container("app").pause()
        assert actions(await up(services)) == {"app": Action.STARTED}
    assert engine.container("app").id == identity


class TestFailures:
    async def test_a_port_that_a_process_holds_is_found_before_anything_is_made(self, engine):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            async with opened(engine, project(database(port), name=engine.name)) as services:
                with pytest.raises(Failure) as caught:
                    await up(services)
                assert caught.value.finding.code is Code.PORT_TAKEN
                assert not engine.leftovers()

    async def test_a_container_that_lost_its_port_is_started_and_not_recreated(self, engine):
        port = free_port()
        async with opened(engine, project(database(port), name=engine.name)) as services:
            await up(services)
            await services.stop([], progress=silent)
            identity = engine.container("db").id
            with socket.socket() as holder:
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                holder.bind(("127.0.0.1", port))
                holder.listen()
                with pytest.raises(Failure) as caught:
                    await up(services)
                assert caught.value.finding.code is Code.PORT_TAKEN
            assert actions(await up(services)) == {"db": Action.STARTED}
        assert engine.container("db").id == identity

    async def test_a_name_that_a_stranger_has(self, engine):
        name = f"{engine.name}-named"
        stranger = engine.client.containers.create("postgres:16-alpine", name=name)
        try:
            async with opened(engine, project(sleeper("app", container_name=name), name=engine.name)) as services:
                with pytest.raises(Failure) as caught:
                    await up(services)
            assert caught.value.finding.code is Code.CONTAINER_NAME_TAKEN
        finally:
            stranger.remove(v=True)

    async def test_a_service_that_exits_shows_the_end_of_its_log(self, engine):
        command = ("sh", "-c", "echo this is why >&2; exit 3")
        # With a health check, it has to be more than started.
        failing = service("app", entrypoint=command, healthcheck=Healthcheck(("CMD", "true"), interval=SECOND))
        async with opened(engine, project(failing, name=engine.name)) as services:
            with pytest.raises(Failure) as caught:
                await up(services)
        assert caught.value.finding.code is Code.SERVICE_EXITED
        assert "status 3" in caught.value.finding.cause
        assert "this is why" in (caught.value.finding.evidence or "")

    async def test_an_unhealthy_service_shows_what_its_probe_said(self, engine):
        probe = Healthcheck(("CMD-SHELL", "echo no such luck; exit 1"), interval=SECOND // 2, retries=1)
        async with opened(engine, project(sleeper("app", healthcheck=probe), name=engine.name)) as services:
            with pytest.raises(Failure) as caught:
                await up(services)
        assert caught.value.finding.code is Code.SERVICE_UNHEALTHY
        assert "no such luck" in (caught.value.finding.evidence or "")

    async def test_waiting_ends_in_time(self, engine):
        probe = Healthcheck(("CMD", "false"), interval=SECOND, retries=1000)
        async with opened(engine, project(sleeper("app", healthcheck=probe), name=engine.name)) as services:
            with pytest.raises(Failure) as caught:
                await up(services, timeout=1)
        assert caught.value.finding.code is Code.SERVICE_TIMEOUT

    async def test_an_image_that_nobody_has(self, engine):
        compose = project(sleeper("app", image="postgres:no-such-tag"), name=engine.name)
        async with opened(engine, compose) as services:
            with pytest.raises(Failure) as caught:
                await up(services)
            assert caught.value.finding.code is Code.IMAGE_PULL_FAILED
            with pytest.raises(Failure) as caught:
                await up(services, pull=Pull.NEVER)
            assert caught.value.finding.code is Code.IMAGE_MISSING
        assert not engine.leftovers()


async def test_two_at_once_make_one_stack(engine):
    compose = project(database(free_port()), sleeper("app", depends_on=after("db")), name=engine.name)
    async with opened(engine, compose) as one, opened(engine, compose) as other:
        results = await asyncio.gather(up(one), up(other))
        for result in results:
            assert {outcome.state for outcome in result.services} == {State.RUNNING}
        assert sorted(it.name for it in engine.containers()) == [f"{engine.name}-app-1", f"{engine.name}-db-1"]
        assert set(actions(await up(one)).values()) == {Action.KEPT}


async def test_two_recreates_at_once_make_one_stack(engine):
    before = sleeper("app", environment={"A": "1"})
    async with opened(engine, project(before, name=engine.name)) as services:
        await up(services)
    compose = project(replace(before, environment={"A": "2"}), name=engine.name)
    async with opened(engine, compose) as one, opened(engine, compose) as other:
        await asyncio.gather(up(one), up(other))
        assert [it.name for it in engine.containers()] == [f"{engine.name}-app-1"]
        assert actions(await up(one)) == {"app": Action.KEPT}


@pytest.mark.parametrize("step", range(10))
async def test_interrupted_at_any_step_the_next_up_finishes(engine, step):
    """Each line of progress is a step: `up` is cancelled when it has told so many of them."""
    stale = sleeper("old", environment={"A": "1"})
    async with opened(engine, project(stale, name=engine.name)) as services:
        await up(services)
    probe = Healthcheck(("CMD", "true"), interval=SECOND, start_period=SECOND, start_interval=SECOND // 10)
    compose = project(
        sleeper("db", volumes=(volume_mount("data", "/data"),), healthcheck=probe),
        sleeper("app", depends_on=after("db", condition=Condition.HEALTHY)),
        replace(stale, environment={"A": "2"}),
        name=engine.name,
    )
    async with opened(engine, compose) as services:
        told = []

        def progress(line):
            told.append(line)
            if len(told) == step + 1:
                running.cancel()

        running = asyncio.ensure_future(up(services, progress=progress))
        with contextlib.suppress(asyncio.CancelledError):
            await running
        result = await up(services)
        assert {outcome.state for outcome in result.services} == {State.RUNNING}
        names = sorted(it.name for it in engine.containers())
        assert names == [f"{engine.name}-{service}-1" for service in ("app", "db", "old")]
        assert set(actions(await up(services)).values()) == {Action.KEPT}
