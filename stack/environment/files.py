"""`.env` files on disk: read whole; written whole or not at all, and never over what somebody else wrote meanwhile."""

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stack.bounded import read_bounded
from stack.findings import Code, Failure, Finding, Fix
from stack.project import Project

BOM: Final = "\ufeff"

PRIVATE: Final = 0o600
"""Read and written by its owner alone: a `.env` holds passwords."""


def describe(project: Project, path: Path) -> str:
    """Return `path` as a person of this project would write it: relative where it is inside."""
    return str(path.relative_to(project.root)) if path.is_relative_to(project.root) else str(path)


def read_env(path: Path) -> str | None:
    """Return the exact text of a `.env` file, its byte-order mark and line ends included, or None where there is none.

    Raises:
        Failure: it is no file, may not be read, is larger than any that a person wrote, or is not UTF-8.
    """
    try:
        data = read_bounded(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, f"{path}: {error.strerror}", "Make it a file that you may read") from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        written = "UTF-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "another encoding"
        cause = f"{path}, line {line}: not UTF-8 but {written}, which neither Compose nor Python reads"
        raise _unreadable(path, cause, "Save the file as UTF-8") from None


def create_env(path: Path, text: str) -> None:
    """Make the file `path`, readable by its owner alone.

    The text is complete on the disk before it gets the name `path`, and a file of that name is never overwritten.

    Raises:
        FileExistsError: there is something of that name.
        Failure: the file cannot be written.
    """
    with _writing(path), _complete_beside(path, text, PRIVATE) as temporary:
        try:
            # Unlike a rename, a link fails where the name is taken.
            os.link(temporary, path)
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}:
                raise
            _create_without_links(path, text)
        _sync_directory(path.parent)


def replace_env(path: Path, text: str, was: str) -> bool:
    """Give the file `path` a new text at once, and return True; its mode and owner stay, a symbolic link stays one.

    Where the file no longer says `was`, somebody else has edited it meanwhile: it is left alone, and the answer is
    False.

    Raises:
        Failure: the file cannot be written.
    """
    with _writing(path):
        target = path.resolve(strict=True)
        before = target.stat()
        with _complete_beside(target, text, stat.S_IMODE(before.st_mode)) as temporary:
            with contextlib.suppress(PermissionError):  # only root may give a file away; otherwise it is ours already
                os.chown(temporary, before.st_uid, before.st_gid)
            if target.read_bytes() != was.encode("utf-8"):
                return False
            temporary.replace(target)
            _sync_directory(target.parent)
    return True


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Keep other Stackdeck processes from changing `path` meanwhile, by an advisory lock on its directory.

    Editors know nothing of it; `replace_env` looks for what they did.

    Raises:
        Failure: the directory cannot be opened.
    """
    with _writing(path):
        directory = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: then there is nothing to hold
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


@contextlib.contextmanager
def _complete_beside(path: Path, text: str, mode: int) -> Iterator[Path]:
    """Hold a temporary file in the directory of `path` with `text` in it, flushed to the disk."""
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(descriptor)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _create_without_links(path: Path, text: str) -> None:
    # For file systems without hard links: still never over a file, and nothing is left where it fails half-way.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot; the file itself is on the disk
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise Failure(
            Finding(
                Code.ENV_WRITE_FAILED,
                f"{path.name} cannot be written",
                f"{path}: {error.strerror}; nothing was changed",
                fixes=(Fix(_REMEDIES.get(error.errno or 0, f"Make {path.parent} a directory that you may write to")),),
            )
        ) from None


_REMEDIES: Final = {
    errno.ENOSPC: "Free some space on this disk",
    errno.EDQUOT: "Free some of your disk quota",
    errno.EROFS: "Use a copy of the project on a file system that can be written to",
}


def _unreadable(path: Path, cause: str, remedy: str) -> Failure:
    return Failure(Finding(Code.ENV_UNREADABLE, f"{path.name} cannot be read", cause, fixes=(Fix(remedy),)))
