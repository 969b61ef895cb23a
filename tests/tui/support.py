"""What the Pilot tests share."""

import time
from collections.abc import Callable

from textual.pilot import Pilot

from tests.support.fake_workspace import FakeWorkspace
from tui.app import Deck


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
