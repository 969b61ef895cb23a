"""The Tables screen on many bookings, then on 1,600 columns: a table opened to its first rows, and page-down held.

The deck's own app on a real server, driven without a terminal. Opening counts from the key to the rows on the screen,
less the time that the statements took, which the screen says. While page-down is held, every page that was asked for
must have been drawn. The event loop is watched: how late it came to what it was to do every five milliseconds, and how
long it worked meanwhile, which does not grow when others have the processor.
"""

import asyncio
import os
import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg
from bookings import bookings, parser, scratch_server
from measuring import show_load
from textual.pilot import Pilot

from stack.environment.url import DatabaseURL
from stack.lazy_imports import import_parts
from stack.project import Options, RuntimeName
from stack.workspace import Workspace, open_workspace
from tests.tui.support import shown, until
from tui.app import Deck

OPENINGS = 10
EVERY = 1 / 30  # as often as a key repeats that is held
LOOK = 0.005
COLUMNS = 1600
ROWS = 10_000


class Watch:
    """How long the event loop was held up at most, and how long it worked at most meanwhile, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.longest_work = 0.0
        self._ours = 0.0
        self._our_work = 0.0

    async def look(self) -> None:
        while True:
            began, worked = time.perf_counter() - self._ours, time.thread_time() - self._our_work
            await asyncio.sleep(LOOK)
            self.longest = max(self.longest, time.perf_counter() - self._ours - began - LOOK)
            self.longest_work = max(self.longest_work, time.thread_time() - self._our_work - worked)

    def look_at(self, deck: Deck) -> str:
        """Return what the deck shows; the time that this takes is the benchmark's own, not the deck's."""
        began, worked = time.perf_counter(), time.thread_time()
        seen = shown(deck)
        self._ours += time.perf_counter() - began
        self._our_work += time.thread_time() - worked
        return seen

    def __str__(self) -> str:
        return f"longest stall {self.longest * 1000:.0f} ms, of work {self.longest_work * 1000:.0f} ms (at most 100)"


@asynccontextmanager
async def watched() -> AsyncIterator[Watch]:
    """Watch the event loop."""
    watch = Watch()
    watching = asyncio.create_task(watch.look())
    try:
        yield watch
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def measure(url: DatabaseURL, scratch: Path, table: str, below: str, seconds: float) -> None:
    """Open `table` again and again, from the one `below` it in the tree, and page through it."""
    (scratch / ".env").write_text(f"APP_DB_URL={url.reveal()}\n", encoding="utf-8")
    (scratch / ".env").chmod(0o600)
    import_parts()
    async with open_workspace(Options(scratch, runtime=RuntimeName.EXTERNAL), dict(os.environ)) as workspace:
        deck = Deck(lambda: _itself(workspace))
        async with deck.run_test(size=(160, 45)) as pilot:
            await pilot.press("6")
            await until(pilot, lambda: str(deck.screen.query_one("#rows-panel").border_title).startswith(table), 60)
            opened = []
            async with watched() as watch:
                for _ in range(OPENINGS // 2):
                    await opening(deck, "down", below)
                    opened.append(await opening(deck, "up", table))
            print(f"{table} opened, beyond its statements: {statistics.median(opened):.0f} ms (at most 120); {watch}")
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
    drawn = set()
    pressed, worked = 0, time.process_time()
    async with watched() as watch:
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            await pilot.press("pagedown")
            pressed += 1
            drawn.add(watch.look_at(deck))
            await asyncio.sleep(EVERY)
    worked = time.process_time() - worked
    print(f"page-down held for {seconds:.0f} s: {pressed} keys, {len(drawn)} frames seen that differ; {watch}")
    print(f"processor's time a page: {worked / len(drawn) * 1000:.0f} ms")
    show_load()


async def _itself(workspace: Workspace) -> Workspace:
    return workspace


def widen(url: DatabaseURL) -> None:
    """Make a table with as many columns as there can be, and one below it."""
    numbers = range(1, COLUMNS)
    with psycopg.connect(url.reveal(), autocommit=True) as connection:
        for statement in (
            f"CREATE TABLE wide (id int PRIMARY KEY, {', '.join(f'c{n} int' for n in numbers)})",
            f"INSERT INTO wide SELECT n, {', '.join(f'n + {n}' for n in numbers)} FROM generate_series(1, {ROWS}) n",
            "CREATE TABLE widest (id int PRIMARY KEY)",
            "INSERT INTO widest SELECT generate_series(1, 100)",
            "ANALYZE",
        ):
            connection.execute(statement.encode())


def main() -> None:
    options = parser(__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=10.0)
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_STATE_HOME"] = scratch
        with bookings(wanted) as url:
            asyncio.run(measure(url, Path(scratch), "bookings", "customers", wanted.seconds))
        with scratch_server() as server:
            widen(server.url())
            asyncio.run(measure(server.url(), Path(scratch), "wide", "widest", wanted.seconds))


if __name__ == "__main__":
    main()
