"""A container that writes fifty thousand lines a second, and whether the deck still answers a key within 100 ms.

The real engine, a real container with numbered lines, and the deck's own app with its Services screen in front, driven
without a terminal. A key counts from being pressed until it has been handled and drawn. Prints latencies, memory, and
what was written, shown and dropped; every line must be one of the two.
"""

import asyncio
import os
import resource
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.engine import Sandbox, engine_endpoint, sandbox  # noqa: E402 - the harness of this checkout
from tests.support.flood import FLOOD, flooded_deck  # noqa: E402

SECONDS = 8.0


async def measure(box: Sandbox) -> None:
    async with flooded_deck(box) as flood:
        before = os.times()
        latencies = await flood.press_keys(SECONDS)
        after = os.times()
        latencies.sort()
        print(f"lines a second, written         {flood.written / flood.seconds:9,.0f}  ({FLOOD:,} wanted)")
        print(f"lines seen                      {flood.shown:9,}")
        print(
            f"lines dropped                   {flood.dropped:9,}  (with those seen, all that came of {flood.written:,})"
        )
        print(f"lines the engine left out       {-flood.uncounted:9,}  (its reader fell behind by seconds)")
        print(f"keys pressed                    {len(latencies):9,}")
        print(f"key answered, median            {statistics.median(latencies) * 1000:9.1f} ms")
        print(f"key answered, 95 of 100 within  {latencies[int(len(latencies) * 0.95)] * 1000:9.1f} ms")
        print(f"key answered, slowest           {latencies[-1] * 1000:9.1f} ms  (at most 100)")
        print(f"event loop's longest stall      {flood.longest_stall * 1000:9.1f} ms")
        print(f"event loop's longest work       {flood.longest_work * 1000:9.1f} ms of the processor's time")
        print(f"load of the machine             {os.getloadavg()[0]:9.1f}  on {os.cpu_count()} cores")
        busy = (after.user + after.system - before.user - before.system) / SECONDS
        print(f"processor                       {busy:9.0%}  of one core")
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"memory, most                    {most:9.0f} MB (at most 200)")


def main() -> None:
    endpoint = engine_endpoint()
    if endpoint is None:
        sys.exit("no Docker engine answers")
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_STATE_HOME"] = scratch
        with sandbox(endpoint, Path(scratch)) as box:
            asyncio.run(measure(box))


if __name__ == "__main__":
    main()
