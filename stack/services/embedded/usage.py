"""What the server uses, by the kernel's own account of its processes: proc(5)."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.background import in_thread
from stack.services.control import Usage
from stack.services.embedded.postmaster import Postmaster

_PROC: Final = Path("/proc")
_PERIOD_SECONDS: Final = 1.0
_UTIME, _STIME, _CUTIME, _CSTIME = 11, 12, 13, 14
"""Fields of ``/proc/PID/stat`` after the name of the program, counted from 0."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters of a server at one moment of `time.monotonic`: CPU time in seconds, all else in bytes."""

    pid: int
    at: float
    cpu: float
    memory: int
    read: int
    written: int


async def sample(find: Callable[[], Postmaster | None], service: str, server: str) -> AsyncGenerator[tuple[Usage, ...]]:
    """Yield what the server that `find` finds uses, about every second, the first time after two readings.

    It ends at once where the system does not tell.
    """
    if not (_PROC / "self" / "stat").exists():
        return

    def look() -> Reading | None:
        found = find()
        return _reading(found.pid) if found else None

    before = await in_thread(look)
    while True:
        await asyncio.sleep(_PERIOD_SECONDS)
        now = await in_thread(look)
        yield _usage(service, server, before, now)
        before = now


def _usage(service: str, server: str, before: Reading | None, now: Reading | None) -> tuple[Usage, ...]:
    if before is None or now is None or before.pid != now.pid:
        return ()
    seconds = now.at - before.at
    return (
        Usage(
            service=service,
            container=server,
            # A session that ends between the looks takes what was not yet its parent's along.
            cpu=max(0.0, now.cpu - before.cpu) / seconds,
            memory=now.memory,
            memory_limit=None,
            received=0.0,
            sent=0.0,
            read=max(0, now.read - before.read) / seconds,
            written=max(0, now.written - before.written) / seconds,
        ),
    )


def _reading(pid: int) -> Reading | None:
    """Return the counters of the server `pid` and its processes, all of them its children; None where it has gone."""
    try:
        own = _stat(pid)
    except OSError:
        return None
    # What ended children have used is their parent's to tell.
    ticks, memory, read, written = own[_CUTIME] + own[_CSTIME], 0, 0, 0
    for process in (pid, *_children(pid)):
        with suppress(OSError):
            stat = _stat(process)
            ticks += stat[_UTIME] + stat[_STIME]
            memory += _memory(process)
            transferred = _fields(_PROC / str(process) / "io")
            read += transferred.get("read_bytes", 0)
            written += transferred.get("write_bytes", 0)
    return Reading(pid, time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), memory, read, written)


def _children(pid: int) -> Iterator[int]:
    for entry in _PROC.glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            if _after_name(entry)[1] == str(pid):
                yield int(entry.parent.name)


def _stat(pid: int) -> list[int]:
    return [int(field) if field.lstrip("-").isdecimal() else 0 for field in _after_name(_PROC / str(pid) / "stat")]


def _after_name(stat: Path) -> list[str]:
    # The name may hold anything, parentheses and spaces too.
    return stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def _memory(pid: int) -> int:
    """Return the bytes that are this process's own, with its part of what it shares: 8 sessions hold one buffer."""
    proportional = _fields(_PROC / str(pid) / "smaps_rollup").get("Pss")
    if proportional is not None:
        return proportional * 1024
    resident, shared = (_PROC / str(pid) / "statm").read_text(encoding="ascii").split()[1:3]
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def _fields(path: Path) -> dict[str, int]:
    """Return the numbers of a file of lines such as ``Pss: 12 kB``; none where we may not read it."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    found = (line.partition(":") for line in lines)
    return {name: int(words[0]) for name, _, rest in found if (words := rest.split()) and words[0].isdecimal()}
