"""The networks, volumes, secrets and configs at a Compose file's top level."""

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stack.services.compose.model import FileSource, Network, Subnet, Volume
from stack.services.compose.mounts import Directory
from stack.services.compose.nodes import MappingNode, ScalarNode
from stack.services.compose.reading import Cursor, Fields

_NETWORK: Final = (
    "name",
    "driver",
    "driver_opts",
    "ipam",
    "external",
    "internal",
    "attachable",
    "labels",
    "enable_ipv4",
    "enable_ipv6",
)
_VOLUME: Final = ("name", "driver", "driver_opts", "external", "labels")

_NOT_EXTERNAL: Final = frozenset(("driver", "driver_opts", "labels"))

# Secrets and configs that are not files are written into the container while it is made, or are for a swarm.
_SOURCES: Final = ("file", "environment", "content")
_OTHERS: Final = ("driver", "driver_opts", "external", "labels", "template_driver")


def read_network(cursor: Cursor, key: str, project: str) -> Network:
    """Read the network `key` of `project`, which gives it its name where the file does not.

    Raises:
        InvalidNode: a value is not what Compose's schema wants there.
    """
    fields = _fields(cursor, _NETWORK)
    ipam = fields.get("ipam", lambda ipam: ipam.fields(("driver", "config", "options"))) or Fields({})
    external, name = _external(fields, key, project)
    return Network(
        key=key,
        name=name,
        driver=fields.get("driver", Cursor.text) or None,
        driver_opts=fields.mapping("driver_opts", Cursor.options),
        ipam_driver=ipam.get("driver", Cursor.text) or None,
        ipam_config=ipam.many("config", lambda config: tuple(_subnet(item) for item in config.items())),
        ipam_options=ipam.mapping("options", _texts),
        external=external,
        internal=fields.flag("internal"),
        attachable=fields.flag("attachable"),
        labels=fields.mapping("labels", Cursor.labels),
        enable_ipv4=fields.get("enable_ipv4", Cursor.boolean),
        enable_ipv6=fields.get("enable_ipv6", Cursor.boolean),
    )


def read_volume(cursor: Cursor, key: str, project: str, directory: Directory) -> Volume:
    """Read the volume `key` of `project`; the path of a ``local`` volume that is really a bind is made absolute.

    Raises:
        InvalidNode: a value is not what Compose's schema wants there.
    """
    fields = _fields(cursor, _VOLUME)
    external, name = _external(fields, key, project)
    if external:
        for other in _NOT_EXTERNAL & fields.cursors.keys():
            raise fields.cursors[other].invalid("expected nothing but a name of an external volume")
    driver = fields.get("driver", Cursor.text) or None
    options = dict(fields.mapping("driver_opts", Cursor.options))
    if driver == "local" and options.get("o") == "bind" and options.get("device"):
        options["device"] = posixpath.normpath(directory.resolve(options["device"], cursor.node.position.file))
    return Volume(
        key=key,
        name=name,
        driver=driver,
        driver_opts=options,
        external=external,
        labels=fields.mapping("labels", Cursor.labels),
    )


def read_file_source(cursor: Cursor, key: str, directory: Directory) -> FileSource | None:
    """Read the secret or config `key`; None where it does not come from a file, which is noted as not supported.

    Raises:
        InvalidNode: a value is not what Compose's schema wants there.
    """
    fields = cursor.fields(("name", *_SOURCES), _OTHERS)
    written = [source for source in _SOURCES if source in fields.cursors]
    if len(written) > 1:
        raise cursor.invalid(f"expected one source, got {' and '.join(written)}")
    file = fields.get("file", Cursor.text)
    if not file:
        for source in written:
            fields.cursors[source].note()
        if not cursor.unsupported:
            raise cursor.invalid("expected a file")
        return None
    return FileSource(key, Path(directory.resolve(file, cursor.node.position.file)))


def _fields(cursor: Cursor, known: tuple[str, ...]) -> Fields:
    """Return the fields of a resource; one of which nothing is said has none."""
    if isinstance(cursor.node, ScalarNode) and cursor.node.value is None:
        return Fields({})
    return cursor.fields(known)


def _external(fields: Fields, key: str, project: str) -> tuple[bool, str]:
    """Return whether a resource is somebody else's, and its name; ``external: {name: …}`` is an old way to say both."""
    name = fields.get("name", Cursor.text)
    external = fields.cursors.get("external")
    if external is not None and isinstance(external.node, MappingNode):
        name = external.fields(("name",)).get("name", Cursor.text) or name
        return True, name or key
    is_external = fields.flag("external")
    return is_external, name or (key if is_external else f"{project}_{key}")


def _subnet(cursor: Cursor) -> Subnet:
    fields = cursor.fields(Subnet.__slots__)
    return Subnet(
        subnet=fields.get("subnet", Cursor.text) or None,
        gateway=fields.get("gateway", Cursor.text) or None,
        ip_range=fields.get("ip_range", Cursor.text) or None,
        aux_addresses=fields.mapping("aux_addresses", _texts),
    )


def _texts(cursor: Cursor) -> Mapping[str, str]:
    return {name: entry.text() for name, entry in cursor.entries().items()}
