"""The steps that a plan can have. Each says what it does to which resource, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from stack.findings import Loss
from stack.services.compose.model import Network, Service, Volume
from stack.services.control import Action, PlanStep, Volumes
from stack.services.engine.observe import ObservedContainer, ObservedNetwork, ObservedVolume


@dataclass(frozen=True, slots=True)
class PullImage:
    """Pull `reference`, for `platform` where a service asks for one."""

    reference: str
    platform: str | None
    cause: str


@dataclass(frozen=True, slots=True)
class CreateNetwork:
    """Create `network`."""

    network: Network
    cause: str


@dataclass(frozen=True, slots=True)
class RecreateNetwork:
    """Take `observed` from its containers, remove it and create `network` in its place."""

    network: Network
    observed: ObservedNetwork
    cause: str


@dataclass(frozen=True, slots=True)
class CreateVolume:
    """Create `volume`."""

    volume: Volume
    cause: str


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """Stop and remove a container; `volumes` is what becomes of its anonymous ones."""

    container: ObservedContainer
    cause: str
    volumes: Volumes = Volumes.KEEP


@dataclass(frozen=True, slots=True)
class RemoveNetwork:
    """Remove a network, unless something is on it."""

    network: ObservedNetwork
    cause: str


@dataclass(frozen=True, slots=True)
class RemoveVolume:
    """Remove a volume and what it holds, unless something uses it."""

    volume: ObservedVolume
    cause: str


@dataclass(frozen=True, slots=True)
class CreateContainer:
    """Create container `name` of `service`, to be started when its dependencies allow it."""

    service: Service
    name: str
    number: int
    cause: str


@dataclass(frozen=True, slots=True)
class RecreateContainer:
    """Create a new container under a temporary name, then stop and remove `container` and take its `name`.

    `dependents` run while their ``depends_on`` asks to be restarted with this service: they stop before.
    """

    service: Service
    container: ObservedContainer
    name: str
    dependents: tuple[ObservedContainer, ...]
    cause: str


@dataclass(frozen=True, slots=True)
class FinishRecreate:
    """Finish a recreate that was interrupted: `replacement` takes `name`, after `predecessor` is gone."""

    service: Service
    replacement: ObservedContainer
    predecessor: ObservedContainer | None
    name: str
    cause: str


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Start a container as it is."""

    service: Service
    container: ObservedContainer
    cause: str


@dataclass(frozen=True, slots=True)
class KeepContainer:
    """Leave a running container alone."""

    service: Service
    container: ObservedContainer
    cause: str


Step: TypeAlias = (
    PullImage
    | CreateNetwork
    | RecreateNetwork
    | CreateVolume
    | RemoveContainer
    | CreateContainer
    | RecreateContainer
    | FinishRecreate
    | StartContainer
    | KeepContainer
)
"""What `up` may do."""

Removal: TypeAlias = RemoveContainer | RemoveNetwork | RemoveVolume
"""What `down` may do."""

_ACTIONS: Final[Mapping[type[Step | Removal], Action]] = {
    PullImage: Action.PULLED,
    CreateNetwork: Action.CREATED,
    RecreateNetwork: Action.RECREATED,
    CreateVolume: Action.CREATED,
    RemoveContainer: Action.REMOVED,
    RemoveNetwork: Action.REMOVED,
    RemoveVolume: Action.REMOVED,
    CreateContainer: Action.CREATED,
    RecreateContainer: Action.RECREATED,
    FinishRecreate: Action.RECREATED,
    StartContainer: Action.STARTED,
    KeepContainer: Action.KEPT,
}


def describe(step: Step | Removal, losses: tuple[Loss, ...] = ()) -> PlanStep:
    """Return `step`, which loses `losses`, as the preview, ``--dry-run`` and ``--json`` show it."""
    return PlanStep(_ACTIONS[type(step)], _resource(step), step.cause, losses)


def _resource(step: Step | Removal) -> str:
    match step:
        case PullImage(reference=name):
            return f"image {name}"
        case CreateNetwork(network=thing) | RecreateNetwork(network=thing) | RemoveNetwork(network=thing):
            return f"network {thing.name}"
        case CreateVolume(volume=volume) | RemoveVolume(volume=volume):
            return f"volume {volume.name}"
        case CreateContainer(name=name) | RecreateContainer(name=name) | FinishRecreate(name=name):
            return f"container {name}"
        case RemoveContainer() | StartContainer() | KeepContainer():
            return step.container.resource
