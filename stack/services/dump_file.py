"""The file of a dump: it appears when it is complete, and never in the place of another."""

import asyncio
import errno
import os
import secrets
import threading
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from stack.amounts import size
from stack.findings import Code, Failure, Finding, Fix, Gauge, Progress
from stack.publish import publish
from stack.text import clean_line

T = TypeVar("T")

MAGIC: Final = b"PGDMP"
"""What a dump in pg_dump's custom format begins with (PostgreSQL, ``src/bin/pg_dump/pg_backup_archiver.c``)."""

_REPORT_SECONDS: Final = 0.2

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(slots=True)
class Draft:
    """A dump that is being written to `descriptor`, beside the `target` that it becomes."""

    target: Path
    path: Path
    descriptor: int
    _writing: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    @property
    def size(self) -> int:
        """How many bytes it has so far."""
        return os.fstat(self.descriptor).st_size

    def write(self, data: bytes) -> None:
        """Add `data`; blocking. What comes after the end, from a thread that was given up, is dropped.

        Raises:
            Failure: there is no space.
        """
        with self._writing, _storage(self.target):
            rest = memoryview(data)
            while rest and not self._closed:
                rest = rest[os.write(self.descriptor, rest) :]

    def publish(self) -> int:
        """Give it its name, and return its size; blocking.

        Raises:
            Failure: it is no dump, there is another file by now, or it cannot be kept.
        """
        if os.pread(self.descriptor, len(MAGIC), 0) != MAGIC:
            raise failed("pg_dump wrote something that is no dump in its custom format.")
        with _storage(self.target):
            os.fsync(self.descriptor)
            try:
                publish(self.path, self.target)
            except FileExistsError:
                raise _exists(self.target) from None
        return self.size

    def discard(self) -> None:
        """Take no more, and remove what has no name yet."""
        with self._writing:
            self._closed = True
            os.close(self.descriptor)
        with suppress(FileNotFoundError):
            self.path.unlink()


@contextmanager
def draft(target: Path) -> Iterator[Draft]:
    """Begin a dump to `target`, which only its owner may read, and leave nothing of it that is not published.

    Raises:
        Failure: there is such a file, or its directory cannot be written to.
    """
    if target.exists():
        raise _exists(target)
    path = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    with _storage(target):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    unfinished = Draft(target, path, descriptor)
    try:
        yield unfinished
    finally:
        unfinished.discard()


async def told(dumping: Awaitable[T], unfinished: Draft, progress: Progress) -> T:
    """Return what `dumping` returns, and tell `progress` how large the dump is meanwhile."""
    task = asyncio.ensure_future(dumping)
    began = time.monotonic()
    try:
        while not (await asyncio.wait((task,), timeout=_REPORT_SECONDS))[0]:
            written = unfinished.size
            gauge = Gauge(unfinished.target.name, written, rate=written / (time.monotonic() - began))
            progress(clean_line(f"Dumping the database to {unfinished.target}: {size(written)}"), (gauge,))
        return task.result()
    finally:
        task.cancel()
        # What it started has ended before the file is removed.
        await asyncio.wait((task,))


@contextmanager
def _storage(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise no_space(target) from None
        raise failed(f"{target} cannot be written: {error.strerror or error}.") from None


def failed(cause: str, evidence: str | None = None, *fixes: Fix) -> Failure:
    """Return the failure of a dump; nothing is left of it."""
    return Failure(
        Finding(
            Code.DUMP_FAILED,
            "The dump could not be written",
            f"{cause} Nothing is left of it, and nothing else has been touched.",
            evidence=evidence,
            fixes=fixes or (Fix("Name another file with --dump, in a directory that you may write to"),),
        )
    )


def no_space(target: Path) -> Failure:
    """Return the failure of a dump that the disk of `target` has no room for."""
    return failed(
        f"The disk that {target} is on is full.",
        None,
        Fix("Name a file on another disk with --dump"),
        Fix("See how much room there is", f"df -h {target.parent}"),
    )


def _exists(target: Path) -> Failure:
    return Failure(
        Finding(
            Code.DUMP_FILE_EXISTS,
            f"{target.name} exists already",
            f"{target} may be an earlier dump, so it is not written over.",
            fixes=(Fix("Name another file with --dump"),),
        )
    )
