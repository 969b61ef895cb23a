"""What events change of a snapshot: at once where they say enough, else by one look at the object that changed.

Pure, but for `look_again`.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from stack.services.control import Health, State
from stack.services.engine.events import Event, Kind
from stack.services.engine.observe import Observed, ObservedContainer, by_service, look_at, look_at_image
from stack.services.engine.reader import Reader

_HEALTH: Final = "health_status: "
_DEFAULTS: Final = ("docker.io/", "library/")
"""What the engine leaves out of a reference that begins with it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """A snapshot with all that events themselves say, and the ids and references of what has to be looked at again."""

    observed: Observed
    containers: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()


def changes(observed: Observed, events: Iterable[Event], references: Iterable[str]) -> Changes:
    """Return what `events`, in their order, change of `observed`; `references` are the images that the project names.

    Events of things that have nothing to do with the project change nothing.
    """
    found = Changes(observed)
    wanted = frozenset(references)
    for event in events:
        match event.kind:
            case Kind.CONTAINER:
                found = _of_container(found, event)
            case Kind.NETWORK:
                found = _of_network(found, event)
            case Kind.IMAGE:
                found = replace(found, images=found.images | _touched(observed, event, wanted))
    return found


def look_again(reader: Reader, found: Changes, known_hashes: frozenset[str]) -> Observed:
    """Return the snapshot of `found` with what it names looked at, one request for each; blocking."""
    containers = {container.id: container for container in found.observed.containers}
    for identity in sorted(found.containers):
        container = look_at(reader, identity, known_hashes)
        if container is None:
            containers.pop(identity, None)
        else:
            containers[identity] = container
    images = dict(found.observed.images)
    for reference in sorted(found.images):
        image = look_at_image(reader, reference)
        if image is None:
            images.pop(reference, None)
        else:
            images[reference] = image
    return replace(found.observed, containers=by_service(containers.values()), images=images)


def _of_container(found: Changes, event: Event) -> Changes:
    if event.action == "destroy":
        left = (container for container in found.observed.containers if container.id != event.id)
        observed = replace(found.observed, containers=tuple(left))
        return replace(found, observed=observed, containers=found.containers - {event.id})
    known = _known(found, event.id)
    told = _told(known, event) if known else None
    if told is None:
        return replace(found, containers=found.containers | {event.id})
    others = (container for container in found.observed.containers if container.id != event.id)
    return replace(found, observed=replace(found.observed, containers=by_service((*others, told))))


def _told(container: ObservedContainer, event: Event) -> ObservedContainer | None:
    """Return `container` after `event` where that says all that has changed."""
    if event.action == "pause":
        return replace(container, state=State.PAUSED, health=Health.NONE)
    if event.action == "rename" and (name := event.attributes.get("name")):
        return replace(container, name=name)
    if event.action.startswith(_HEALTH) and container.state is State.RUNNING:
        with suppress(ValueError):
            return replace(container, health=Health(event.action.removeprefix(_HEALTH)))
    return None


def _of_network(found: Changes, event: Event) -> Changes:
    # Whoever does not run joins its networks when it starts, and a start is looked at anyway.
    known = _known(found, event.attributes.get("container", ""))
    if known is None or known.state is not State.RUNNING:
        return found
    return replace(found, containers=found.containers | {known.id})


def _known(found: Changes, identity: str) -> ObservedContainer | None:
    return next((container for container in found.observed.containers if container.id == identity), None)


def _touched(observed: Observed, event: Event, references: frozenset[str]) -> frozenset[str]:
    """Return which of `references` may mean another image since `event`."""
    named = {_familiar(name) for name in (event.id, event.attributes.get("name", ""))}
    return frozenset(
        reference
        for reference in references
        if event.action in {"load", "import"}
        or _familiar(reference) in named
        or ((image := observed.images.get(reference)) and event.id in image.identities)
    )


def _familiar(reference: str) -> str:
    """Return `reference` as the engine's events write it."""
    for default in _DEFAULTS:
        reference = reference.removeprefix(default)
    path, separator, tag = reference.rpartition(":")
    tagged = "@" in reference or (separator and path and "/" not in tag)
    return reference if tagged else f"{reference}:latest"
