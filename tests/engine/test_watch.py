"""Watching a real engine: silent while nothing moves, one look for what changed, and back after the engine was gone."""

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise
from typing import Self

import pytest

from stack.findings import Code, silent
from stack.services.compose.model import Healthcheck
from stack.services.control import Health, Pull, ServicesStatus, State
from stack.services.engine import connection, watch
from stack.services.engine.control import EngineServices
from stack.services.engine.observe import list_project, look_at
from stack.services.engine.sdk import Client
from tests.support.compose_model import IMAGE, SECOND, database, project, service, sleeper
from tests.support.engine import Sandbox, free_port
from tests.support.engine_proxy import EngineProxy, proxied

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

STREAMS = 3
"""Of containers, of images, of networks."""


def checked(name="b", test="test ! -e /ill"):
    """A service whose health check runs all the time."""
    often = Healthcheck(("CMD-SHELL", test), interval=SECOND // 5, timeout=5 * SECOND, retries=1)
    return sleeper(name, healthcheck=often)


@pytest.fixture
async def proxy(engine, tmp_path):
    async with proxied(engine.endpoint, tmp_path) as running:
        yield running


async def up(engine: Sandbox, compose) -> None:
    services = engine.services(compose)
    await services.up([], pull=Pull.MISSING, timeout=30, progress=silent)
    await services.close()


async def settled(proxy: EngineProxy) -> None:
    """Let a new watch take in what it was told of the moment before it began, and count from here."""
    while True:
        proxy.forget()
        await asyncio.sleep(0.4)
        if not proxy.requests:
            return


class Watching:
    """A watch that is read all the time; `seen` are its statuses and when they came."""

    def __init__(self, services: EngineServices) -> None:
        self._services = services
        self.seen: list[tuple[float, ServicesStatus]] = []
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._services.close()

    async def _read(self) -> None:
        async with aclosing(self._services.watch()) as statuses:
            async for status in statuses:
                async with self._changed:
                    self.seen.append((time.monotonic(), status))
                    self._changed.notify_all()

    @property
    def now(self) -> ServicesStatus:
        return self.seen[-1][1]

    def one(self, name: str):
        (found,) = (it for it in self.now.services if it.service == name)
        return found

    async def until(self, holds, seconds: float = 15) -> None:
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: bool(self.seen) and holds())

    async def state(self, name: str, state: State, health: Health = Health.NONE) -> None:
        await self.until(lambda: (self.one(name).state, self.one(name).health) == (state, health))


def watching(compose, proxy: EngineProxy) -> Watching:
    return Watching(EngineServices(compose, proxy.endpoint, {}))


async def test_nothing_is_asked_while_nothing_moves_and_one_look_is_enough_for_a_change(engine, proxy):
    compose = project(sleeper("a"), checked(), name=engine.name)
    await up(engine, compose)
    async with watching(compose, proxy) as seen:
        await seen.state("b", State.RUNNING, Health.HEALTHY)
        await settled(proxy)
        before = len(seen.seen)
        await asyncio.sleep(1.2)
        assert proxy.requests == []
        assert len(seen.seen) == before

        container = engine.container("a")
        look = f"/containers/{container.id}/json"
        network = engine.client.networks.get(f"{engine.name}_default")
        network.disconnect(container)
        await seen.until(lambda: any(network.name in cause for cause in seen.one("a").causes))
        assert proxy.requests == [look]
        container.stop(timeout=0)
        await seen.state("a", State.EXITED)
        assert proxy.requests == [look] * 2
        container.start()
        await seen.state("a", State.RUNNING)
        assert proxy.requests == [look] * 3

        proxy.forget()
        ill = engine.container("b")
        ill.exec_run("touch /ill")
        await seen.state("b", State.RUNNING, Health.UNHEALTHY)
        container.pause()
        await seen.state("a", State.PAUSED)
        container.rename(f"{engine.name}-renamed")
        await seen.until(lambda: seen.one("a").container == f"{engine.name}-renamed")
        container.remove(force=True, v=True)
        await seen.until(lambda: seen.one("a").state is State.ABSENT)
        # These events say it all, and the pause alone is followed by an end.
        assert set(proxy.requests) <= {look}
        assert len(proxy.requests) <= 1


async def test_a_new_container_shows_its_ports_and_one_that_does_not_fit_its_causes(engine, proxy):
    wanted = database(free_port())
    compose = project(wanted, name=engine.name)
    made = replace(wanted, environment={"POSTGRES_PASSWORD": "other"})
    async with watching(compose, proxy) as seen:
        await seen.state("db", State.ABSENT)
        services = engine.services(project(made, name=engine.name))
        await services.up([], pull=Pull.MISSING, timeout=60, progress=silent)
        await seen.state("db", State.RUNNING, Health.HEALTHY)
        assert seen.one("db").ports == (f"127.0.0.1:{wanted.ports[0].published}->5432/tcp",)
        assert seen.one("db").causes
        assert seen.now.services == (await engine.services(compose).status()).services
        await services.close()


