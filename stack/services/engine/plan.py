"""What `up` has to do: from the Compose project and one snapshot of the engine to steps with their causes. Pure.

The rules are those of Compose's own convergence (``pkg/compose/reconcile.go``): a container is kept where its
configuration's hash and its image are as recorded and it has the networks and volumes that it should have. The hash of
any Compose that we know is accepted, so that a developer's own Compose and we never recreate in turns.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from stack.environment.secrecy import is_secret
from stack.findings import Finding, Severity
from stack.services.compose.dialect import NEWEST, Dialect, dialect_of
from stack.services.compose.hash import all_hashes, config_hash, network_hash
from stack.services.compose.model import ComposeProject, MountType, Network, Service
from stack.services.compose.orphans import Orphans
from stack.services.control import Pull, State
from stack.services.engine import refusals
from stack.services.engine.causes import differences, show
from stack.services.engine.observe import Observed, ObservedContainer, ObservedImage, ObservedMount
from stack.services.engine.payload import Stamp, container_body, container_name, dependencies_label, joined_networks
from stack.services.engine.selection import every_service, orphaned
from stack.services.engine.steps import (
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    FinishRecreate,
    KeepContainer,
    PullImage,
    RecreateContainer,
    RecreateNetwork,
    RemoveContainer,
    StartContainer,
    Step,
)
from stack.services.engine.unrecorded import unrecorded_causes

_TEMPORARY: Final = re.compile(r"([0-9a-f]{12})_(.+)")
"""What a recreate calls the new container until the old one is gone."""

_UNSTAMPED: Final = Stamp(version="", config_hash="", image="")

_MANIFEST_VERSION: Final = (5, 5)

_NOT_RUNNING: Final = {
    State.CREATED: "it was created and never started",
    State.EXITED: "it has exited",
    State.PAUSED: "it is paused",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in the order in which to take them, and the services to start and wait for, dependencies first.

    Services that are `left_out` cannot be created here. With findings of severity `ERROR` nothing may be done.
    """

    steps: tuple[Step, ...]
    services: tuple[Service, ...]
    left_out: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Return what forbids the plan."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)


@dataclass(frozen=True, slots=True)
class Writing:
    """As which Compose we label what we create."""

    dialect: Dialect
    version: str

    def config_hash(self, service: Service) -> str:
        """Return the hash that this Compose gives `service`."""
        return config_hash(service, self.dialect)

    def image_identity(self, image: ObservedImage) -> str:
        """Return what that Compose records of `image`: from 5.5 on the manifest, where the engine knows it."""
        major, minor = (int(part) for part in self.version.split(".")[:2])
        return image.manifest if image.manifest and (major, minor) >= _MANIFEST_VERSION else image.id


def writing(observed: Observed) -> Writing:
    """Return the dialect of the Compose that labelled this project, or else of the one here, or else the newest."""
    version = observed.version
    dialect = dialect_of(version) if version else None
    if version and dialect:
        return Writing(dialect, version)
    return Writing(NEWEST, NEWEST.version)


def known_hashes(project: ComposeProject) -> frozenset[str]:
    """Return all hashes by which a container of `project` is up to date."""
    return frozenset(value for service in every_service(project).values() for value in _hashes(service).values())


def image_references(project: ComposeProject) -> frozenset[str]:
    """Return the images of all services."""
    return frozenset(service.image for service in every_service(project).values() if service.image)


def make_plan(
    project: ComposeProject, observed: Observed, services: tuple[Service, ...], *, pull: Pull, named: bool
) -> Plan:
    """Return what brings `services`, dependencies first, to what the file says.

    `named` is whether somebody asked for just these: then a service that we may not create is an error, otherwise it
    is left out with a warning, and whatever needs it too.
    """
    left_out = {} if named else refusals.left_out(services, observed)
    wanted = tuple(service for service in services if service.name not in left_out)
    networks = tuple(_network_steps(project, observed, wanted))
    remade = {step.network.name for step in networks if isinstance(step, RecreateNetwork)}
    context = _context(project, observed, wanted, remade)
    containers = context.container_steps()
    steps = (
        *_pulls(observed, wanted, pull),
        *_orphan_steps(project, observed),
        *networks,
        *_volume_steps(project, observed, wanted),
        *containers,
    )
    findings = (
        *refusals.errors(project, observed, wanted, pull),
        *project.findings,
        *left_out.values(),
        *refusals.outdated_volumes(project, observed, wanted),
        *refusals.orphans(project, observed),
    )
    return Plan(steps, wanted, tuple(left_out), findings)


def outdated(project: ComposeProject, observed: Observed, container: ObservedContainer) -> tuple[str, ...]:
    """Return why `up` would recreate `container`; nothing where it would not."""
    service = every_service(project).get(container.service)
    if service is None or service.unsupported:
        return ()
    return _context(project, observed, (service,), set()).causes(service, container)


