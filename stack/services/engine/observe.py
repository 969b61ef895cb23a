"""One snapshot of what the engine holds of a project; whatever is decided, is decided on it alone."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, cast

from stack.services.control import Health, State
from stack.services.engine import labels, wire
from stack.services.engine.json_types import Json, JsonObject
from stack.services.engine.reader import Reader
from stack.services.engine.states import read_state

ANONYMOUS: Final = re.compile(r"[0-9a-f]{64}")
"""What the engine calls a volume that nobody named."""

_HEALTH: Final = re.compile(r"\((?:health: )?(starting|healthy|unhealthy)\)")


@dataclass(frozen=True, slots=True)
class ObservedMount:
    """A volume or a directory in a container: `volume` is the name of a named or anonymous one, `source` a path."""

    target: str
    volume: str | None
    source: str | None
    read_only: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the container `id` was created with, in the engine's own JSON; `networks` by name."""

    id: str
    config: JsonObject
    host_config: JsonObject
    networks: JsonObject


@dataclass(frozen=True, slots=True)
class ObservedContainer:
    """One container of the project.

    `image` is the reference that it was created from, `replaces` whose place it was made to take, by a recreate.
    `recorded` is there only for a container whose hash is none of those that were asked for.
    """

    id: str
    name: str
    service: str
    number: int
    image: str
    state: State
    health: Health = Health.NONE
    config_hash: str = ""
    image_label: str | None = None
    version: str | None = None
    replaces: str | None = None
    networks: frozenset[str] = frozenset()
    mounts: tuple[ObservedMount, ...] = ()
    ports: tuple[str, ...] = ()
    recorded: Recorded | None = None

    @property
    def published(self) -> frozenset[int]:
        """The ports of the host that it has now."""
        return frozenset(int(port.partition("->")[0].rpartition(":")[2]) for port in self.ports)

    @property
    def resource(self) -> str:
        """Its kind and name, as plans and errors call it."""
        return f"container {self.name}"


@dataclass(frozen=True, slots=True)
class ObservedNetwork:
    """A network on the engine, whoever made it."""

    id: str
    name: str
    project: str | None = None
    key: str | None = None
    config_hash: str | None = None


@dataclass(frozen=True, slots=True)
class ObservedVolume:
    """A volume on the engine, whoever made it."""

    name: str
    project: str | None = None
    config_hash: str | None = None
    driver: str = "local"
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObservedImage:
    """An image on the engine and what it gives to its containers.

    `manifest` is the digest of the manifest for this machine where the engine keeps several under one image.
    """

    id: str
    manifest: str | None = None
    environment: frozenset[str] = frozenset()
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    user: str = ""
    working_dir: str = ""
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()
    exposed: frozenset[str] = frozenset()
    healthcheck: Mapping[str, Json] = field(default_factory=dict)

    @property
    def identities(self) -> frozenset[str]:
        """By what Compose may have recorded it."""
        return frozenset(identity for identity in (self.id, self.manifest) if identity)


@dataclass(frozen=True, slots=True)
class Observed:
    """What the engine holds; networks, volumes and images by name or reference, of all projects.

    `one_offs` are what ``docker compose run`` has made, which is nobody's business but that of who ran it.
    `installed` is the version of this machine's Compose, looked up only where no container tells of one.
    """

    containers: tuple[ObservedContainer, ...] = ()
    networks: Mapping[str, ObservedNetwork] = field(default_factory=dict)
    volumes: Mapping[str, ObservedVolume] = field(default_factory=dict)
    images: Mapping[str, ObservedImage] = field(default_factory=dict)
    installed: str | None = None
    one_offs: tuple[ObservedContainer, ...] = ()

    def of(self, service: str) -> tuple[ObservedContainer, ...]:
        """Return the containers of `service` by number."""
        return tuple(container for container in self.containers if container.service == service)

    @property
    def version(self) -> str | None:
        """The version of the Compose that labelled the project's containers, or else of the one that is here."""
        labelled = (container.version for container in reversed(self.containers) if container.version)
        return next(labelled, self.installed)


NOTHING: Final = Observed()
"""An engine that holds nothing, or none at all."""