async def test_one_look_tells_what_the_list_tells(engine):
    compose = project(database(free_port()), checked(), name=engine.name)
    await up(engine, compose)
    client = Client(base_url=engine.endpoint.url)
    client.pause(engine.container("b").id)
    listed = list_project(client, engine.name)
    assert {container.health for container in listed} == {Health.HEALTHY, Health.NONE}
    known = frozenset(container.config_hash for container in listed)
    assert tuple(look_at(client, container.id, known) for container in listed) == listed
    assert look_at(client, "0" * 64, known) is None
    client.close()


async def test_a_burst_of_events_is_few_statuses_and_the_last_one_is_right(engine, proxy):
    compose = project(sleeper("a"), name=engine.name)
    await up(engine, compose)
    async with watching(compose, proxy) as seen:
        await seen.state("a", State.RUNNING)
        container = engine.container("a")

        def flicker() -> None:
            for number in range(40):
                container.rename(f"{engine.name}-{number}")
            container.kill()

        await asyncio.to_thread(flicker)
        await seen.state("a", State.EXITED)
        moments = [moment for moment, _ in seen.seen[1:]]
        assert all(later - earlier > 0.09 for earlier, later in pairwise(moments))
        assert seen.one("a").container == f"{engine.name}-39"
        assert len(seen.seen) < 40


async def test_what_happens_while_it_looks_for_the_first_time_is_not_missed(engine, proxy):
    compose = project(sleeper("a"), name=engine.name)
    await up(engine, compose)
    proxy.before_answer["/containers/json"] = lambda: asyncio.to_thread(engine.container("a").kill)
    async with watching(compose, proxy) as seen:
        await seen.state("a", State.EXITED)
        assert seen.seen[0][1].services[0].state is State.RUNNING


async def test_an_engine_that_goes_and_comes_back(engine, proxy):
    compose = project(sleeper("a"), name=engine.name)
    await up(engine, compose)
    async with watching(compose, proxy) as seen:
        await seen.state("a", State.RUNNING)
        await proxy.stop()
        await seen.until(lambda: any("There is no socket" in finding.cause for finding in seen.now.findings))
        assert not seen.now.engine.reachable
        (finding,) = seen.now.findings
        assert finding.code is Code.ENGINE_UNREACHABLE
        assert "as of" in finding.cause
        # Nobody knows better.
        assert seen.one("a").state is State.RUNNING
        engine.container("a").kill()
        lost = len(seen.seen)
        proxy.forget()
        await proxy.start()
        await seen.until(lambda: seen.now.engine.reachable)
        assert seen.one("a").state is State.EXITED
        assert seen.now.findings == ()
        assert len(seen.seen) == lost + 1
        assert len(proxy.of("/containers/json")) == 1
        assert len(proxy.of("/events")) == STREAMS


async def test_a_watch_may_begin_before_the_engine(engine, proxy):
    compose = project(sleeper("a"), name=engine.name)
    await proxy.stop()
    async with watching(compose, proxy) as seen:
        await seen.until(lambda: not seen.now.engine.reachable)
        assert seen.one("a").state is State.ABSENT
        assert "as of" not in seen.now.findings[0].cause
        await proxy.start()
        await seen.until(lambda: seen.now.engine.reachable)


async def test_a_connection_that_dies_without_a_word_is_noticed(engine, proxy, monkeypatch):
    monkeypatch.setattr(watch, "_SILENCE_SECONDS", 0.3)
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 1)
    compose = project(sleeper("a"), name=engine.name)
    await proxy.stop()
    services = EngineServices(compose, await proxy.start_tcp(), {})
    services._engine.seconds = 1
    async with Watching(services) as seen:
        await seen.until(lambda: seen.now.engine.reachable)
        proxy.speaking.clear()
        await seen.until(lambda: not seen.now.engine.reachable)
        proxy.speaking.set()
        await seen.until(lambda: seen.now.engine.reachable)


async def test_a_tag_that_moves_makes_a_container_outdated(engine, proxy):
    tag = f"{engine.name}:1"
    engine.client.images.get(IMAGE).tag(engine.name, "1")
    other = None
    try:
        compose = project(replace(sleeper("a"), image=tag), name=engine.name)
        await up(engine, compose)
        async with watching(compose, proxy) as seen:
            await seen.state("a", State.RUNNING)
            await settled(proxy)
            other = engine.client.containers.create(IMAGE, "true", network_mode="none")
            committed = other.commit(engine.name, "1")
            await seen.until(lambda: bool(seen.one("a").causes))
            assert [cause.partition(":")[0] for cause in seen.one("a").causes] == ["image"]
            assert set(proxy.requests) == {request for request in proxy.requests if request.startswith("/images/")}
            assert len(proxy.requests) <= 2
        fresh = engine.services(compose)
        assert (await fresh.status()).services[0].causes == seen.one("a").causes
        await fresh.close()
    finally:
        if other is not None:
            other.remove(v=True, force=True)
        engine.clean()
        engine.client.images.remove(tag, force=True)
    assert committed.id not in {image.id for image in engine.client.images.list(all=True)}


async def test_closing_a_watch_leaves_no_stream_open(engine, proxy):
    services = EngineServices(project(service(), name=engine.name), proxy.endpoint, {})
    async with aclosing(services.watch()) as statuses:
        assert (await anext(statuses)).engine.reachable
        assert len(proxy.of("/events")) == STREAMS
        assert proxy.open
    await services.close()
    async with asyncio.timeout(30):
        await proxy.all_closed()
