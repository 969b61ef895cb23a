"""A log in a file: complete or not at all, for its owner alone, and never in the place of another file.

Logs may hold passwords that a program printed, so nobody else may read them. Control sequences in them are written as
visible characters, so that no pager or terminal obeys them later either.
"""

from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stack.findings import Code, Failure, Finding, Fix
from stack.publish import write_new
from stack.services.control import LineKind, LogLine
from stack.text import clean, clean_line

if TYPE_CHECKING:
    from collections.abc import Iterator


def save(path: Path, lines: Iterable[LogLine]) -> Path:
    """Write `lines` to the new file `path` and return where it is, absolute; blocking.

    Raises:
        Failure: there is something of that name, or it cannot be written. Nothing is left of it.
    """
    target = path.expanduser().absolute()
    with _writing(target):
        write_new(target, (f"{_text(line)}\n" for line in lines))
    return target


def _text(line: LogLine) -> str:
    time = f"{line.time.isoformat(timespec='microseconds')} " if line.time else ""
    name = f"{clean_line(line.service)} | " if line.service else ""
    text = clean(line.text)
    return f"{time}{name}{text if line.kind is LineKind.OUTPUT else f'── {text} ──'}"


@contextmanager
def _writing(target: Path) -> "Iterator[None]":
    try:
        yield
    except FileExistsError:
        raise Failure(
            Finding(
                Code.LOG_FILE_EXISTS,
                f"{target.name} exists already",
                f"{target} may be an earlier log, so it is not written over.",
                fixes=(Fix("Save to another file"),),
            )
        ) from None
    except OSError as error:
        raise Failure(
            Finding(
                Code.LOG_NOT_SAVED,
                "The log could not be saved",
                f"{target} cannot be written: {error.strerror or error}. Nothing is left of it.",
                fixes=(Fix("Save to a directory that you may write to, on a disk with room"),),
            )
        ) from None
