"""A container that writes numbered lines as fast as nobody can read, and the deck that shows its log meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from textual.pilot import Pilot

from stack.findings import silent
from stack.services.approval import lose_nothing
from stack.services.control import LineKind, LogLine, Pull
from tests.support.compose_model import project, service
from tests.support.engine import Sandbox
from tests.support.fake_workspace import FakeWorkspace
from tui.app import Deck

FLOOD = 50_000
"""Lines a second."""

# Five thousand at once, somewhat more than ten times a second, as far as the container gets to it.
_SCRIPT = (
    "BEGIN { for (;;) { for (i = 0; i < 5000; i++) "
    'print "2026-01-02 03:04:05.678 UTC [42] LOG:  a line as long as those that servers write, number " ++n; '
    'fflush(); system("sleep 0.08") } }'
)
_LOOK = 0.005
_KEYS = ("down", "up", "z", "h", "pageup", "G", "m", "m", "m", "m")


@dataclass
class Flood:
    """What came of it so far; `uncounted` is zero, or minus the lines that the engine itself was too slow for.

    `longest_stall` is in seconds, beyond what the event loop was asked to sleep; `longest_work` is what of the
    processor's time it took for itself in one go, which other programs on the machine do not lengthen.
    """

    pilot: Pilot[None]
    shown: int = 0
    dropped: int = 0
    first: int | None = None
    last: int = 0
    uncounted: int = 0
    longest_stall: float = 0.0
    longest_work: float = 0.0
    began: float = field(default_factory=time.monotonic)
    _skipped: bool = False

    @property
    def written(self) -> int:
        """How many lines the container had written between the first and the last one that was seen."""
        return self.last - (self.first or 0) + 1

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def take(self, lines: tuple[LogLine, ...]) -> None:
        """Count lines, of which none may be missing."""
        for line in lines:
            if line.kind is LineKind.GAP:
                self.dropped += line.dropped if self.first is not None else 0
                self._skipped |= "skipped" in line.text
            elif line.kind is LineKind.OUTPUT:
                number = int(line.text.rsplit(" ", 1)[1])
                if self.first is None:
                    self.first, self.began = number, time.monotonic()
                self.shown += 1
                if self._skipped:
                    # The engine could not keep up: nobody knows how many lines it left out, but here they are numbered.
                    self.uncounted = self.shown + self.dropped - (number - self.first + 1)
                    self._skipped = False
                self.last = number
                assert self.written + self.uncounted == self.shown + self.dropped, "lines are missing, or counted twice"

    async def press_keys(self, seconds: float) -> list[float]:
        """Press keys for `seconds`, and return in seconds how long each took until it was handled and drawn."""
        latencies = []
        until = time.monotonic() + seconds
        stalls = asyncio.ensure_future(self._watch_loop())
        number = 0
        while time.monotonic() < until:
            drawn = asyncio.Event()
            pressed = time.monotonic()
            # It comes in as from a terminal's driver, and the screen is drawn once it has been handled.
            self.pilot.app.simulate_key(_KEYS[number % len(_KEYS)])
            self.pilot.app.call_later(self.pilot.app.screen.call_later, drawn.set)
            await asyncio.wait_for(drawn.wait(), 10)
            latencies.append(time.monotonic() - pressed)
            number += 1
            await asyncio.sleep(0.05)
        stalls.cancel()
        with suppress(asyncio.CancelledError):
            await stalls
        return latencies

    async def _watch_loop(self) -> None:
        while True:
            began, worked = time.monotonic(), time.thread_time()
            await asyncio.sleep(_LOOK)
            self.longest_stall = max(self.longest_stall, time.monotonic() - began - _LOOK)
            self.longest_work = max(self.longest_work, time.thread_time() - worked)


@asynccontextmanager
async def flooded_deck(box: Sandbox) -> AsyncIterator[Flood]:
    """The deck with the log of a flood in front, which has begun to drop lines."""
    compose = project(service("db", entrypoint=("awk", _SCRIPT), command=(), init=True), name=box.name)
    services = box.services(compose)
    await services.up([], pull=Pull.MISSING, timeout=30, approve=lose_nothing, progress=silent)
    workspace = FakeWorkspace()
    workspace.fake_services.follow = services.follow

    async def opener() -> FakeWorkspace:
        return workspace

    deck = Deck(opener)
    async with deck.run_test(size=(120, 40)) as pilot:
        flood = Flood(pilot)
        await pilot.press("2")
        await pilot.pause()
        screen = deck.front
        receive = screen.log_pane.add

        def add(lines: tuple[LogLine, ...], dropped: int) -> None:
            assert not dropped, "the source drops, and nobody after it"
            flood.take(lines)
            receive(lines, dropped)

        screen.log_pane.add = add
        deadline = time.monotonic() + 20
        while not flood.dropped:
            assert time.monotonic() < deadline, "no flood came"
            await asyncio.sleep(0.05)
        screen.log_pane.view.focus()
        yield flood
    await services.close()
