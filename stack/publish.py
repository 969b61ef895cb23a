"""New files: each gets its name only when it is complete, and in the place of another file only where that is asked."""

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

# What file systems without hard links answer, as FAT and some network ones are.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_HINT: Final = 40  # characters of the name that its draft has in its own: 255 bytes are all that many file systems take


def publish(draft: Path, target: Path) -> None:
    """Give `draft`, which is complete and beside it, the name `target`; afterwards `draft` may still be there.

    Raises:
        FileExistsError: there is something of that name.
        OSError: it cannot be named.
    """
    try:
        # Unlike a rename, a link fails where the name is taken.
        os.link(draft, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        draft.replace(target)
    sync_directory(target.parent)


@contextmanager
def new_file(target: Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Lend a file for its owner alone, which gets the name `target` when the block ends without an error; blocking.

    Raises:
        FileExistsError: there is something of that name, and it is not to be written over.
        OSError: it cannot be written. Nothing is left of it, and what was there is as it was.
    """
    if not overwrite and target.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    if target.exists() and not target.is_file():
        # A device or a pipe would give its name to a file.
        raise OSError(errno.EINVAL, "it is no regular file", str(target))
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:_HINT]}.", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        if overwrite:
            draft.replace(target)
            sync_directory(target.parent)
        else:
            publish(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def write_new(target: Path, chunks: Iterable[str]) -> None:
    """Write `chunks` to the new file `target`, in UTF-8, as `new_file` does."""
    with new_file(target) as file:
        file.writelines(chunk.encode() for chunk in chunks)


def sync_directory(directory: Path) -> None:
    """Have the names in `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems cannot; the file itself is on the disk
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
