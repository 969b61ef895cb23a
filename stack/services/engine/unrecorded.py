"""Why a container is out of date where all that the engine records of it is as it should be. Pure.

Some keys of a Compose file never reach the engine, or leave nothing there that can be read back, so what they were is
not known. What they are is: where the container has the hash of the service without one of them, that one is new.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Final

from stack.services.compose.canonical_json import encode
from stack.services.compose.dialect import Dialect
from stack.services.compose.hash import service_json
from stack.services.compose.model import Service
from stack.services.engine import labels
from stack.services.engine.causes import show
from stack.services.engine.json_types import Json, JsonObject
from stack.services.engine.observe import ObservedContainer

_REST: Final = (
    "something of which the engine keeps no record: attach, cgroup, deploy, expose, logging, memswap_limit, platform, "
    "profiles, or the order of a list"
)


def unrecorded_causes(service: Service, container: ObservedContainer, dependencies: str) -> tuple[str, ...]:
    """Return why `container` is no longer what `service` says; `dependencies` is what its label should hold."""
    return tuple(_dependencies(container, dependencies)) or tuple(_new_keys(service, container)) or (_REST,)


def _dependencies(container: ObservedContainer, wanted: str) -> Iterator[str]:
    if container.recorded is None:
        return
    given = container.recorded.config.get("Labels")
    before = str(given.get(labels.DEPENDS_ON) or "") if isinstance(given, dict) else ""
    if set(before.split(",")) != set(wanted.split(",")):
        yield f"depends_on: {show(before)} → {show(wanted)}"


def _new_keys(service: Service, container: ObservedContainer) -> Iterator[str]:
    for dialect in Dialect:
        document: JsonObject = json.loads(service_json(service, dialect))
        for name, value, before in _without_one(document):
            if hashlib.sha256(encode(before).encode()).hexdigest() == container.config_hash:
                yield f"{name}: unset → {show(value if isinstance(value, str | list) else json.dumps(value))}"
                return


def _without_one(document: JsonObject) -> Iterator[tuple[str, Json, JsonObject]]:
    """Yield each key of a service in canonical form, and of its ``deploy``, with the document without it."""
    for key, value in document.items():
        yield key, value, {name: kept for name, kept in document.items() if name != key}
    deploy = document.get("deploy")
    if isinstance(deploy, dict):
        for key, value in deploy.items():
            yield f"deploy.{key}", value, {**document, "deploy": {n: v for n, v in deploy.items() if n != key}}
