"""What containers use and what their health checks said, by a real engine; measured only while somebody reads."""

import asyncio
import json
import subprocess
from contextlib import aclosing

import pytest

from stack.findings import Code, Failure, silent
from stack.services.compose.model import Healthcheck
from stack.services.control import Pull
from stack.services.engine.control import EngineServices
from tests.support.compose_model import SECOND, project, service, sleeper
from tests.support.engine_proxy import proxied

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def bytes_of(shown: str) -> float:
    number = shown.rstrip("KMGiB")
    return float(number) * UNITS[shown.removeprefix(number)]


def docker_stats(container: str) -> dict[str, str]:
    done = subprocess.run(
        ["docker", "stats", "--no-stream", "--format", "json", container], capture_output=True, check=True
    )
    return json.loads(done.stdout)


def memory_of(container: str) -> float:
    return bytes_of(docker_stats(container)["MemUsage"].split(" ")[0])


async def test_containers_are_measured_as_docker_measures_them(engine, tmp_path):
    busy = service(
        "busy", entrypoint=("sh", "-c", "while :; do :; done"), command=(), init=True, mem_limit=64 << 20, cpus=0.3
    )
    compose = project(busy, sleeper("idle"), name=engine.name)
    async with proxied(engine.endpoint, tmp_path) as proxy:
        services = EngineServices(compose, proxy.endpoint, {})
        await services.up([], pull=Pull.MISSING, timeout=30, progress=silent)
        async with aclosing(services.usage([])) as samples, asyncio.timeout(30):
            used = {each.service: each for each in await anext(samples)}
            assert set(used) == {"busy", "idle"}
            assert 0.02 < used["busy"].cpu < 0.6
            assert used["idle"].cpu < 0.02
            assert (used["busy"].memory_limit, used["idle"].memory_limit) == (64 << 20, None)
            # A container that has just begun gives memory back, and the two look at two moments.
            while used["idle"].memory != pytest.approx(memory_of(used["idle"].container), rel=0.3, abs=300_000):
                used = {each.service: each for each in await anext(samples)}

            engine.container("busy").kill()
            after = await anext(samples)
            assert {each.service for each in after} <= {"idle", "busy"}
            assert {each.service for each in await anext(samples)} == {"idle"}
            # Nobody reads on, so nothing is asked.
            proxy.forget()
            await asyncio.sleep(1.2)
            assert proxy.requests == []
            async with aclosing(services.usage(["busy"])) as others:
                assert await anext(others) == ()
        await services.close()


async def test_a_health_check_tells_its_last_five_runs(engine):
    talkative = Healthcheck(
        ("CMD-SHELL", "date +%s%N >>/runs; wc -l </runs; head -c 9000 /dev/zero | tr '\\0' x; exit 3"),
        interval=SECOND // 5,
        timeout=5 * SECOND,
        retries=1000,
    )
    services = engine.services(project(sleeper("a", healthcheck=talkative), sleeper("b"), name=engine.name))
    assert await services.probes("a") == ()
    with pytest.raises(Failure):
        await services.up([], pull=Pull.MISSING, timeout=1, progress=silent)
    async with asyncio.timeout(20):
        while True:
            runs = await services.probes("a")
            if len(runs) == 5:
                break
            await asyncio.sleep(0.2)
    assert {run.exit_code for run in runs} == {3}
    assert [run.ended_at for run in runs] == sorted(run.ended_at for run in runs)
    assert all(run.output.lstrip()[0].isdigit() and len(run.output) <= 4200 for run in runs)
    assert await services.probes("b") == ()
    with pytest.raises(Failure) as unknown:
        await services.probes("nothing")
    assert unknown.value.finding.code is Code.SERVICE_UNKNOWN
    await services.close()
