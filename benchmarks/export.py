"""``export`` of all booking events to CSV, beside ``psql \\copy`` of the same, by turns; and what it takes of memory.

Both write a file on the same disk. Memory is the most that a command of its own had, beyond that of an export of ten
rows. Prints medians and minima in milliseconds, and the ratio.
"""

import asyncio
import os
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bookings import bookings, parser
from measuring import STACKDECK, milliseconds, show, show_ratio

from stack.database.access import Database
from stack.environment.pool import PoolSettings
from stack.environment.url import DatabaseURL
from stack.findings import silent
from stack.tables.browser import TableBrowser
from stack.tables.export import Exported, file_at
from stack.tables.export_statement import Format
from stack.tables.query import Query


async def export(url: DatabaseURL, name: str, target: Path, kind: Format) -> Exported:
    access = Database(url, PoolSettings(size=1, max_overflow=0))
    browser = TableBrowser(access)
    try:
        return await browser.export(Query(await browser.find(name)), file_at(target), format=kind, progress=silent)
    finally:
        await access.close()


def copy(url: DatabaseURL, name: str, target: Path) -> None:
    statement = rf"\copy {name} to '{target}' csv header"
    subprocess.run(["psql", "-X", "-q", url.reveal(), "-c", statement], check=True)


def peak(url: DatabaseURL, target: Path, *argv: str) -> float:
    """Return the most memory that a command had, in megabytes."""
    command = subprocess.Popen(
        [STACKDECK, "--runtime", "external", "export", *argv, "--output", str(target)],
        cwd=target.parent,
        env={**os.environ, "APP_DB_URL": url.reveal()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    most = 0
    while command.poll() is None:
        # The child's own mark of the highest water; what wait4 says begins with its parent's.
        with suppress(OSError, ValueError):
            said = Path(f"/proc/{command.pid}/status").read_text(encoding="ascii")
            most = max(most, int(said.partition("VmHWM:")[2].split()[0]) if "VmHWM" in said else 0)
        time.sleep(0.01)
    assert command.returncode == 0
    target.unlink()
    return most / 1024


def main() -> None:
    options = parser(__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--table", default="booking_events")
    options.add_argument("--directory", help="where the files are written")
    wanted = options.parse_args()
    with bookings(wanted) as url, tempfile.TemporaryDirectory(dir=wanted.directory) as scratch:
        target = Path(scratch) / "rows"
        ours, theirs, lines = [], [], []
        for number in range(wanted.rounds):
            ours.append(milliseconds(lambda: asyncio.run(export(url, wanted.table, target, Format.CSV))))
            size = target.stat().st_size
            target.unlink()
            theirs.append(milliseconds(lambda: copy(url, wanted.table, target)))
            assert target.stat().st_size == size or number
            target.unlink()
            if number == 0:
                lines.append(milliseconds(lambda: asyncio.run(export(url, wanted.table, target, Format.JSONL))))
                target.unlink()
                print(f"{wanted.table}: {size / 1e6:,.0f} MB of CSV")
        show("export to CSV", ours)
        show(r"psql \copy to CSV", theirs)
        show_ratio("ratio", ours, theirs, 1.2)
        show("export to JSON Lines", lines)
        few, all_ = peak(url, target, wanted.table, "--where", "id <= 10"), peak(url, target, wanted.table)
        print(f"{'memory beyond that of ten rows':46} {all_ - few:14.1f} MB   (at most 60; {few:.0f} MB with ten rows)")


if __name__ == "__main__":
    main()
