"""Logs of a real engine: merged by time, followed through restarts and recreates, and closed at once."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from stack.findings import Failure, silent
from stack.services.compose.model import Logging
from stack.services.control import LineKind, Overflow, Pull, Volumes
from stack.services.engine.control import EngineServices
from stack.services.engine.endpoint import resolve_endpoint
from tests.support.compose_model import project, service

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def shouter(name, script, **fields):
    return service(name, entrypoint=("sh", "-c", script), command=(), init=True, **fields)


async def up(services):
    await services.up([], pull=Pull.MISSING, timeout=30, progress=silent)


async def until(lines, text):
    """The texts up to and with the first line that is `text`."""
    seen = []
    async for line in lines:
        seen.append(line.text)
        if line.text == text:
            return seen
    pytest.fail(f"the log ended without {text!r}: {seen}")


async def test_history_is_merged_by_time_and_limited(engine):
    script = "for i in 1 2 3; do echo {0}$i; sleep 0.2; done; printf 'Gr\\303\\274\\303\\237e\\n'; exec sleep 1000"
    compose = project(
        shouter("a", script.format("a")), shouter("b", "sleep 0.1; " + script.format("b")), name=engine.name
    )
    services = engine.services(compose)
    await up(services)
    async with aclosing(services.follow([], tail=None, since=None)) as lines:
        greeted = set()
        async for line in lines:
            if line.text == "Grüße":
                greeted.add(line.service)
            if greeted == {"a", "b"}:
                break
    await services.stop([], progress=silent)
    history = [line async for line in services.logs([], tail=None, since=None)]
    assert [line.time for line in history] == sorted(line.time for line in history)
    assert [line.text for line in history if line.service == "a"] == ["a1", "a2", "a3", "Grüße"]
    assert {line.container for line in history} == {f"{engine.name}-a-1", f"{engine.name}-b-1"}
    assert [line.text async for line in services.logs(["b"], tail=2, since=None)] == ["b3", "Grüße"]
    assert [line async for line in services.logs(["b"], tail=None, since=history[-1].time.replace(year=2100))] == []
    await services.close()


async def test_a_driver_that_keeps_nothing_is_named_and_hides_no_other_log(engine):
    silent_one = shouter("a", "echo unheard; exec sleep 1000", logging=Logging("none"))
    services = engine.services(project(silent_one, shouter("b", "echo heard; exec sleep 1000"), name=engine.name))
    await up(services)
    async with aclosing(services.follow(["b"], tail=None, since=None)) as lines:
        await until(lines, "heard")
    texts = [line.text async for line in services.logs([], tail=None, since=None)]
    assert texts == ["heard", "its log cannot be read: configured logging driver does not support reading"]
    with pytest.raises(Failure) as caught:
        _ = [line async for line in services.logs(["a"], tail=None, since=None)]
    assert caught.value.finding.title == f"The log of {engine.name}-a-1 cannot be read"
    assert "json-file" in caught.value.finding.fixes[0].title
    await services.close()


async def test_following_goes_on_through_whatever_happens_and_says_it_in_its_place(engine):
    script = "for i in 1 2 3; do echo $MARK $i; done; exec sleep 1000"
    # Without the image's nameless volume, which `down` would leave behind.
    without = {"stop_signal": "SIGTERM", "tmpfs": ("/var/lib/postgresql/data",)}
    before = shouter("a", script, environment={"MARK": "one"}, **without)
    services = engine.services(project(before, name=engine.name))
    await up(services)
    changed = engine.services(project(replace(before, environment={"MARK": "two"}), name=engine.name))
    name = f"{engine.name}-a-1"
    stopped, started = f"container {name} stopped (exit status 143)", f"container {name} started"
    one, two = ["one 1", "one 2", "one 3"], ["two 1", "two 2", "two 3"]
    async with aclosing(services.follow(["a"], tail=None, since=None)) as lines:
        assert await until(lines, "one 3") == one
        await services.restart([], progress=silent)
        assert await until(lines, "one 3") == [stopped, started, *one]
        await services.stop([], progress=silent)
        assert await until(lines, stopped) == [stopped]
        await up(services)
        assert await until(lines, "one 3") == [started, *one]
        old = engine.container("a").id[:12]
        await up(changed)
        new = engine.container("a").id[:12]
        replaced = f"container {name} ({old}) replaced by {name} ({new})"
        assert await until(lines, "two 3") == [stopped, replaced, *two]
        await changed.down(volumes=Volumes.KEEP, progress=silent)
        await up(changed)
        last = engine.container("a").id[:12]
        replaced = f"container {name} ({new}) replaced by {name} ({last})"
        assert await until(lines, "two 3") == [stopped, replaced, *two]
    await services.close()
    await changed.close()


async def test_a_replica_that_is_added_is_followed_too(engine):
    services = engine.services(project(shouter("a", "echo hello; exec sleep 1000"), name=engine.name))
    await up(services)
    async with aclosing(services.follow([], tail=None, since=None)) as lines:
        await until(lines, "hello")
        first = engine.container("a")
        labels = {**first.labels, "com.docker.compose.container-number": "2"}
        engine.client.containers.run(
            first.attrs["Config"]["Image"],
            entrypoint=["echo", "it is me"],
            name=f"{engine.name}-a-2",
            labels=labels,
            detach=True,
        )
        seen = await until(lines, f"container {engine.name}-a-2 stopped (exit status 0)")
        assert seen == [f"container {engine.name}-a-2 started", "it is me", seen[-1]]
    await services.close()


async def test_closing_does_not_wait_for_a_silent_log(engine):
    services = engine.services(project(shouter("a", "echo hello; exec sleep 1000"), name=engine.name))
    await up(services)
    lines = services.follow([], tail=10, since=None)
    assert (await anext(lines)).text == "hello"
    waiting = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(30):
        await lines.aclose()
        await services.close()


async def test_a_long_line_comes_whole(engine):
    services = engine.services(
        project(shouter("a", "head -c 40000 /dev/zero | tr '\\0' x; echo; exec sleep 1000"), name=engine.name)
    )
    await up(services)
    async with aclosing(services.follow([], tail=None, since=None)) as lines:
        assert (await anext(lines)).text == "x" * 40_000
    await services.close()


async def test_a_line_that_is_still_being_written_is_shown_when_it_ends(engine):
    """The engine has only its first 16 KiB when following begins."""
    begun = "echo first; head -c 20000 /dev/zero | tr '\\0' x"
    script = f"{begun}; trap 'echo; exec sleep 1000' USR1; while :; do sleep 0.1; done"
    services = engine.services(project(shouter("a", script), name=engine.name))
    await up(services)
    async with asyncio.timeout(60):
        while [line.text async for line in services.logs([], tail=None, since=None)] != ["first", "x" * 16_384]:
            pass
    async with asyncio.timeout(60), aclosing(services.follow([], tail=None, since=None)) as lines:
        assert (await anext(lines)).text == "first"
        rest = asyncio.ensure_future(anext(lines))
        done, _ = await asyncio.wait({rest}, timeout=0.5)
        assert not done
        engine.container("a").kill("USR1")
        assert (await rest).text == "x" * 20_000
    await services.close()


async def test_of_no_last_lines_only_what_comes_is_followed(engine):
    script = "echo before; echo then; trap 'echo after; exec sleep 1000' USR1; while :; do sleep 0.1; done"
    services = engine.services(project(shouter("a", script), name=engine.name))
    await up(services)
    async with aclosing(services.follow([], tail=None, since=None)) as lines:
        await until(lines, "then")
    assert [line async for line in services.logs([], tail=0, since=None)] == []
    async with asyncio.timeout(60), aclosing(services.follow([], tail=0, since=None)) as lines:
        first = asyncio.ensure_future(anext(lines))
        done, _ = await asyncio.wait({first}, timeout=0.5)
        assert not done
        engine.container("a").kill("USR1")
        assert (await first).text == "after"
    await services.close()


async def test_of_a_flood_the_newest_is_kept_the_rest_counted_and_others_are_heard(engine):
    """Every line is numbered, so what is missing can be counted."""
    flood = (
        'exec awk \'BEGIN{while(1){for(i=0;i<5000;i++) print ++n, "LOG:  as long as what servers write, mostly"; '
        'fflush(); system("sleep 0.1")}}\''
    )
    quiet = "while :; do echo tick; sleep 0.2; done"
    services = engine.services(project(shouter("loud", flood), shouter("quiet", quiet), name=engine.name))
    await up(services)
    expected, dropped, shown, ticks = None, 0, 0, 0
    async with asyncio.timeout(60), aclosing(services.follow([], tail=10, since=None, overflow=Overflow.DROP)) as lines:
        # Until both are so: on a busy machine the flood is slower, and so is whoever reads it.
        async for line in lines:
            match line.kind:
                case LineKind.GAP:
                    assert line.text == f"{line.dropped:,} lines dropped"
                    dropped += line.dropped
                    expected = expected and expected + line.dropped
                case LineKind.OUTPUT if line.service == "quiet":
                    ticks += 1
                case LineKind.OUTPUT:
                    number = int(line.text.split()[0])
                    assert expected is None or number == expected
                    expected = number + 1
                    shown += 1
            if ticks >= 5 and dropped > 4 * shown > 0:
                break
    await services.close()


async def test_a_lost_engine_is_said_and_following_goes_on_when_it_is_back(engine, tmp_path):
    services = engine.services(
        project(shouter("a", "i=0; while :; do echo $((i += 1)); sleep 0.05; done"), name=engine.name)
    )
    await up(services)
    async with Relay(engine.endpoint.socket_path, tmp_path / "relay.sock") as relay:
        far = EngineServices(services._project, resolve_endpoint({"DOCKER_HOST": relay.url}), {})
        async with aclosing(far.follow([], tail=1, since=None)) as lines:
            first = int((await anext(lines)).text)
            await until(lines, str(first + 5))
            await relay.cut()
            seen = await until(lines, "the engine does not answer any more")
            await relay.listen()
            seen += await until(lines, "the engine answers again")
            seen += [(await anext(lines)).text for _ in range(30)]
            numbers = [int(text) for text in seen if text.isdecimal()]
            assert numbers == list(range(first + 6, first + 6 + len(numbers)))
        await far.close()
    await services.close()


class Relay:
    """A socket that passes everything on to the engine's, and can be cut off."""

    def __init__(self, engine, path):
        self.engine, self.path, self.url = engine, path, f"unix://{path}"
        self._writers = []

    async def __aenter__(self):
        await self.listen()
        return self

    async def __aexit__(self, *_):
        await self.cut()

    async def listen(self):
        self._server = await asyncio.start_unix_server(self._pass_on, self.path)

    async def cut(self):
        self._server.close()
        self.path.unlink(missing_ok=True)
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        await self._server.wait_closed()

    async def _pass_on(self, reader, writer):
        engine_reader, engine_writer = await asyncio.open_unix_connection(self.engine)
        self._writers += [writer, engine_writer]
        await asyncio.gather(
            self._copy(reader, engine_writer), self._copy(engine_reader, writer), return_exceptions=True
        )

    async def _copy(self, reader, writer):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
        writer.close()
