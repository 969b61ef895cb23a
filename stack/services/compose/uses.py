"""Which variables reach which key of which service: what an edit of `.env` will change. Pure."""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from stack.environment.interpolation import Lookup
from stack.services.compose.interpolate import InterpolatedText
from stack.services.compose.model import VariableUse

# Below these, each name is a key of its own.
_MAPPINGS: Final = ("environment", "labels", "annotations", "sysctls", "healthcheck", "logging")
_INDEX: Final = re.compile(r"\[[0-9]+\]$")
_STEP: Final = re.compile(r"[.\[]")


def uses(texts: Iterable[InterpolatedText], services: AbstractSet[str], lookup: Lookup) -> tuple[VariableUse, ...]:
    """Return what the `texts` of the Compose files say about `services`, by name, in their order and each once.

    What a service has from another one, by ``extends``, is said of that one.
    """
    found: dict[tuple[str, str, str], None] = {}
    for text in texts:
        section, _, path = text.path.partition(".")
        service = _service(path, services) if section == "services" else None
        if service is not None:
            key = _key(path[len(service) + 1 :], text.template)
            found |= dict.fromkeys((service, key, variable) for variable in text.variables)
    return tuple(VariableUse(service, key, name, lookup(name)) for service, key, name in found)


def _service(path: str, services: AbstractSet[str]) -> str | None:
    """Return the service that `path` leads into; a name may have dots in it too."""
    steps = path.split(".")
    return next((name for end in range(1, len(steps)) if (name := ".".join(steps[:end])) in services), None)


def _key(path: str, template: str) -> str:
    key = _STEP.split(path, maxsplit=1)[0]
    if key not in _MAPPINGS:
        return key
    # A list of NAME=value says the name within the text.
    return f"{key}.{template.partition('=')[0]}" if path.startswith(f"{key}[") else _INDEX.sub("", path)
