"""New files: each gets its name only when it is complete, and never in the place of another file."""

import errno
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

# What file systems without hard links answer, as FAT and some network ones are.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


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


def write_new(target: Path, chunks: Iterable[str]) -> None:
    """Write `chunks` to the new file `target`, in UTF-8; blocking.

    Raises:
        FileExistsError: there is something of that name.
        OSError: it cannot be written. Nothing is left of it.
    """
    # Readable by its owner alone from the beginning; it gets its name when it is complete.
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(descriptor)
        publish(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Have the names in `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems cannot; the file itself is on the disk
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
