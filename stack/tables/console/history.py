"""The statements that were run, from one session to the next: in the user's state directory, for their eyes only."""

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from stack.crash import redact, state_directory

KEPT: Final = 500
"""Statements that are kept, the newest."""

LONGEST: Final = 20_000
"""Characters of a statement that is kept; longer ones are not."""

_CHARACTERS: Final = 1_000_000
"""Characters of all statements that are kept."""

_FILE: Final = 16_000_000
"""Characters that the file has at most: each of a statement is written as twelve at worst."""


def history_file() -> Path:
    """Return where the history is."""
    return state_directory() / "console" / "history.jsonl"


def read_history(path: Path) -> tuple[str, ...]:
    """Return the statements in the file `path`, the newest last; blocking. A line that is none is passed over."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            # A file that somebody else filled is not read whole into memory.
            lines = file.read(_FILE).splitlines()
    except OSError:
        return ()
    return tuple(statement for line in lines if (statement := _read(line)) is not None)[-KEPT:]


def keeps(statement: str) -> bool:
    """Return whether `statement` may be written down: it is not too long, and no secret of the project is in it.

    What is assigned to something called a password counts too, wherever it came from.
    """
    return bool(statement.strip()) and len(statement) <= LONGEST and redact(statement) == statement


def add_to_history(path: Path, statement: str) -> tuple[str, ...]:
    """Add `statement` to the file `path` where it `keeps` it, and return what is there now; blocking.

    A statement that was run before is moved to the end. A file that cannot be written stays as it is: the statement ran
    all the same.
    """
    before = read_history(path)
    if not keeps(statement):
        return before
    kept = _newest((*(each for each in before if each != statement), statement))
    with suppress(OSError):
        _write(path, kept)
    return kept


def _newest(statements: Sequence[str]) -> tuple[str, ...]:
    room = _CHARACTERS
    first = len(statements)
    while first > max(0, len(statements) - KEPT) and len(statements[first - 1]) <= room:
        first -= 1
        room -= len(statements[first])
    return tuple(statements[first:])


def _read(line: str) -> str | None:
    try:
        statement = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return statement if isinstance(statement, str) else None


def _write(path: Path, kept: Sequence[str]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes it 0600; two decks that write at once replace each other's whole file, never half of one.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{json.dumps(statement)}\n" for statement in kept)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
