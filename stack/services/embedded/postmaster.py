"""The server that runs on a data directory, as its ``postmaster.pid`` and the process table tell."""

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_PID, _STARTED, _PORT, _STATUS = 0, 2, 3, 7
"""Lines of the file: ``LOCK_FILE_LINE_*`` in PostgreSQL's ``src/include/utils/pidfile.h``, counted from 0."""

_SHORTEST: Final = _PORT + 1
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A server; `ready` once it accepts connections, and no more when it shuts down."""

    pid: int
    port: int
    started_at: datetime
    ready: bool


def parse_pid_file(text: str) -> Postmaster | None:
    """Read a ``postmaster.pid``; None where it is incomplete, as while it is being written."""
    lines = [line.strip() for line in text.split("\n")]
    if len(lines) < _SHORTEST:
        return None
    try:
        return Postmaster(
            pid=int(lines[_PID]),
            port=int(lines[_PORT]),
            started_at=datetime.fromtimestamp(int(lines[_STARTED]), UTC),
            ready=len(lines) > _STATUS and lines[_STATUS] == "ready",
        )
    except (ValueError, OverflowError, OSError):
        return None


def running(data: Path) -> Postmaster | None:
    """Return the server of `data` where one is alive.

    The file outlives a crash, and its process number may be somebody else's by then, or an unreaped child's: the
    process must have been started with `data`.
    """
    try:
        found = parse_pid_file((data / "postmaster.pid").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    if found is None or found.pid <= 0:
        return None
    command = _command_line(found.pid)
    return found if "postgres" in command and str(data) in command else None


def interrupt(server: Postmaster) -> None:
    """Ask for a fast shutdown: sessions are ended, their transactions rolled back, everything is written.

    That is what SIGINT means to the server (PostgreSQL manual, «Shutting Down the Server»).
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGINT)


def is_abandoned(data: Path) -> bool:
    """Whether certainly no process works in `data`, not even one that a dead server left behind.

    Every process of a server has the data directory as its working directory. False where that cannot be seen.
    """
    if not _PROC.joinpath("self").exists():
        return False
    for process in _PROC.glob("[0-9]*"):
        try:
            # Ours and the server's account's may be looked at; of others only root's privileges would let us.
            if (process / "cwd").readlink() == data:
                return False
        except FileNotFoundError:
            continue
        except OSError:
            if _owner(process) == _owner(data):
                return False
    return True


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def _command_line(pid: int) -> str:
    """Return the command of a process with spaces between its words; empty where there is none, or only a zombie."""
    if _PROC.joinpath("self").exists():
        try:
            return os.fsdecode((_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" "))
        except OSError:
            return ""
    done = subprocess.run(
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], check=False, capture_output=True, text=True
    )
    return done.stdout
