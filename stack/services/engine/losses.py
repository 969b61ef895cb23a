"""What the steps of a plan lose: data that they delete, or leave in a volume that nothing uses any more.

A container's own files are no data here: whatever recreates a container counts on that. What is mounted read-only is
nobody's data either. All of it is pure but `weighed`, which asks the engine how big the data is.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from stack.findings import Loss
from stack.services.compose.model import ComposeProject, MountType, Service
from stack.services.control import State, Volumes
from stack.services.engine.connection import Engine
from stack.services.engine.observe import ANONYMOUS, Observed, ObservedContainer, ObservedMount, Recorded
from stack.services.engine.plan import inherited_mounts
from stack.services.engine.steps import FinishRecreate, RecreateContainer, Removal, RemoveContainer, RemoveVolume, Step
from stack.text import clean_line

_LEFT: Final = "it stays behind, and nothing uses it"


@dataclass(frozen=True, slots=True)
class Lost:
    """A loss before it is weighed; `volume` holds the data, None where it is a directory of the host."""

    what: str
    volume: str | None


async def weighed(
    engine: Engine, project: ComposeProject, observed: Observed, steps: Sequence[Step | Removal]
) -> tuple[tuple[Loss, ...], ...]:
    """Return what each of `steps` loses, with its size where the engine says it soon; it is asked only if needed.

    An anonymous volume in which there is nothing is no loss: an image that declares one has it in every container.
    """
    lost = losses(project, observed, steps)
    sizes: Mapping[str, int] = {}
    if any(entry.volume for entries in lost for entry in entries):
        # What this stands on takes long to import, and mostly nothing is lost.
        from stack.services.engine.sizes import volume_sizes

        sizes = await volume_sizes(engine)
    return tuple(
        tuple(
            Loss(entry.what, size)
            for entry in entries
            if (size := sizes.get(entry.volume or "")) != 0 or not ANONYMOUS.fullmatch(entry.volume or "")
        )
        for entries in lost
    )


def losses(
    project: ComposeProject, observed: Observed, steps: Sequence[Step | Removal]
) -> tuple[tuple[Lost, ...], ...]:
    """Return what each of `steps` loses."""
    leaving = {step.container.id for step in steps if isinstance(step, RemoveContainer)}
    used = {
        mount.volume
        for container in observed.containers
        if container.id not in leaving
        for mount in container.mounts
        if mount.volume
    }
    return tuple(tuple(_losses(project, observed, used, step)) for step in steps)


def _losses(
    project: ComposeProject, observed: Observed, used: AbstractSet[str], step: Step | Removal
) -> Iterator[Lost]:
    match step:
        case RecreateContainer(service, container):
            yield from _replaced(container, _mounted(project, observed, service, container), observed, service)
            yield from _moved(container, observed, service)
        case FinishRecreate(service, replacement, ObservedContainer() as predecessor):
            after = {mount.target: mount.volume or mount.source or "" for mount in replacement.mounts}
            yield from _replaced(predecessor, after, observed, service)
        case RemoveContainer(container, _, volumes):
            yield from _removed(project, used, container, volumes)
        case RemoveVolume(volume):
            users = [
                f"{container.name} keeps {mount.target}"
                for container in observed.containers
                for mount in container.mounts
                if mount.volume == volume.name
            ]
            in_it = f", in which {' and '.join(users)}," if users else ""
            yield Lost(clean_line(f"The volume {volume.name}{in_it} is deleted"), volume.name)
        case _:
            return


def _mounted(
    project: ComposeProject, observed: Observed, service: Service, container: ObservedContainer
) -> Mapping[str, str]:
    """Return what the replacement of `container` will have at which path: a volume's name or a directory."""
    after = {
        mount.target: project.volumes[mount.source].name if mount.type is MountType.VOLUME else mount.source
        for mount in service.volumes
        if mount.source and mount.type is not MountType.TMPFS
    }
    inherited = inherited_mounts(project, observed, service, container)
    return {**after, **{mount.target: mount.volume or "" for mount in inherited}}


