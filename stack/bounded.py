"""Files that a person wrote, read whole but never without end: no pipe is waited for, no more than a limit is held."""

import errno
import os
import stat
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 1 << 20
"""More than any file that a person wrote."""


def read_bounded(path: Path) -> bytes:
    """Return what is in the file `path`, which has at most `MAX_BYTES`.

    Raises:
        OSError: it cannot be read, it is a directory or a pipe, or it has no end within the limit.
    """
    if "\0" in str(path):
        raise OSError(errno.EINVAL, "no file's name has a NUL in it", "")
    with open(path, "rb", opener=_without_waiting) as stream:
        mode = os.fstat(stream.fileno()).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            raise OSError(errno.EINVAL, "it is a pipe, not a file", str(path))
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MAX_BYTES >> 20} MiB", str(path))
    return content


def _without_waiting(path: str, flags: int) -> int:
    # A pipe without a writer would keep us waiting at its opening already.
    return os.open(path, flags | os.O_NONBLOCK)
