"""A new file: complete or not at all, for its owner alone, and never in the place of another one."""

import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


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
        _publish(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def _publish(draft: Path, target: Path) -> None:
    try:
        # Unlike a rename, a link fails where the name is taken.
        os.link(draft, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        draft.rename(target)
