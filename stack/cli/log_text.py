"""Lines of logs for a terminal: the service before each, padded, in colours of its own; and ``--since``."""

import re
from argparse import ArgumentTypeError
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from stack.cli.output import JSON, Part, width
from stack.services.control import LineKind, LogLine
from stack.services.log_levels import Level
from stack.text import clean_line

# Codes of ECMA-48's SGR; the services' are those that Compose gives them, in its order.
_SERVICES: Final = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")
_LEVELS: Final = {Level.DEBUG: "2", Level.WARNING: "33", Level.ERROR: "31", Level.FATAL: "1;31"}
_ASIDE: Final = "2;3"


class LogText:
    """Makes parts of a terminal's line out of lines of a log; columns grow with the names that come."""

    def __init__(self, services: Iterable[str]) -> None:
        """Leave room for `services`, as far as they are known."""
        self._width = max(map(width, services), default=0)
        self._styles: dict[str, str] = {}
        self._containers: dict[str, str] = {}

    def parts(self, line: LogLine) -> Sequence[Part]:
        """Return the next line."""
        name = clean_line(self._name(line))
        self._width = max(self._width, width(name))
        style = self._styles.setdefault(line.service, _SERVICES[len(self._styles) % len(_SERVICES)])
        head = (Part(name + " " * (self._width - width(name)), style), Part(" | ", style))
        if line.kind is not LineKind.OUTPUT:
            # Apart from what a service says itself, without colours too.
            return (*head, Part(f"── {clean_line(line.text)} ──", _ASIDE))
        return (*head, Part(clean_line(line.text), _LEVELS.get(line.level, "")))

    def _name(self, line: LogLine) -> str:
        """Return the service's name; of a second container of a service, the container's."""
        if line.service and line.container:
            first = self._containers.setdefault(line.service, line.container)
            if first != line.container:
                return line.container
        return line.service or "engine"


def log_json(line: LogLine) -> dict[str, JSON]:
    """Return a line as ``logs --json`` prints it."""
    return {
        "service": line.service,
        "container": line.container,
        "time": line.time.isoformat() if line.time else None,
        "level": line.level.name.lower() if line.level else None,
        "kind": line.kind.value,
        "text": line.text,
    }


_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhd]))+")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
_EPOCH: Final = re.compile(r"\d{9,}(?:\.\d{1,9})?")


def moment(text: str) -> datetime:
    """Read ``--since``: how long ago, as in ``10m`` or ``1h30m``; a moment by ISO 8601; or seconds since the epoch.

    Raises:
        ArgumentTypeError: it is none of these, or further away than a calendar goes.
    """
    try:
        return _moment(text)
    except (ValueError, OverflowError):
        expected = "expected how long ago, as in 10m or 1h30m, or a moment, as in 2026-01-31T12:00"
        raise ArgumentTypeError(f"{expected}; got {text!r}") from None


def _moment(text: str) -> datetime:
    if _DURATION.fullmatch(text):
        ago = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
        return datetime.now(UTC) - timedelta(seconds=ago)
    if _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(float(text), UTC)
    given = datetime.fromisoformat(text)
    return given if given.tzinfo else given.astimezone()