def observe(reader: Reader, project: str, images: Iterable[str], known_hashes: frozenset[str]) -> Observed:
    """Look once at everything of `project` and at `images`; blocking.

    Containers with a hash that is not known are looked at closely, so that a plan can say what has changed.
    """
    containers, one_offs = _list(reader, project)
    return Observed(
        containers=tuple(
            container if container.config_hash in known_hashes else _closely(reader, container)
            for container in containers
        ),
        one_offs=one_offs,
        networks={network["Name"]: _network(network) for network in reader.list_networks()},
        volumes={volume["Name"]: _volume(volume) for volume in reader.list_volumes()},
        images={
            reference: image
            for reference in sorted(set(images))
            if (image := look_at_image(reader, reference)) is not None
        },
    )


def list_project(reader: Reader, project: str) -> tuple[ObservedContainer, ...]:
    """Return the containers of `project` by service and number, without the one-off ones; blocking."""
    return _list(reader, project)[0]


def _list(reader: Reader, project: str) -> tuple[tuple[ObservedContainer, ...], tuple[ObservedContainer, ...]]:
    """Return the containers of `project` that its services have, and the one-off ones."""
    services: list[ObservedContainer] = []
    one_offs: list[ObservedContainer] = []
    for summary in reader.list_containers({labels.PROJECT: project, labels.CONFIG_HASH: None}):
        is_one_off = (summary["Labels"] or {}).get(labels.ONE_OFF) == "True"
        (one_offs if is_one_off else services).append(_container(summary))
    return by_service(services), tuple(one_offs)


def by_service(containers: Iterable[ObservedContainer]) -> tuple[ObservedContainer, ...]:
    """Return `containers` in the order in which a project's are kept."""
    return tuple(sorted(containers, key=lambda container: (container.service, container.number, container.name)))


def look_at(reader: Reader, container: str, known_hashes: frozenset[str]) -> ObservedContainer | None:
    """Return one container as `list_project` would, by its id; None where it is gone. Blocking.

    Unlike the engine's lists, this does not lag behind its events.
    """
    details = reader.find_container(container)
    if details is None:
        return None
    config = cast("wire.ContainerConfig", details["Config"])
    given, networks, state = config["Labels"] or {}, details["NetworkSettings"], details["State"]
    found = ObservedContainer(
        id=details["Id"],
        name=details["Name"].removeprefix("/"),
        service=given.get(labels.SERVICE, ""),
        number=_number(given),
        image=config["Image"],
        state=read_state(state.get("Status", "")),
        health=_current_health(state),
        config_hash=given.get(labels.CONFIG_HASH, ""),
        image_label=given.get(labels.IMAGE),
        version=given.get(labels.VERSION),
        replaces=given.get(labels.REPLACES),
        networks=frozenset(networks["Networks"] or {}),
        mounts=tuple(_mount(mount) for mount in details["Mounts"]),
        ports=_bindings(networks["Ports"] or {}),
    )
    return found if found.config_hash in known_hashes else replace(found, recorded=_recorded(details))


def look_at_image(reader: Reader, reference: str) -> ObservedImage | None:
    """Return the image that `reference` means now; None where it is not on the engine. Blocking."""
    details = reader.image(reference)
    return None if details is None else _image(details)


def _closely(reader: Reader, container: ObservedContainer) -> ObservedContainer:
    details = reader.find_container(container.id)
    if details is None:
        return container
    return replace(container, recorded=_recorded(details))


def _recorded(details: wire.ContainerDetails) -> Recorded:
    networks: JsonObject = dict(details["NetworkSettings"]["Networks"] or {})
    return Recorded(details["Id"], details["Config"], details["HostConfig"], networks)


def _container(summary: wire.ContainerSummary) -> ObservedContainer:
    given = summary["Labels"] or {}
    return ObservedContainer(
        id=summary["Id"],
        name=summary["Names"][0].removeprefix("/") if summary["Names"] else summary["Id"][:12],
        service=given.get(labels.SERVICE, ""),
        number=_number(given),
        image=summary["Image"],
        state=read_state(summary["State"]),
        health=_health(summary["Status"]),
        config_hash=given.get(labels.CONFIG_HASH, ""),
        image_label=given.get(labels.IMAGE),
        version=given.get(labels.VERSION),
        replaces=given.get(labels.REPLACES),
        networks=frozenset(summary["NetworkSettings"]["Networks"] or {}),
        mounts=tuple(_mount(mount) for mount in summary["Mounts"] or ()),
        ports=_ports(summary["Ports"]),
    )