def inherited_mounts(
    project: ComposeProject, observed: Observed, service: Service, container: ObservedContainer
) -> tuple[ObservedMount, ...]:
    """Return the anonymous volumes of `container` that its replacement takes over, as Compose does.

    They are those at a path that the image declares as a volume, or the service without naming one.
    """
    image = observed.images.get(service.image or "")
    anonymous = {mount.target for mount in service.volumes if mount.type is MountType.VOLUME and not mount.source}
    explicit = {mount.target for mount in service.volumes} - anonymous
    declared = (image.volumes if image else frozenset()) - explicit
    named = {volume.name for volume in project.volumes.values()}
    return tuple(
        mount
        for mount in container.mounts
        if mount.volume and mount.volume not in named and mount.target in anonymous | declared
    )


def replicas(service: Service) -> int:
    """Return how many containers `service` asks for."""
    if service.scale is not None:
        return service.scale
    return 1 if service.deploy is None or service.deploy.replicas is None else service.deploy.replicas


@dataclass(frozen=True, slots=True)
class _Context:
    """What deciding about containers needs to know."""

    project: ComposeProject
    observed: Observed
    services: tuple[Service, ...]
    remade_networks: set[str]
    hashes: Mapping[str, Mapping[Dialect, str]]

    def container_steps(self) -> list[Step]:
        steps = [step for service in self.services for step in self._service_steps(service)]
        recreated = {step.service.name: step for step in steps if isinstance(step, RecreateContainer)}
        return [self._with_dependents(step, recreated) for step in steps]

    def causes(self, service: Service, container: ObservedContainer) -> tuple[str, ...]:
        """Return why `container` must be recreated."""
        return tuple(self._causes(service, container))

    def _service_steps(self, service: Service) -> Iterator[Step]:
        containers = self.observed.of(service.name)
        if service.unsupported:
            yield from (_as_it_is(service, container) for container in containers)
            return
        steps, finished = self._interrupted(service, containers)
        yield from steps
        ordinary = [container for container in containers if container.id not in finished]
        asked = replicas(service) - sum(isinstance(step, FinishRecreate) for step in steps)
        ordinary.sort(key=lambda container: (bool(self.causes(service, container)), container.number))
        for extra in ordinary[max(asked, 0) :]:
            yield RemoveContainer(extra, f"{service.name} asks for {replicas(service)}, this is one more")
        kept = sorted(ordinary[: max(asked, 0)], key=lambda container: container.number)
        yield from (self._converge(service, container) for container in kept)
        first = max((container.number for container in containers), default=0) + 1
        for number in range(first, first + asked - len(kept)):
            yield CreateContainer(service, container_name(self.project, service, number), number, "there is none yet")

    def _interrupted(
        self, service: Service, containers: tuple[ObservedContainer, ...]
    ) -> tuple[list[Step], frozenset[str]]:
        """Return the steps for what an interrupted recreate left, and the ids of the containers that they settle."""
        steps: list[Step] = []
        settled: set[str] = set()
        finishing = 0
        for container in containers:
            temporary = _TEMPORARY.fullmatch(container.name)
            if temporary is None or container.replaces is None:
                continue
            name = container_name(self.project, service, container.number)
            predecessor = next((other for other in containers if other.id.startswith(temporary[1])), None)
            successor = any(other.name == name and other is not predecessor for other in containers)
            if successor or (predecessor and self.causes(service, container)):
                steps.append(RemoveContainer(container, "a recreate that was interrupted left it"))
                settled.add(container.id)
            elif finishing < replicas(service) and not self.causes(service, container):
                finishing += 1
                steps.append(FinishRecreate(service, container, predecessor, name, "its recreate was interrupted"))
                settled |= {container.id, predecessor.id} if predecessor else {container.id}
        return steps, frozenset(settled)

    def _converge(self, service: Service, container: ObservedContainer) -> Step:
        if causes := self.causes(service, container):
            name = container_name(self.project, service, container.number)
            return RecreateContainer(service, container, name, (), "; ".join(causes))
        return _as_it_is(service, container)

    def _causes(self, service: Service, container: ObservedContainer) -> Iterator[str]:
        if container.state is State.DEAD:
            yield "the engine could not remove it completely"
        image = self.observed.images.get(service.image or "")
        if container.config_hash not in _accepted(self.hashes[service.name], container.version):
            yield from self._changes(service, container)
        elif image and container.image_label not in image.identities:
            # By the label alone: in lists, a container whose tag has moved has an id in place of its image's name.
            yield "image: the tag now points elsewhere"
        for name in self._network_names(service):
            if name in self.remade_networks:
                yield f"networks: {name} is recreated"
            elif container.state is State.RUNNING and name not in container.networks:
                yield f"networks: it is not on {name}"
        mounted = {mount.volume for mount in container.mounts}
        for mount in service.volumes:
            if mount.type is MountType.VOLUME and mount.source:
                name = self.project.volumes[mount.source].name
                if name not in mounted:
                    yield f"volumes: {name} is not mounted"

    def _changes(self, service: Service, container: ObservedContainer) -> Iterator[str]:
        dependencies = dependencies_label(service)
        if container.recorded is None:
            yield from unrecorded_causes(service, container, dependencies)
            return
        name = container_name(self.project, service, container.number)
        wanted = container_body(self.project, service, _UNSTAMPED, number=container.number)
        image = self.observed.images.get(container.image)
        found = differences(wanted, container.recorded, image)
        if container.name != name and not _TEMPORARY.fullmatch(container.name):
            yield f"container_name: {show(container.name)} → {show(name)}"
        elif not found:
            yield from unrecorded_causes(service, container, dependencies)
        secret = {
            use.key for use in self.project.uses if use.service == service.name and is_secret(use.name, use.value)
        }
        for cause in found:
            key = cause.partition(": ")[0]
            # Whatever the key is called: a secret variable reaches it.
            yield f"{key}: changed" if key in secret else cause

    def _network_names(self, service: Service) -> tuple[str, ...]:
        return tuple(name for name, _ in joined_networks(self.project, service))

    def _with_dependents(self, step: Step, recreated: Mapping[str, RecreateContainer]) -> Step:
        """Add to a recreate who stops for it; the dependents' own steps become starts."""
        match step:
            case RecreateContainer():
                dependents = tuple(
                    container
                    for service in self.services
                    if (terms := service.depends_on.get(step.service.name)) and terms.restart
                    for container in self.observed.of(service.name)
                    if container.state is State.RUNNING
                )
                return RecreateContainer(step.service, step.container, step.name, dependents, step.cause)
            case KeepContainer():
                for name, terms in step.service.depends_on.items():
                    if terms.restart and name in recreated:
                        return StartContainer(step.service, step.container, f"it restarts with {name}")
                return step
            case _:
                return step


