"""What stands in the Compose files themselves, for whoever is to change it: the line, the variable behind a value."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from stack.services.compose.model import Service

_VARIABLE: Final = r"\$\{?([A-Za-z_][A-Za-z0-9_]*)(?:[:?+-][^}\n]*)?\}?[\"']?\s*(?:#|$)"
"""A reference that is all of a value."""


def place(service: Service, text: str) -> str:
    """Return where `text` stands below the beginning of `service`, as ``FILE:LINE``, or else where the service does."""
    if service.position is None:
        return "the Compose file"
    name, first = service.position.file.name, service.position.line
    return next((f"{name}:{number}" for number, line in _lines(service) if text in line), f"{name}:{first}")


def variable_of(service: Service, key: str) -> str | None:
    """Return the variable that all of the value of `key` of `service` comes from, as in ``image: ${IMAGE:-busybox}``.

    `key` may also be one of its ``environment:``.
    """
    written = re.compile(rf"^[\s-]*[\"']?{re.escape(key)}[\"']?\s*[:=]\s*[\"']?(.*)")
    # The first one below the beginning of the service is its own.
    value = next((found[1] for _, line in _lines(service) if (found := written.match(line))), "")
    variable = re.match(_VARIABLE, value)
    return variable[1] if variable else None


def _lines(service: Service) -> Iterator[tuple[int, str]]:
    if service.position is None:
        return
    with suppress(OSError, UnicodeDecodeError):
        lines = service.position.file.read_text(encoding="utf-8").splitlines()
        yield from list(enumerate(lines, 1))[service.position.line - 1 :]
