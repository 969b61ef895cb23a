"""The Tables screen on many bookings: a table opened to its first rows drawn, and the page-down key held.

The deck's own app on a real server, driven without a terminal. Opening counts from the key to the rows on the screen,
less the time that the statements took, which the screen says. While page-down is held, every page that was asked for
must have been drawn, and the event loop is watched: how late it came to what it was to do every five milliseconds.
"""

import asyncio
import os
import re
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bookings import bookings, parser
from textual.pilot import Pilot

from stack.environment.url import DatabaseURL
from stack.project import Options, RuntimeName
from stack.workspace import Workspace, import_parts, open_workspace
from tests.tui.support import shown, until
from tui.app import Deck

OPENINGS = 10
EVERY = 1 / 30  # as often as a key repeats that is held
LOOK = 0.005


class Watch:
    """How long the event loop was held up at most, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def look(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(LOOK)
            self.longest = max(self.longest, time.perf_counter() - began - LOOK)


async def measure(url: DatabaseURL, scratch: Path, seconds: float) -> None:
    (scratch / ".env").write_text(f"APP_DB_URL={url.reveal()}\n", encoding="utf-8")
    (scratch / ".env").chmod(0o600)
    import_parts()
    async with open_workspace(Options(scratch, runtime=RuntimeName.EXTERNAL), dict(os.environ)) as workspace:
        deck = Deck(lambda: _itself(workspace))
        async with deck.run_test(size=(160, 45)) as pilot:
            await pilot.press("6")
            await until(pilot, lambda: "starts_at" in shown(deck), 60)
            opened = []
            for number in range(OPENINGS):
                # Down to the customers and up to the bookings again.
                title = ("customers", "bookings")[number % 2]
                opened.append(await opening(deck, ("down", "up")[number % 2], title))
            print(f"a table opened, beyond its statements: {statistics.median(opened):.0f} ms (at most 120)")
            await hold(deck, pilot, seconds)


async def opening(deck: Deck, key: str, title: str) -> float:
    """Return the milliseconds from a key to the rows of the table `title` on the screen, less its statements'."""
    drawn = asyncio.Event()
    began = time.perf_counter()
    deck.simulate_key(key)
    while not str(deck.screen.query_one("#rows-panel").border_title).startswith(title):  # noqa: ASYNC110 - it tells nobody that it changed
        await asyncio.sleep(0.001)
    deck.screen.call_after_refresh(drawn.set)
    await drawn.wait()
    taken = (time.perf_counter() - began) * 1000
    found = re.search(r"([\d.]+) ms", str(deck.screen.query_one("#rows-panel").border_subtitle))
    assert found is not None
    return taken - float(found.group(1))


async def hold(deck: Deck, pilot: Pilot[None], seconds: float) -> None:
    await pilot.press("tab")
    drawn, watch = set(), Watch()
    watching = asyncio.create_task(watch.look())
    pressed, worked = 0, time.process_time()
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        await pilot.press("pagedown")
        pressed += 1
        drawn.add(shown(deck))
        await asyncio.sleep(EVERY)
    worked = time.process_time() - worked
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    print(f"page-down held for {seconds:.0f} s: {pressed} keys, {len(drawn)} frames seen that differ")
    print(f"event loop's longest stall: {watch.longest * 1000:.0f} ms (at most 100)")
    print(f"processor's time a page: {worked / len(drawn) * 1000:.0f} ms")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


async def _itself(workspace: Workspace) -> Workspace:
    return workspace


def main() -> None:
    options = parser(__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=10.0)
    wanted = options.parse_args()
    with bookings(wanted) as url, tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_STATE_HOME"] = scratch
        asyncio.run(measure(url, Path(scratch), wanted.seconds))


if __name__ == "__main__":
    main()
