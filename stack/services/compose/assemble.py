"""The merged tree into a `ComposeProject`: each section read, and what the services refer to found."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Generic, TypeVar

from stack.environment.interpolation import Lookup
from stack.services.compose.dependencies import DependencyCycleError, start_order
from stack.services.compose.env_files import EnvFileReader
from stack.services.compose.model import (
    ComposeProject,
    FileSource,
    MountType,
    Network,
    Position,
    Service,
    UnsupportedKey,
    Volume,
)
from stack.services.compose.mounts import Directory
from stack.services.compose.nodes import InvalidNode, InvalidValue, MappingNode, Node, ScalarNode
from stack.services.compose.ports import MAX_PORTS
from stack.services.compose.reading import Cursor, Fields
from stack.services.compose.resources import read_file_source, read_network, read_volume
from stack.services.compose.service import check_service, is_enabled, read_service

T = TypeVar("T")

_TOP_LEVEL: Final = ("name", "version", "services", "networks", "volumes", "secrets", "configs")
_OTHERS: Final = ("include", "models")
_NAME: Final = re.compile(r"[a-zA-Z0-9._-]+")

# Where the image comes from if not from `image`.
_IMAGE_SOURCES: Final = ("build", "extends", "provider")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of a project besides its tree."""

    name: str
    files: tuple[Path, ...]
    directory: Directory
    lookup: Lookup
    profiles: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Section(Generic[T]):
    """One top-level section: what could be read by key, and what is not supported by key."""

    known: Mapping[str, T]
    unsupported: Mapping[str, tuple[UnsupportedKey, ...]]


@dataclass(frozen=True, slots=True)
class _Sections:
    """What services refer to."""

    networks: _Section[Network]
    volumes: _Section[Volume]
    secrets: _Section[FileSource | None]
    configs: _Section[FileSource | None]


def assemble(node: Node, around: Surroundings) -> tuple[ComposeProject, tuple[UnsupportedKey, ...]]:
    """Return the project in `node`, and the keys at its top level that are ignored.

    Raises:
        InvalidNode: a value is not what Compose's schema wants there, or a service refers to what is not there.
    """
    ignored: list[UnsupportedKey] = []
    fields = Cursor(node, "", ignored).fields(_TOP_LEVEL, _OTHERS)
    if "services" not in fields.cursors and not ignored:
        raise InvalidNode(node.position, "expected services")
    sections = _sections(fields, around)
    services = {name: _attach(service, sections) for name, service in _services(fields, around).items()}
    enabled = {name: it for name, it in services.items() if is_enabled(it, around.profiles)}
    disabled = {name: it for name, it in services.items() if name not in enabled}
    networks = dict(sections.networks.known)
    if any("default" in service.networks for service in services.values()):
        networks.setdefault("default", Network("default", f"{around.name}_default"))
    for service in enabled.values():
        _check(service, networks, sections, enabled, disabled)
    _check_container_names(enabled)
    _check_order(enabled)
    compose = ComposeProject(
        name=around.name,
        directory=around.directory.path,
        files=around.files,
        services=enabled,
        disabled=disabled,
        networks=networks,
        volumes=sections.volumes.known,
        secrets={key: source for key, source in sections.secrets.known.items() if source is not None},
        configs={key: source for key, source in sections.configs.known.items() if source is not None},
    )
    return compose, tuple(ignored)


def check(node: Node, around: Surroundings) -> None:
    """Check what Compose demands of the first of several files, merged in `node`, before it merges the next.

    Raises:
        InvalidNode: a value is not of the kind that Compose's schema wants there.
    """
    fields = Cursor(node, "", [], may_be_replaced=True).fields(_TOP_LEVEL, _OTHERS)
    _sections(fields, around)
    for name, cursor in _service_cursors(fields):
        check_service(cursor, name, around.directory)


def _sections(fields: Fields, around: Surroundings) -> _Sections:
    def file_source(cursor: Cursor, key: str) -> FileSource | None:
        return read_file_source(cursor, key, around.directory)

    return _Sections(
        networks=_section(fields, "networks", lambda cursor, key: read_network(cursor, key, around.name)),
        volumes=_section(
            fields, "volumes", lambda cursor, key: read_volume(cursor, key, around.name, around.directory)
        ),
        secrets=_section(fields, "secrets", file_source),
        configs=_section(fields, "configs", file_source),
    )


