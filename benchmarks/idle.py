"""How much of a core the deck takes on each of its screens while nothing happens, with two services running.

The deck runs on a real pseudo-terminal beside a real engine with Postgres and pgAdmin; it is left alone on each screen
for some seconds, and what the kernel counts of its CPU time, children included, is set beside the clock. At most 1 %.
``--seconds N`` says for how long.
"""

import argparse
import os
import time
from pathlib import Path

from measuring import STACKDECK, scratch_project

from tests.support.terminal import Terminal, terminal

SCREENS = {"1": "Doctor", "2": "Services", "3": "Environment", "4": "Database", "5": "Migrations", "6": "Tables"}
SETTLING = 6.0
"""Seconds in which a screen may do its first work."""

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of its children that have ended, as ``proc(5)`` counts it."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def idle(deck: Terminal, seconds: float) -> float:
    """Return the percentage of a core that the deck takes over `seconds`, its output being read all the while."""
    before, began = cpu_seconds(deck.pid), time.monotonic()
    while (left := began + seconds - time.monotonic()) > 0:
        deck.drain(quiet=left, timeout=left)
    return 100 * (cpu_seconds(deck.pid) - before) / (time.monotonic() - began)


def main() -> None:
    """Open the deck once and look at each screen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20)
    wanted = parser.parse_args()
    with scratch_project(profiles="pgadmin") as scratch:
        scratch.run(STACKDECK, "up")
        with terminal([STACKDECK], size=(120, 36), cwd=scratch.directory, env=scratch.environ) as deck:
            deck.wait_for("Doctor", timeout=60)
            for key, name in SCREENS.items():
                deck.send(key)
                idle(deck, SETTLING)
                print(f"{name:12} {idle(deck, wanted.seconds):6.2f} % of a core  (at most 1.00)", flush=True)


if __name__ == "__main__":
    main()
