"""A real pseudo-terminal with a program in it: what a person would see and type, without a person."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import pyte

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "space": " ",
    "backspace": "\x7f",
    "f1": "\x1bOP",
    "f5": "\x1b[15~",
    "ctrl+c": "\x03",
    "ctrl+p": "\x10",
}
"""What a terminal sends for keys that are no characters."""


class Terminal:
    """A running program on a terminal of its own; `raw` is every byte that it wrote, in order."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, size: tuple[int, int]) -> None:
        self._process = process
        self._master = master
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = bytearray()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def descriptor(self) -> int:
        """Our end of the terminal, which has the modes that the program sees."""
        return self._master

    @property
    def lines(self) -> list[str]:
        """The screen as it is, a string a line, without trailing spaces."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def send(self, *keys: str) -> Self:
        """Type: each of `keys` is a name in `KEYS`, or characters."""
        for key in keys:
            os.write(self._master, KEYS.get(key, key).encode())
        return self

    def click(self, column: int, row: int) -> Self:
        """Press and release the left button on a cell, counted from 0 (xterm's SGR mouse report)."""
        position = f"{column + 1};{row + 1}"
        return self.send(f"\x1b[<0;{position}M", f"\x1b[<0;{position}m")

    def resize(self, columns: int, rows: int) -> Self:
        set_size(self._master, columns, rows)
        self._screen.resize(rows, columns)
        os.killpg(self._process.pid, signal.SIGWINCH)
        return self

    def wait_for(self, *wanted: str, timeout: float = 30) -> Self:
        """Read until the screen holds all of `wanted`."""
        return self.wait_until(lambda terminal: all(text in terminal.text for text in wanted), f"{wanted}", timeout)

    def wait_gone(self, unwanted: str, timeout: float = 30) -> Self:
        """Read until the screen does not hold `unwanted` any more."""
        return self.wait_until(lambda terminal: unwanted not in terminal.text, f"no {unwanted!r}", timeout)

    def wait_until(self, holds: Callable[["Terminal"], bool], what: str, timeout: float = 30) -> Self:
        """Read until `holds`; `what` says what was waited for, should it not come."""
        deadline = time.monotonic() + timeout
        while not holds(self):
            if not self._read(deadline):
                why = "the program ended" if self._process.poll() is not None else f"not within {timeout:g} s"
                raise AssertionError(f"waited for {what}: {why}. The screen:\n{self.text}")
        return self

    def drain(self, quiet: float = 0.2, timeout: float = 5) -> Self:
        """Read until the program has written nothing for `quiet` seconds, or for `timeout` seconds in all."""
        deadline = time.monotonic() + timeout
        while self._read(min(deadline, time.monotonic() + quiet)):
            pass
        return self

    def wait_exit(self, timeout: float = 60) -> int:
        """Read until the program has ended, and return its exit status."""
        deadline = time.monotonic() + timeout
        while self._read(deadline):
            pass
        return self._process.wait(max(0.1, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._master], [], [], left)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says EIO once no program holds the terminal any more
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)


def set_size(descriptor: int, columns: int, rows: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@contextlib.contextmanager
def terminal(
    argv: Sequence[str],
    *,
    size: tuple[int, int] = (80, 24),
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Terminal]:
    """Run `argv` on a new terminal of `size` columns and rows; whatever still runs in the end is killed."""
    master, slave = pty.openpty()
    set_size(slave, *size)
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "TMUX"):
        environment.pop(name, None)
    process = subprocess.Popen(
        argv,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=cwd,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no thread of ours runs yet
    )
    os.close(slave)
    try:
        yield Terminal(process, master, size)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)
