"""What is told of whatever goes wrong: where in the project's own code, and what the server said."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep

    from stack.migrations.protocol import Event

_LONGEST = 10_000


class Refused(Exception):  # noqa: N818 - not an error of ours, but what to tell
    """Something that cannot be done, and where that lies."""

    def __init__(self, reason: str, text: str, path: str | None = None) -> None:
        """Take one of the protocol's reasons, and words for a person."""
        super().__init__(text)
        self.reason, self.text, self.path = reason, text, path


def told(error: BaseException, reason: str, step: RevisionStep | None) -> Event:
    """Return the event of `error`, for one of the protocol's reasons, while `step` ran."""
    text, statement = words_of(error), None
    if isinstance(error, DBAPIError):
        text, statement = str(error.orig), error.statement
    elif isinstance(error, SystemExit):
        text = f"it ended the program ({error.code})"
    elif isinstance(error, (CommandError, RevisionError)):
        text = str(error)
    path, line = place(error, step)
    return {
        "event": "failed",
        "reason": reason,
        "text": text[:_LONGEST],
        "revision": step.revision.revision if step else None,
        "path": path,
        "line": line,
        "statement": statement[:_LONGEST] if statement else None,
        "sqlstate": _sqlstate(error),
    }


def words_of(error: BaseException) -> str:
    """Return `error` with its class, as a traceback ends."""
    return f"{type(error).__name__}: {error}"[:_LONGEST]


def _sqlstate(error: BaseException) -> str | None:
    """Return the server's code, by the name that psycopg 3 and asyncpg or that psycopg 2 gives it."""
    original = getattr(error, "orig", None)
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return state if isinstance(state, str) else None


def place(error: BaseException, step: RevisionStep | None) -> tuple[str | None, int | None]:
    """Return where in the project's own code `error` came from: in the step's file, or else the innermost place."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)][::-1]
    if step is not None:
        path = step.revision.path
        return path, next((line for name, line in frames if name == path), None)
    library = str(Path(os.__file__).parent)
    for name, line in frames:
        if (
            Path(name).parent != Path(__file__).parent
            and "site-packages" not in name
            and not name.startswith((library, "<"))
        ):
            return name, line
    return None, None
