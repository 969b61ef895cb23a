"""Where a project's server keeps its files, and the lock that lets one program at a time work on them.

An area belongs to whoever runs Stackdeck. Only the data directory and the log in it belong to the server's account, so
where root works on behalf of another account, that account cannot plant a link in root's way.
"""

import asyncio
import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.services.embedded import problems

_PAUSE: Final = 0.05
"""Seconds between two attempts at what another program keeps from us."""

_PATIENCE: Final = 10.0
"""Seconds for which a process that lost its files may go on making new ones."""


@dataclass(frozen=True, slots=True)
class Area:
    """The directory of one project, under a home that all projects of an account share."""

    home: Path
    name: str

    @property
    def directory(self) -> Path:
        """All that the project's server keeps."""
        return self.home / self.name

    @property
    def data(self) -> Path:
        """The database cluster, once it is complete."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.directory / "server.log"

    def exists(self) -> bool:
        """Whether anything was ever made here.

        Raises:
            Failure: the file system does not tell.
        """
        with problems.storage(self.directory):
            return self.directory.exists()


def project_area(root: Path, home: Path) -> Area:
    """Return the area of the project in `root`; a checkout that moves gets another one, as its path names it."""
    real = os.path.realpath(root)
    slug = re.sub(r"[^a-z0-9]+", "-", Path(real).name.lower()).strip("-")[:40] or "project"
    return Area(home, f"{slug}-{hashlib.sha256(os.fsencode(real)).hexdigest()[:8]}")


def data_home() -> Path:
    """Return the directory for all projects of this account.

    A person's is in their data directory (XDG Base Directory Specification). Root's own home is closed to the account
    that runs the server, so root's is where a system keeps the state of its services.

    Raises:
        Failure: the account has no home.
    """
    if os.geteuid() == 0:
        places = (Path("/var/lib/stackdeck"), Path("/var/tmp/stackdeck-0"))  # noqa: S108 - `make_directory` checks it
        writable = (place for place in places if os.access(place.parent, os.W_OK))
        return next((place for place in places if place.exists()), next(writable, places[0]))
    given = os.environ.get("XDG_DATA_HOME", "")
    if Path(given).is_absolute():
        return Path(given) / "stackdeck"
    try:
        home = Path.home()
    except RuntimeError:
        raise problems.no_home() from None
    return home / ("Library/Application Support" if sys.platform == "darwin" else ".local/share") / "stackdeck"


def make_directory(directory: Path) -> None:
    """Make sure that `directory` is there and safe; root's can be passed through by the server's account, not read.

    Raises:
        Failure: it cannot be made, is no directory, belongs to another account, or others may write to it.
    """
    mode = 0o711 if os.geteuid() == 0 else 0o700
    with problems.storage(directory):
        try:
            directory.mkdir(mode=mode, parents=True)
            directory.chmod(mode)
        except FileExistsError:
            check_ours(directory)


def check_ours(directory: Path) -> None:
    """Refuse a directory, or a link to one, that another account owns or may write to, and what is no directory.

    Raises:
        Failure: it is such a one.
        OSError: it cannot be looked at.
    """
    found, me = directory.stat(), os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or {found.st_uid, directory.lstat().st_uid} != {me} or found.st_mode & 0o022:
        raise problems.foreign(directory)


@asynccontextmanager
async def locked(directory: Path) -> AsyncIterator[None]:
    """Be the only program that works in `directory`, which is made where it is absent; wait for another to finish.

    The lock is the kernel's and ends with its holder, however that ends.

    Raises:
        Failure: the directory cannot be used.
    """
    while (lock := _try_lock(directory)) is None:  # noqa: ASYNC110 - another process has it, which sets no event of ours
        await asyncio.sleep(_PAUSE)
    try:
        yield
    finally:
        os.close(lock)


def _try_lock(directory: Path) -> int | None:
    make_directory(directory.parent)
    make_directory(directory)
    path = directory / "lock"
    with problems.storage(path):
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # removed since it was made, by the holder of the lock
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), path.lstat()):
                return lock
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(lock)
        return None


def discard(directory: Path) -> None:
    """Remove `directory` whole: gone under its name at once, then from the disk; blocks while it is deleted.

    Raises:
        Failure: the file system does not let us.
    """
    with problems.storage(directory):
        with suppress(FileNotFoundError):
            directory.rename(directory.with_name(f".removed-{secrets.token_hex(6)}"))
        for left in directory.parent.glob(".removed-*"):  # of an interrupted removal too
            remove_tree(left)


def tree_size(top: Path) -> int:
    """Return how many bytes the files under `top` take; what vanishes meanwhile counts nothing."""
    total = 0
    for directory, _, names in os.walk(top):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(directory, name)).st_blocks * 512  # noqa: PTH118 - as os.walk has it
    return total


def remove_tree(top: Path) -> None:
    """Remove `top` and all in it, while a process that is about to end may still write there; blocks.

    Raises:
        OSError: the file system does not let us, or `_PATIENCE` seconds did not do.
    """
    deadline = time.monotonic() + _PATIENCE
    while top.exists():
        try:
            shutil.rmtree(top)
        except FileNotFoundError:  # something in it went by itself
            continue
        except OSError as error:
            if error.errno != errno.ENOTEMPTY or time.monotonic() >= deadline:
                raise
            time.sleep(_PAUSE)
