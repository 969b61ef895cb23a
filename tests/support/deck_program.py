"""The deck over a `FakeWorkspace`, as a program for a real terminal: ``python -m tests.support.deck_program NAME``."""

import asyncio
import sys
import time

from stack.background import in_thread
from stack.findings import Code, Failure, Finding
from stack.services.control import EngineStatus, Health, LogLine, ServicesStatus, ServiceStatus, State
from stack.tables.catalogue import Kind, Table
from tests.support.fake_workspace import SECRET, FakeWorkspace, column
from tui.__main__ import run_deck
from tui.app import Deck

NASTY = (
    "[@click=app.quit]CLICKME[/] [/] [@click=app.bell('a [bold]x \x1b]52;c;Q0FOQVJZ\x07\x1b]0;CANARY\x07"
    "\x1b[31;1mRED\x1b[2J \x9b31mC1 \x90q\x9c \u202eRTL \x00\x08\r \ud800 $foo [$foo] \\[x]"
)
"""All that a terminal obeys or a markup parser trips over, in one line."""


class NastyWorkspace(FakeWorkspace):
    """Everything that comes from outside is nasty."""

    def __init__(self) -> None:
        super().__init__()
        self.name = f"proj {NASTY}"
        service = ServiceStatus(f"svc {NASTY}", NASTY, NASTY, State.RUNNING, Health.HEALTHY, (NASTY,), (NASTY,))
        found = Finding(Code.ENGINE_ERROR, f"title {NASTY}", f"cause {NASTY}\n{NASTY}", evidence=f"seen {NASTY}")
        self.fake_services.status_now = ServicesStatus(EngineStatus(True, None, None, None), (service,), (found,))
        for _ in range(30):
            self.fake_services.log.put_nowait(LogLine(f"svc {NASTY}", "c", None, f"log {NASTY}"))
        self.fake_tables.tables = (Table("public", f"tbl {NASTY}", Kind.TABLE, 1, 1, ()),)
        self.fake_tables.columns = (column(f"col {NASTY}", "text"), column("b", "text"))
        self.fake_tables.numbered = lambda number: (f"row {number} {NASTY}", NASTY)


class HangingWorkspace(FakeWorkspace):
    """Nothing ever answers, neither a thread nor a coroutine, and closing does not either."""

    async def examine(self):
        return await in_thread(lambda: time.sleep(3600))

    async def runtime(self):
        await asyncio.Event().wait()

    async def reload(self) -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue

    async def database(self):
        # asyncio's own executor, as a name that is being resolved would occupy it
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)


class CrashingWorkspace(FakeWorkspace):
    """Its report cannot be drawn, which is an error of our own in a handler."""

    async def examine(self):
        password = SECRET
        return f"no report, but {len(password)} characters"


class FailingWorkspace(FakeWorkspace):
    """Its checks raise what nobody expected."""

    async def examine(self):
        password = SECRET
        raise RuntimeError(f"postgresql://app:{password}@host/db cannot be examined")

    async def services(self):
        raise Failure(Finding(Code.ENGINE_UNREACHABLE, "No engine answers", "The socket is not there."))


SCENARIOS = {
    "well": FakeWorkspace,
    "nasty": NastyWorkspace,
    "hanging": HangingWorkspace,
    "crashing": CrashingWorkspace,
    "failing": FailingWorkspace,
}


def main(name: str) -> int:
    async def opener() -> FakeWorkspace:
        return SCENARIOS[name]()

    return run_deck(Deck(opener))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