def _replaced(
    container: ObservedContainer, after: Mapping[str, str], observed: Observed, service: Service
) -> Iterator[Lost]:
    image = observed.images.get(service.image or "")
    declared = image.volumes if image else frozenset()
    for mount in container.mounts:
        if mount.read_only or (mount.volume is None and mount.target not in declared):
            continue
        before = mount.volume or mount.source or ""
        now = after.get(mount.target)
        # Docker Desktop says where a directory is in its virtual machine.
        if now is not None and (before == now or (mount.volume is None and before.endswith(now))):
            continue
        if _is_anonymous(mount) and container.state is State.CREATED:
            continue
        fate = _fate(before, now, after, observed)
        yield Lost(clean_line(f"{_called(container, mount)} {fate}"), mount.volume)


def _called(container: ObservedContainer, mount: ObservedMount) -> str:
    place = f"{mount.target} of {container.name}"
    if _is_anonymous(mount):
        return f"The anonymous volume at {place}"
    return (
        f"The {'directory' if mount.volume is None else 'volume'} {mount.volume or mount.source}, mounted at {place},"
    )


def _fate(before: str, now: str | None, after: Mapping[str, str], observed: Observed) -> str:
    if (elsewhere := next((target for target, source in after.items() if source == before), None)) is not None:
        return f"moves to {elsewhere}"
    if now is None:
        return f"is not mounted again: {_LEFT}"
    fresh = ", which is new and empty" if not now.startswith("/") and now not in observed.volumes else ""
    return f"gives way to {now}{fresh}: {_LEFT}"


def _moved(container: ObservedContainer, observed: Observed, service: Service) -> Iterator[Lost]:
    """Yield the loss of a cluster whose server is told to look elsewhere."""
    if container.recorded is None:
        return
    image = observed.images.get(service.image or "")
    given = dict(line.partition("=")[::2] for line in image.environment) if image else {}
    before, now = _variable(container.recorded, "PGDATA"), service.environment.get("PGDATA") or given.get("PGDATA")
    if before is None or now is None or before == now:
        return
    holder = max(
        (mount for mount in container.mounts if PurePosixPath(before).is_relative_to(mount.target)),
        key=lambda mount: len(mount.target),
        default=None,
    )
    if holder is not None:
        what = f"The data directory of {container.name} moves from {before} to {now}, where it begins empty"
        yield Lost(clean_line(what), holder.volume)


def _removed(
    project: ComposeProject, used: AbstractSet[str], container: ObservedContainer, volumes: Volumes
) -> Iterator[Lost]:
    if container.state is State.CREATED:
        return
    named = {volume.name for volume in project.volumes.values()}
    for mount in container.mounts:
        if mount.volume is None or mount.read_only or mount.volume in used | named:
            continue
        if not _is_anonymous(mount):
            yield Lost(clean_line(f"Only {container.name} uses the volume {mount.volume}: {_LEFT}"), mount.volume)
        elif volumes is Volumes.REMOVE:
            what = f"The anonymous volume at {mount.target} of {container.name} is deleted"
            yield Lost(clean_line(what), mount.volume)
        else:
            what = f"The anonymous volume at {mount.target} of {container.name} belongs to nothing then: {_LEFT}"
            yield Lost(clean_line(what), mount.volume)


def _is_anonymous(mount: ObservedMount) -> bool:
    return mount.volume is not None and ANONYMOUS.fullmatch(mount.volume) is not None


def _variable(recorded: Recorded, name: str) -> str | None:
    entries = recorded.config.get("Env")
    texts = (entry for entry in entries if isinstance(entry, str)) if isinstance(entries, list) else ()
    return next((text.partition("=")[2] for text in texts if text.startswith(f"{name}=")), None)
