"""Pulls from a real registry protocol: gauges while it runs, each failure with its own cause, and an end at once."""

import asyncio
import itertools
import threading
import time

import pytest

from stack.findings import Code, Failure, Unit, silent
from stack.services.engine.connection import Engine
from stack.services.engine.pull import pull_images
from stack.services.engine.steps import PullImage
from tests.support.registry import ARCHITECTURE, Answer, layer, registry


@pytest.fixture
def served(engine_here):
    """A registry on loopback; what the engine has of it afterwards is removed."""
    from docker import DockerClient

    with registry() as made:
        yield made
    client = DockerClient(base_url=engine_here.url)
    for image in client.images.list():
        for tag in image.tags:
            if tag.startswith(f"{made.address}/"):
                client.images.remove(tag)
    client.close()


@pytest.fixture
def engine(engine_here):
    made = Engine(engine_here, {})
    yield made
    made.close()


def steps(*references, platform=None):
    return [PullImage(reference, platform, "") for reference in references]


class Told(list):
    """A `Progress` that keeps what it was told, with the moment."""

    def __call__(self, line, gauges=()):
        self.append((time.monotonic(), line, gauges))


async def test_several_images_are_pulled_at_once_and_a_shared_layer_counts_once(engine, served):
    shared = layer(3_000_000)
    one, other = served.add("one", shared, layer(2_000_000)), served.add("other", shared, layer(1_000_000))
    served.trickle = lambda: time.sleep(0.005)
    told = Told()
    await pull_images(engine, steps(one, other), told)
    lines = [line for _, line, _ in told]
    assert lines[:2] == [f"Pulling {one}", f"Pulling {other}"]
    assert set(lines[-2:]) == {f"Pulled {one}", f"Pulled {other}"}
    reports = [(moment, gauges) for moment, _, gauges in told if gauges]
    moments = [moment for moment, _ in reports]
    assert all(later - earlier > 0.09 for earlier, later in itertools.pairwise(moments))
    wholes = [gauges[0] for _, gauges in reports]
    assert {whole.name for whole in wholes} == {"2 images"}
    totals = [whole.total or 0 for whole in wholes]
    assert totals == sorted(totals)
    assert 6_000_000 < totals[-1] < 6_100_000
    assert all(whole.done <= (whole.total or 0) for whole in wholes)
    assert any(whole.rate for whole in wholes)
    for _, (whole, *layers) in reports:
        assert len(layers) <= 3
        downloading = [gauge for gauge in layers if gauge.unit is Unit.BYTES and "extracting" not in gauge.name]
        assert all(len(gauge.name) == 12 for gauge in downloading)
        assert sum(gauge.done for gauge in downloading) <= whole.done


@pytest.mark.parametrize("stage", ["manifest", "layer"])
async def test_cancelling_ends_it_at_once(engine, served, stage):
    reference = served.add("slow", layer(4_000_000))
    held = threading.Event()
    if stage == "manifest":
        served.silent = held
    else:
        served.trickle = lambda: (served.waiting.set(), held.wait(0.3))
    running = asyncio.create_task(pull_images(engine, steps(reference), silent))
    await asyncio.to_thread(served.waiting.wait, 10)
    assert not running.done()
    threads = threading.active_count()
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 6  # the registry would keep it for many more
    assert threading.active_count() < threads
    if stage == "layer":
        # The engine lets go of the registry too. It does not break off its request for a manifest, which holds nothing.
        assert await asyncio.to_thread(served.gone.wait, 10)
    held.set()


async def test_one_that_fails_ends_the_others(engine, served):
    reference = served.add("slow", layer(4_000_000))
    held = threading.Event()
    served.trickle = lambda: held.wait(0.2)
    with pytest.raises(Failure) as caught:
        await pull_images(engine, steps(reference, f"{served.address}/absent:1"), silent)
    assert "absent" in caught.value.finding.title
    assert await asyncio.to_thread(served.gone.wait, 10)
    held.set()


BASIC = {"WWW-Authenticate": 'Basic realm="a test"'}

REFUSALS = {
    "private": (Answer(401, "UNAUTHORIZED", "authentication required", BASIC), "is private", "docker login {}"),
    "denied": (Answer(403, "DENIED", "requested access is denied"), "is private", "docker login {}"),
    "limited": (Answer(429, "TOOMANYREQUESTS", "pull rate limit"), "enough requests", "docker login {}"),
    "troubled": (Answer(500, "UNKNOWN", "oops"), "in trouble", "stackdeck up"),
    "absent": (Answer(404, "NAME_UNKNOWN", "repository name not known to registry"), "no such image", None),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_what_the_registry_refuses_has_its_own_cause_and_fix(engine, served, name):
    served.refusals[name], cause, command = REFUSALS[name]
    finding = await failure(engine, f"{served.address}/{name}:1")
    assert cause in finding.cause
    commands = [fix.command for fix in finding.fixes]
    assert (command and command.format(served.address)) in commands


async def test_a_tag_that_is_not_there(engine, served):
    served.add("known", layer(1), tag="16")
    finding = await failure(engine, f"{served.address}/known:99")
    assert "not with this tag" in finding.cause


async def test_an_image_for_other_machines(engine, served):
    other = "s390x" if ARCHITECTURE != "s390x" else "amd64"
    listed = await failure(engine, served.add_list("listed", other))
    single = await failure(engine, served.add("single", layer(1), architecture=other), platform=f"linux/{ARCHITECTURE}")
    assert "not made for this kind of machine" in listed.cause
    assert "not made for this kind of machine" in single.cause


async def test_a_registry_that_nobody_runs(engine):
    finding = await failure(engine, "127.0.0.1:9/nothing:1")
    assert "does not answer the engine" in finding.cause


async def failure(engine, reference, platform=None):
    with pytest.raises(Failure) as caught:
        await pull_images(engine, steps(reference, platform=platform), silent)
    finding = caught.value.finding
    assert finding.code is Code.IMAGE_PULL_FAILED
    assert reference in finding.title
    assert finding.evidence
    return finding
