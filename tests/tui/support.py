"""What the Pilot tests share."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import textual.app
import textual.pilot
from textual._context import active_app
from textual._wait import SLEEP_GRANULARITY
from textual.pilot import Pilot

from tests.support.fake_workspace import FakeWorkspace
from tui.app import Deck

_TURNS = 3
"""How often in a row nothing may be waiting: a message that one widget has taken may become another's."""


async def settled(_min_sleep: float = 0, max_sleep: float = 1) -> None:
    """Let the app work for 20 ms, and on until no widget has a message left, for `max_sleep` seconds at most.

    Textual's Pilot waits, twice for every key, until the process has rested for as long or a second has passed. A deck
    with a blinking cursor never rests on a busy machine, so that a word took ten seconds to type.
    """
    app = active_app.get()
    quiet = 0
    await asyncio.sleep(SLEEP_GRANULARITY)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max_sleep):
            while quiet < _TURNS:
                reached = asyncio.Event()
                app.call_later(reached.set)
                await reached.wait()
                pumps = (each for screen in app.screen_stack for each in screen.walk_children(with_self=True))
                quiet = 0 if any(pump.message_queue_size for pump in (app, *pumps)) else quiet + 1


textual.app.wait_for_idle = textual.pilot.wait_for_idle = settled  # Pilot takes no other way to wait


def deck_over(workspace: FakeWorkspace) -> Deck:
    """A deck that opens `workspace` at once."""

    async def opener() -> FakeWorkspace:
        return workspace

    return Deck(opener)


async def until(pilot: Pilot[None], holds: Callable[[], bool], timeout: float = 30) -> None:
    """Let the app work until `holds`."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        await pilot.pause(0.01)


def shown(deck: Deck) -> str:
    """Everything on the screen, as text."""
    return "\n".join(strip.text.rstrip() for strip in deck.screen._compositor.render_strips())
