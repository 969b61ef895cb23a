"""Compose projects made by hand, and engines that hold what a plan would have made of them."""

from dataclasses import replace
from pathlib import Path

from stack.services.compose.model import (
    ComposeProject,
    Condition,
    Dependency,
    Healthcheck,
    Mount,
    MountType,
    Network,
    Port,
    Service,
    Volume,
    VolumeOptions,
)
from stack.services.control import State
from stack.services.engine import plan as planning
from stack.services.engine.observe import (
    Observed,
    ObservedContainer,
    ObservedImage,
    ObservedMount,
    ObservedNetwork,
    ObservedVolume,
)
from stack.services.engine.payload import joined_networks
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

SECOND = 1_000_000_000
IMAGE = "postgres:16-alpine"


def service(name="db", **fields) -> Service:
    return Service(name, **({"image": IMAGE, "networks": {"default": None}} | fields))


def database(port: int, **fields) -> Service:
    """A Postgres like that of most projects, published on a loopback port."""
    return service(
        **{
            "environment": {"POSTGRES_PASSWORD": "x"},
            "ports": (Port(5432, str(port), "127.0.0.1"),),
            "volumes": (volume_mount("data", "/var/lib/postgresql/data"),),
            "healthcheck": Healthcheck(
                ("CMD-SHELL", "pg_isready -q -h 127.0.0.1"),
                interval=10 * SECOND,
                timeout=5 * SECOND,
                retries=5,
                start_period=60 * SECOND,
                start_interval=SECOND,
            ),
            "stop_grace_period": 30 * SECOND,
        }
        | fields
    )


def sleeper(name: str, **fields) -> Service:
    return service(name, entrypoint=("sleep", "1000"), init=True, **fields)


def after(*names: str, condition=Condition.STARTED, restart=False) -> dict[str, Dependency]:
    return {name: Dependency(condition, restart=restart) for name in names}


def volume_mount(source: str | None, target: str) -> Mount:
    return Mount(MountType.VOLUME, target, source, volume=VolumeOptions())


def project(*services: Service, name="p", disabled=(), directory=Path("/srv/p")) -> ComposeProject:
    everything = (*services, *disabled)
    volumes = {mount.source for it in everything for mount in it.volumes if mount.type is MountType.VOLUME}
    networks = {key for it in everything for key in it.networks}
    return ComposeProject(
        name=name,
        directory=directory,
        files=(directory / "compose.yaml",),
        services={it.name: it for it in services},
        disabled={it.name: it for it in disabled},
        networks={key: Network(key, f"{name}_{key}") for key in sorted(networks)},
        volumes={key: Volume(key, f"{name}_{key}") for key in sorted(filter(None, volumes))},
        secrets={},
        configs={},
    )


def holding(compose: ComposeProject, *containers: ObservedContainer) -> Observed:
    """An engine with the project's networks, volumes and images, and with `containers`."""
    return Observed(
        containers=containers,
        networks={it.name: ObservedNetwork(it.name, it.name, compose.name, it.key) for it in compose.networks.values()},
        volumes={it.name: ObservedVolume(it.name, compose.name) for it in compose.volumes.values()},
        images={it.image: ObservedImage("sha256:1") for it in compose.services.values() if it.image},
    )


def up_to_date(compose: ComposeProject, it: Service, number=1, identity="a" * 64, **fields) -> ObservedContainer:
    """A running container as we would have created it."""
    writing = planning.writing(Observed())
    container = ObservedContainer(
        id=identity,
        name=it.container_name or f"{compose.name}-{it.name}-{number}",
        service=it.name,
        number=number,
        image=it.image or "",
        state=State.RUNNING,
        config_hash=writing.config_hash(it),
        image_label="sha256:1",
        version=writing.version,
        networks=frozenset(name for name, _ in joined_networks(compose, it)),
        mounts=tuple(
            ObservedMount(mount.target, compose.volumes[mount.source].name, None, read_only=mount.read_only)
            for mount in it.volumes
            if mount.type is MountType.VOLUME and mount.source
        ),
    )
    return replace(container, **fields)


def pulled(observed: Observed, made: planning.Plan) -> Observed:
    """What `observed` becomes when the images of `made` have been pulled."""
    images = {step.reference: ObservedImage("sha256:1") for step in made.steps if isinstance(step, PullImage)}
    return replace(observed, images={**observed.images, **images})


def applied(compose: ComposeProject, observed: Observed, made: planning.Plan) -> Observed:
    """What `observed` becomes when the rest of `made` has been executed, by the meaning of each step."""
    networks, volumes = dict(observed.networks), dict(observed.volumes)
    containers = {container.id: container for container in observed.containers}
    for count, step in enumerate(made.steps):
        match step:
            case CreateNetwork(network) | RecreateNetwork(network):
                networks[network.name] = ObservedNetwork(network.name, network.name, compose.name, network.key)
            case CreateVolume(volume):
                volumes[volume.name] = ObservedVolume(volume.name, compose.name)
            case PullImage():
                pass
            case _:
                _apply(compose, containers, step, f"{count:012x}".rjust(64, "f"))
    return replace(observed, containers=tuple(containers.values()), networks=networks, volumes=volumes)


def _apply(compose: ComposeProject, containers: dict[str, ObservedContainer], step: Step, identity: str) -> None:
    match step:
        case RemoveContainer(container):
            del containers[container.id]
        case CreateContainer(it, _, number):
            containers[identity] = up_to_date(compose, it, number, identity)
        case RecreateContainer(it, container):
            del containers[container.id]
            containers[identity] = up_to_date(compose, it, container.number, identity)
        case FinishRecreate(_, replacement, predecessor, name):
            if predecessor:
                del containers[predecessor.id]
            containers[replacement.id] = replace(replacement, name=name, state=State.RUNNING)
        case StartContainer(_, container) | KeepContainer(_, container):
            containers[container.id] = replace(container, state=State.RUNNING)