def _section(fields: Fields, name: str, read: Callable[[Cursor, str], T]) -> _Section[T]:
    known: dict[str, T] = {}
    unsupported: dict[str, tuple[UnsupportedKey, ...]] = {}
    if name in fields.cursors and not _is_empty(fields.cursors[name].node):
        for key, entry in fields.cursors[name].entries().items():
            cursor = replace(entry, unsupported=[])
            try:
                known[key] = read(cursor, key)
            except InvalidValue:
                if not cursor.may_be_replaced:
                    raise
            unsupported[key] = tuple(cursor.unsupported)
    return _Section(known, unsupported)


def _is_empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None


def _service_cursors(fields: Fields) -> Iterator[tuple[str, Cursor]]:
    if "services" in fields.cursors:
        for name, entry in fields.cursors["services"].entries().items():
            if not _NAME.fullmatch(name):
                raise entry.malformed("expected a service's name to be made of letters, digits and . _ -")
            yield name, replace(entry, unsupported=[])


def _services(fields: Fields, around: Surroundings) -> Mapping[str, Service]:
    services: dict[str, Service] = {}
    files, ports = EnvFileReader(around.directory), 0
    for name, cursor in _service_cursors(fields):
        service = read_service(cursor, name, files, around.lookup, around.profiles)
        keys = sorted(cursor.unsupported, key=lambda key: (key.position.line, key.position.column))
        position = _key_position(fields.cursors["services"].node, name)
        services[name] = replace(service, unsupported=tuple(keys), position=position)
        ports += len(service.ports)
        if ports > MAX_PORTS:
            raise cursor.invalid(f"expected at most {MAX_PORTS} ports in all services")
    return services


def _key_position(node: Node, key: str) -> Position:
    return node.entries[key].key if isinstance(node, MappingNode) else node.position


def _attach(service: Service, sections: _Sections) -> Service:
    """Add to what `service` uses that is not supported what its networks, volumes and files use."""
    used = [*service.unsupported]
    for section, key, _ in _references(service, sections):
        used += section.get(key, ())
    return replace(service, unsupported=tuple(used)) if len(used) > len(service.unsupported) else service


def _references(
    service: Service, sections: _Sections
) -> Iterator[tuple[Mapping[str, tuple[UnsupportedKey, ...]], str, str]]:
    """Yield what `service` refers to: the section's unsupported keys, its own key in there, and what it is."""
    for key in service.networks:
        yield sections.networks.unsupported, key, "network"
    for mount in service.volumes:
        if mount.type is MountType.VOLUME and mount.source is not None:
            yield sections.volumes.unsupported, mount.source, "volume"
    for secret in service.secrets:
        yield sections.secrets.unsupported, secret.source, "secret"
    for config in service.configs:
        yield sections.configs.unsupported, config.source, "config"


def _check(
    service: Service,
    networks: Mapping[str, Network],
    sections: _Sections,
    enabled: Mapping[str, Service],
    disabled: Mapping[str, Service],
) -> None:
    """Check what Compose checks of an enabled service before it does anything with it."""
    sources = {key.key.rpartition(".")[2] for key in service.unsupported}
    if not service.image and sources.isdisjoint(_IMAGE_SOURCES):
        raise _invalid(service, "expected an image, or a build")
    for section, key, kind in _references(service, sections):
        if key not in section and not (kind == "network" and key in networks):
            raise _invalid(service, f"expected the {kind} {key} to be declared under {kind}s at the top level")
    for name, dependency in service.depends_on.items():
        if name in disabled and dependency.required:
            profiles = ", ".join(disabled[name].profiles)
            raise _invalid(service, f"expected {name}, on which it depends, to be enabled; its profiles are {profiles}")
        if name not in enabled and name not in disabled:
            raise _invalid(service, f"expected {name}, on which it depends, to be a service of this project")


def _check_container_names(services: Mapping[str, Service]) -> None:
    owners: dict[str, str] = {}
    for service in services.values():
        name = service.container_name
        if name and owners.setdefault(name, service.name) != service.name:
            raise _invalid(service, f"expected another container_name than {owners[name]} has")


def _check_order(services: Mapping[str, Service]) -> None:
    try:
        start_order(services)
    except DependencyCycleError as error:
        raise _invalid(services[error.cycle[0]], f"expected no cycle, {error}") from None


def _invalid(service: Service, message: str) -> InvalidNode:
    if service.position is None:
        raise ValueError(f"the service {service.name} was not read from a file")
    return InvalidNode(service.position, f"services.{service.name}: {message}")
