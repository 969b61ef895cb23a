"""What is kept of an error of our own: a report that can be sent to anybody.

It holds the frames and the exception's words, never a local variable, and no password of a URL. Textual's own crash
screen prints locals, which is where passwords live.
"""

import os
import platform
import re
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from stack.findings import Code, Finding, Fix
from stack.text import MASK, clean, hide

KEPT: Final = 10
"""Reports that are kept; older ones are removed when a new one is written."""

_URL_PASSWORD: Final = re.compile(r"(?<=://)([^\s:/@]*):[^\s@]*@")
_PASSWORD_FIELD: Final = re.compile(
    r"(?i)(\b\w*(?:password|passwd|secret|token)\w*['\"]?\s*[=:]\s*)(?:'[^']*'|\"[^\"]*\"|[^\s,;)}]+)"
)

_SHORTEST: Final = 4

_secrets: set[str] = set()
_reported: dict[tuple[str, ...], Path | None] = {}


def keep_out(secrets: set[str]) -> None:
    """Never write any of `secrets` to a report, whatever exception has one in its words.

    One of a few letters is left: it is in half of all words, and what it stands in would tell it.
    """
    _secrets.update(secret for secret in secrets if len(secret) >= _SHORTEST)


def redact(text: str) -> str:
    """Return `text` without known secrets, passwords in URLs, and what is assigned to something called a password."""
    text = hide(text, _secrets)
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    return _PASSWORD_FIELD.sub(rf"\1{MASK}", text)


def state_directory() -> Path:
    """Return where reports go: the XDG base directory specification's state directory, or its default."""
    home = os.environ.get("XDG_STATE_HOME", "")
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state"
    return base / "stackdeck"


def write_report(error: BaseException) -> Path | None:
    """Write a report on `error` and return its path, or None where it cannot be written.

    What is raised again and again at one place, by a look that is repeated every second, is reported once.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = (type(error).__name__, *(f"{frame.filename}:{frame.lineno}" for frame in frames))
    if place not in _reported:
        _reported[place] = _write(error)
    return _reported[place]


def _write(error: BaseException) -> Path | None:
    now = datetime.now(UTC)
    lines = traceback.TracebackException.from_exception(error, capture_locals=False).format()
    text = clean(redact("".join(lines)))
    header = f"Stackdeck, {now:%Y-%m-%d %H:%M:%S} UTC, Python {platform.python_version()} on {sys.platform}\n\n"
    directory = state_directory() / "crashes"
    path = directory / f"{now:%Y%m%dT%H%M%S.%f}.txt"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(header + text, encoding="utf-8")
        for old in sorted(directory.glob("*.txt"))[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return None
    return path


def internal_finding(error: BaseException) -> Finding:
    """Return the finding that shows `error`, an error of our own, with its report written."""
    path = write_report(error)
    where = f"A report without your data is in {path}." if path else "No report could be written."
    return Finding(
        Code.INTERNAL,
        "Something in Stackdeck itself went wrong",
        f"{type(error).__name__}: {redact(str(error))}. {where}",
        fixes=(Fix("Try again; if it stays, send the report to Stackdeck's issue tracker"),),
    )