def _number(given: Mapping[str, str]) -> int:
    number = given.get(labels.NUMBER, "")
    return int(number) if number.isdecimal() else 1


def _health(status: str) -> Health:
    # A list of containers has the health only within the text that `docker ps` shows: «Up 5 seconds (healthy)».
    found = _HEALTH.search(status)
    return Health(found[1]) if found else Health.NONE


def _current_health(state: wire.ContainerState) -> Health:
    # An inspected container keeps the last word of its health check when it has stopped; lists do not.
    health = state.get("Health")
    return Health(health["Status"]) if health and state.get("Status") == State.RUNNING else Health.NONE


def _mount(mount: wire.MountPoint) -> ObservedMount:
    volume = mount.get("Name") if mount.get("Type") == "volume" else None
    return ObservedMount(
        target=mount.get("Destination", ""),
        volume=volume,
        # Where the engine keeps a volume is its own business, and only some of its answers tell.
        source=None if volume else mount.get("Source"),
        read_only=not mount.get("RW", True),
    )


def _ports(ports: list[wire.PortSummary]) -> tuple[str, ...]:
    published = {
        f"{_address(port.get('IP', ''))}:{port['PublicPort']}->{port['PrivatePort']}/{port['Type']}"
        for port in ports
        if "PublicPort" in port
    }
    return tuple(sorted(published))


def _bindings(ports: Mapping[str, list[wire.PortBinding] | None]) -> tuple[str, ...]:
    published = {
        f"{_address(binding['HostIp'])}:{binding['HostPort']}->{port}"
        for port, bindings in ports.items()
        for binding in bindings or ()
    }
    return tuple(sorted(published))


def _address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _network(network: wire.NetworkSummary) -> ObservedNetwork:
    given = network["Labels"] or {}
    return ObservedNetwork(
        id=network["Id"],
        name=network["Name"],
        project=given.get(labels.PROJECT),
        key=given.get(labels.NETWORK),
        config_hash=given.get(labels.CONFIG_HASH),
    )


def _volume(volume: wire.VolumeSummary) -> ObservedVolume:
    given = volume["Labels"] or {}
    return ObservedVolume(
        name=volume["Name"],
        project=given.get(labels.PROJECT),
        config_hash=given.get(labels.CONFIG_HASH),
        driver=volume["Driver"],
        options=volume["Options"] or {},
        labels=given,
    )


def _image(details: wire.ImageDetails) -> ObservedImage:
    config = details.get("Config") or {}
    command, entrypoint = config.get("Cmd"), config.get("Entrypoint")
    return ObservedImage(
        id=details["Id"],
        manifest=_manifest(details),
        environment=frozenset(config.get("Env") or ()),
        command=tuple(command) if command is not None else None,
        entrypoint=tuple(entrypoint) if entrypoint is not None else None,
        user=config.get("User") or "",
        working_dir=config.get("WorkingDir") or "",
        stop_signal=config.get("StopSignal") or "",
        labels=config.get("Labels") or {},
        volumes=frozenset(config.get("Volumes") or {}),
        exposed=frozenset(config.get("ExposedPorts") or {}),
        healthcheck=config.get("Healthcheck") or {},
    )


def _manifest(details: wire.ImageDetails) -> str | None:
    """Return the manifest that this machine runs, or the only one, as Compose from 5.5 on identifies an image."""
    here = [
        manifest
        for manifest in details.get("Manifests") or ()
        if manifest.get("Kind") == "image" and manifest.get("Available")
    ]
    for manifest in here:
        platform = manifest["ImageData"]["Platform"]
        if (platform.get("os"), platform.get("architecture")) == (details.get("Os"), details.get("Architecture")):
            return manifest["ID"]
    return here[0]["ID"] if len(here) == 1 else None
