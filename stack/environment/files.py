"""`.env` files on disk: read whole; written whole or not at all, and never over what somebody else wrote meanwhile."""

import codecs
import contextlib
import errno
import fcntl
import os
import shlex
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stack.background import in_thread
from stack.bounded import read_bounded
from stack.findings import Code, Failure, Finding, Fix, Progress
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
        Failure: it is no file, or a link to none; it may not be read, is larger than any that a person wrote, or is no
            text in UTF-8.
    """
    try:
        data = read_bounded(path)
    except FileNotFoundError:
        if path.is_symlink():
            raise _unreadable(path, *_dangling(path)) from None
        return None
    except OSError as error:
        raise _unreadable(path, f"{path}: {error.strerror}", _UNREADABLE.get(error.errno or 0, _READABLE)) from None
    return _decoded(path, data)


def _decoded(path: Path, data: bytes) -> str:
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        written = "UTF-16, as PowerShell writes it" if utf16 else "in another encoding"
        cause = f"{path}, line {line}: not in UTF-8 but {written}, which neither Compose nor Python reads"
        fix = utf8_fix(path, data) if utf16 else Fix("Save the file as UTF-8")
        raise _unreadable(path, cause, fix) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        cause = f"{path}, line {line}: a NUL byte, which no text has and no variable can hold"
        raise _unreadable(path, cause, Fix(f"Remove it from line {line}, or put the right file in this place"))
    return text


def utf8_fix(path: Path, data: bytes) -> Fix:
    """Return the fix that writes the UTF-16 of `data`, which is what the file `path` holds, as UTF-8."""

    async def apply(progress: Progress) -> None:
        try:
            text = data.decode("utf-16").replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise _unreadable(path, f"{path}: it is no UTF-16 throughout", Fix("Save the file as UTF-8")) from None
        await in_thread(lambda: replace_env(path, text, data))
        progress(f"wrote {path.name} as UTF-8")

    return Fix("Write the file as UTF-8", command=f"stackdeck doctor --fix {Code.ENV_UNREADABLE.value}", apply=apply)


def _dangling(path: Path) -> tuple[str, Fix]:
    target = path.readlink()
    return (
        f"{path} is a symbolic link to {target}, which does not exist",
        Fix(f"Put the file at {target}, or remove the link", command=f"rm {shlex.quote(str(path))}"),
    )


def create_env(path: Path, text: str) -> None:
    """Make the file `path`, readable by its owner alone.

    The text is complete on the disk before it gets the name `path`, and a file of that name is never overwritten.

    Raises:
        FileExistsError: there is something of that name.
        Failure: the file cannot be written.
    """
    with writing(path), _complete_beside(path, text, PRIVATE) as temporary:
        try:
            # Unlike a rename, a link fails where the name is taken.
            os.link(temporary, path)
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}:
                raise
            _create_without_links(path, text)
        _sync_directory(path.parent)


def replace_env(path: Path, text: str, was: bytes) -> None:
    """Give the file `path`, which holds `was`, a new text at once; mode and owner stay, a symbolic link stays one.

    Raises:
        Failure: the file no longer holds `was`, because somebody else has changed it meanwhile: it is left alone. Or it
            cannot be written, or only with another owner than it has.
    """
    with writing(path):
        try:
            target = path.resolve(strict=True)
            before = target.stat()
        except FileNotFoundError:
            raise changed_outside(path) from None
        with _complete_beside(target, text, stat.S_IMODE(before.st_mode)) as temporary:
            made = temporary.stat()
            if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
                os.chown(temporary, before.st_uid, before.st_gid)
            if target.read_bytes() != was:
                raise changed_outside(path)
            temporary.replace(target)
            _sync_directory(target.parent)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Keep other Stackdeck processes from changing `path` meanwhile, by an advisory lock on its directory.

    Editors know nothing of it; `replace_env` looks for what they did.

    Raises:
        Failure: the directory cannot be opened.
    """
    with writing(path):
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
def writing(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses about writing `path` into a `Failure`."""
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


def changed_outside(path: Path) -> Failure:
    """Return the failure that `path` is not what it was when a change of it was begun."""
    return Failure(
        Finding(
            Code.ENV_CHANGED_OUTSIDE,
            f"{path.name} was changed by somebody else meanwhile",
            f"{path} no longer says what it said when this change was begun; nothing was written",
            fixes=(Fix("Look at what it says now, and make the change again", command="stackdeck env check"),),
        )
    )


_REMEDIES: Final = {
    errno.EPERM: "Ask its owner to make the change: written from here it would belong to somebody else",
    errno.ENOSPC: "Free some space on this disk",
    errno.EDQUOT: "Free some of your disk quota",
    errno.EROFS: "Use a copy of the project on a file system that can be written to",
}


_READABLE: Final = Fix("Make it a file that you may read")
_UNREADABLE: Final = {
    errno.EISDIR: Fix("Move the directory away; a file with one NAME=value a line belongs in its place"),
    errno.EACCES: Fix("Let yourself read it, or ask its owner to", command="chmod u+r .env"),
    errno.ELOOP: Fix("Remove the symbolic link, which leads back to itself", command="rm .env"),
}


def _unreadable(path: Path, cause: str, fix: Fix) -> Failure:
    return Failure(Finding(Code.ENV_UNREADABLE, f"{path.name} cannot be read", cause, fixes=(fix,)))
