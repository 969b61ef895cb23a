"""Only the newest answer counts, nothing overlaps that must not, and no failure is lost."""

import asyncio

import pytest
from textual.app import App

from stack.findings import Code, Failure, Finding
from tests.tui.support import until
from tui.requests import BATCH, Answered, Asking, Feed, Request


class Asker(Asking, App[None]):
    """An app that keeps what its requests bring."""

    def __init__(self):
        super().__init__()
        self.got = []
        self.refused = []
        self.request = Request(self, "test", receive=self.got.append, refuse=self.refused.append)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def answering(value, gate: asyncio.Event):
    async def call():
        await gate.wait()
        return value

    return call


async def test_a_stale_answer_is_dropped_even_where_its_work_cannot_be_cancelled():
    app = Asker()
    async with app.run_test() as pilot:
        gate, ended = asyncio.Event(), asyncio.Event()

        async def stubborn():
            while not gate.is_set():
                try:
                    await gate.wait()
                except asyncio.CancelledError:
                    continue
            ended.set()
            return "old"

        app.request.ask(stubborn)
        await pilot.pause()
        app.request.ask(answering("new", gate))
        await pilot.pause()
        gate.set()
        await ended.wait()
        await until(pilot, lambda: app.got == ["new"])
        await pilot.pause(0.05)
        assert app.got == ["new"]
        assert not app.request.pending


async def test_polling_asks_one_at_a_time():
    app = Asker()
    async with app.run_test() as pilot:
        gate = asyncio.Event()
        app.request.poll(answering(1, gate))
        app.request.poll(answering(2, gate))
        gate.set()
        await until(pilot, lambda: app.got == [1])
        app.request.poll(answering(3, gate))
        await until(pilot, lambda: app.got == [1, 3])


async def test_a_failure_comes_as_findings():
    finding = Finding(Code.ENGINE_UNREACHABLE, "No engine", "none")
    app = Asker()
    async with app.run_test() as pilot:

        async def fail():
            raise Failure(finding)

        app.request.ask(fail)
        await until(pilot, lambda: app.refused == [(finding,)])
        assert not app.request.pending


async def test_an_unexpected_exception_is_shown_and_does_not_end_the_app():
    app = Asker()
    async with app.run_test() as pilot:

        async def fail():
            raise ZeroDivisionError("by nothing")

        app.request.ask(fail)
        await until(pilot, lambda: bool(app.refused))
        assert app.refused[0][0].code is Code.INTERNAL
        assert "by nothing" in app.refused[0][0].cause
        app.request.ask(answering("alive", _set()))
        await until(pilot, lambda: app.got == ["alive"])


async def test_cancelling_leaves_nothing_pending_and_brings_nothing():
    app = Asker()
    async with app.run_test() as pilot:
        gate = asyncio.Event()
        app.request.ask(answering("never", gate))
        await pilot.pause()
        app.request.cancel()
        gate.set()
        await pilot.pause(0.05)
        assert (app.got, app.refused, app.request.pending) == ([], [], False)


async def test_a_feed_brings_everything_in_order_and_closes_what_it_leaves():
    closed = asyncio.Event()
    got: list[int] = []
    app = Asker()
    async with app.run_test() as pilot:
        feed = Feed[int](app, "feed", receive=lambda items, _dropped: got.extend(items), refuse=app.refused.append)

        async def source():
            try:
                for number in range(10):
                    yield number
                await asyncio.Event().wait()
            finally:
                closed.set()

        feed.follow(source)
        await until(pilot, lambda: got == list(range(10)))
        feed.cancel()
        await asyncio.wait_for(closed.wait(), 5)


async def test_a_feed_that_is_faster_than_the_screen_drops_the_oldest_and_says_how_many():
    got: list[int] = []
    lost: list[int] = []
    app = Asker()
    async with app.run_test() as pilot:

        def receive(items, dropped):
            got.extend(items)
            lost.append(dropped)

        feed = Feed[int](app, "feed", receive=receive, refuse=app.refused.append)

        async def source():
            for number in range(20 * BATCH):
                yield number

        feed.follow(source)
        await until(pilot, lambda: bool(got) and got[-1] == 20 * BATCH - 1)
        assert got == sorted(got)
        assert len(got) + sum(lost) == 20 * BATCH


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def test_an_answer_that_comes_while_the_app_is_left_is_shown_to_nobody():
    app = Asker()
    async with app.run_test() as pilot:
        gate = asyncio.Event()
        gate.set()
        app.request.ask(answering("in time", gate))
        await until(pilot, lambda: app.got)
    assert not app.is_running
    app._settle(Answered(app.request, app.request._generation, "late"))
    assert app.got == ["in time"]