def _context(
    project: ComposeProject, observed: Observed, services: tuple[Service, ...], remade_networks: set[str]
) -> _Context:
    hashes = {service.name: _hashes(service) for service in services}
    return _Context(project, observed, services, remade_networks, hashes)


def _as_it_is(service: Service, container: ObservedContainer) -> Step:
    if cause := _NOT_RUNNING.get(container.state):
        return StartContainer(service, container, cause)
    if service.unsupported:
        keys = ", ".join(key.key for key in service.unsupported)
        return KeepContainer(service, container, f"it is never recreated here, since it uses {keys}")
    return KeepContainer(service, container, "it is as the Compose file says")


def _hashes(service: Service) -> Mapping[Dialect, str]:
    return {} if service.unsupported else all_hashes(service)


def _accepted(hashes: Mapping[Dialect, str], version: str | None) -> frozenset[str]:
    """Return by which of `hashes` a container that Compose `version` labelled is up to date.

    All of them, except that a dialect which leaves a key out of the hash says nothing of a container whose own has it.
    """
    own = dialect_of(version) if version else None
    return frozenset(
        value
        for dialect, value in hashes.items()
        if own is None
        or (dialect.hashes_profiles >= own.hashes_profiles and dialect.hashes_dependencies >= own.hashes_dependencies)
    )


def _pulls(observed: Observed, services: tuple[Service, ...], pull: Pull) -> Iterator[PullImage]:
    seen: set[str] = set()
    for service in services:
        if service.image is None or service.unsupported or service.image in seen:
            continue
        seen.add(service.image)
        match policy(service, pull):
            case Pull.ALWAYS:
                yield PullImage(service.image, service.platform, "it is asked for anew every time")
            case Pull.MISSING if service.image not in observed.images:
                yield PullImage(service.image, service.platform, "it is not on this engine")


def policy(service: Service, pull: Pull) -> Pull:
    """Return when the image of `service` is pulled: as the caller says, or else as the file does."""
    if pull is not Pull.MISSING:
        return pull
    return {"always": Pull.ALWAYS, "never": Pull.NEVER}.get(service.pull_policy or "", Pull.MISSING)


def _orphan_steps(project: ComposeProject, observed: Observed) -> Iterator[RemoveContainer]:
    if project.orphans is Orphans.REMOVE:
        for container in orphaned(project, observed):
            yield RemoveContainer(container, "the Compose file has no such service any more")


def _network_steps(
    project: ComposeProject, observed: Observed, services: tuple[Service, ...]
) -> Iterator[CreateNetwork | RecreateNetwork]:
    used = {key for service in services if not service.unsupported for key in service.networks}
    for network in (project.networks[key] for key in project.networks if key in used):
        if network.external:
            continue
        found = observed.networks.get(network.name)
        if found is None:
            yield CreateNetwork(network, "there is none yet")
        elif found.config_hash and found.config_hash not in _network_hashes(network):
            yield RecreateNetwork(network, found, "its settings have changed")


def _network_hashes(network: Network) -> frozenset[str | None]:
    return frozenset(network_hash(network, dialect) for dialect in Dialect)


def _volume_steps(project: ComposeProject, observed: Observed, services: tuple[Service, ...]) -> Iterator[CreateVolume]:
    used = {
        mount.source
        for service in services
        if not service.unsupported
        for mount in service.volumes
        if mount.type is MountType.VOLUME
    }
    for volume in (project.volumes[key] for key in project.volumes if key in used):
        # A volume whose settings have changed stays as it is: recreating it would lose what it holds.
        if not volume.external and volume.name not in observed.volumes:
            yield CreateVolume(volume, "there is none yet")
