"""``volumes:`` of a service, in the short form that ``docker run -v`` has too, and in the long one."""

import posixpath
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from stack.services.compose.model import BindOptions, Mount, MountType, TmpfsOptions, VolumeOptions
from stack.services.compose.nodes import MappingNode, ScalarNode
from stack.services.compose.reading import Cursor, Fields

_PROPAGATION: Final = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_SELINUX: Final = ("z", "Z")
_DRIVE: Final = re.compile(r"[^\W\d_]:")
_LONG: Final = ("type", "target", "source", "read_only", "consistency", "bind", "volume", "tmpfs")
_OTHER_TYPES: Final = ("cluster", "image", "npipe")


@dataclass(slots=True)
class Directory:
    """Where relative paths begin, and where ``~`` leads.

    `elsewhere` gathers the files in which they begin in another directory than the project's.
    """

    path: Path
    home: str
    elsewhere: dict[Path, Path] = field(default_factory=dict)

    def resolve(self, path: str, written_in: Path) -> str:
        """Return `path` as an absolute one; what is absolute already stays as it is written, uncleaned."""
        if path == "~":
            path = self.home
        elif path.startswith("~/"):
            path = posixpath.join(self.home, path[2:])
        start = self.elsewhere.get(written_in, self.path)
        return path if path.startswith("/") else posixpath.normpath(posixpath.join(str(start), path))


def read_mounts(cursor: Cursor, directory: Directory) -> tuple[Mount, ...]:
    """Read ``volumes:``. A later entry for the same target takes the earlier one's place.

    Raises:
        InvalidNode: an entry is no mount.
    """
    mounts: dict[str, Mount] = {}
    for item in cursor.items():
        mount = _long(item) if isinstance(item.node, MappingNode) else _short(item)
        if mount.target:
            mount = replace(mount, target=posixpath.normpath(mount.target))
        if mount.type is MountType.BIND:
            if mount.source is None:
                raise item.invalid("expected a source, the path on this machine to bind")
            mount = replace(mount, source=directory.resolve(mount.source, item.node.position.file))
        mounts[mount.target] = mount
    return tuple(mounts.values())


def _long(cursor: Cursor) -> Mount:
    fields = cursor.fields(_LONG, ("image",))
    kind = fields.get("type", Cursor.text)
    if kind in _OTHER_TYPES:
        fields.cursors["type"].note()
        return Mount(MountType.VOLUME, fields.get("target", Cursor.text) or "")
    if kind not in set(MountType):
        raise cursor.malformed(f"expected a type, one of {', '.join(MountType)}")
    target = fields.get("target", Cursor.text)
    if not target:
        raise cursor.invalid("expected a target, the path in the container")
    return Mount(
        type=MountType(kind),
        target=target,
        source=fields.get("source", Cursor.text) or None,
        read_only=fields.flag("read_only"),
        consistency=fields.get("consistency", Cursor.text) or None,
        bind=fields.get("bind", _bind),
        volume=fields.get("volume", _volume),
        tmpfs=fields.get("tmpfs", _tmpfs),
    )


def _bind(cursor: Cursor) -> BindOptions:
    fields = cursor.fields(("create_host_path", "propagation", "selinux", "recursive"))
    return BindOptions(
        create_host_path=fields.get("create_host_path", Cursor.boolean),
        propagation=fields.get("propagation", Cursor.text) or None,
        selinux=fields.get("selinux", Cursor.text) or None,
        recursive=fields.get("recursive", Cursor.text) or None,
    )


def _volume(cursor: Cursor) -> VolumeOptions:
    fields: Fields = cursor.fields(("nocopy", "subpath", "labels"))
    return VolumeOptions(
        nocopy=fields.flag("nocopy"),
        subpath=fields.get("subpath", Cursor.text) or None,
        labels=fields.mapping("labels", Cursor.labels),
    )


def _tmpfs(cursor: Cursor) -> TmpfsOptions:
    fields = cursor.fields(("size", "mode"))
    return TmpfsOptions(size=fields.get("size", Cursor.size), mode=fields.get("mode", _mode))


def _mode(cursor: Cursor) -> int:
    if isinstance(cursor.node, ScalarNode) and isinstance(cursor.node.value, str):
        cursor.note()  # octal digits to newer versions of Compose, an error to older ones
        return 0
    return cursor.truncated_natural()


def _short(cursor: Cursor) -> Mount:
    text = cursor.text()
    if not text:
        raise cursor.invalid("expected [SOURCE:]TARGET[:OPTIONS], got an empty text")
    if len(text) <= 2:
        return Mount(MountType.VOLUME, text)
    sections = _sections(text)
    if "" in sections or len(sections) > 3:
        raise cursor.invalid("expected [SOURCE:]TARGET[:OPTIONS], with nothing empty between the colons")
    source, target = (sections[0], sections[1]) if len(sections) > 1 else (None, sections[0])
    options = sections[2].split(",") if len(sections) > 2 else []
    read_only = [option for option in options if option in {"ro", "rw"}][-1:] == ["ro"]
    selinux = next((option for option in reversed(options) if option in _SELINUX), None)
    propagation = next((option for option in reversed(options) if option in _PROPAGATION), None)
    bind = BindOptions(selinux=selinux, propagation=propagation) if selinux or propagation else None
    volume = VolumeOptions(nocopy=True) if "nocopy" in options else None
    if source and (source[0] in "./~" or source.startswith("\\\\") or _DRIVE.match(source)):
        # The short form makes the directory on the host where there is none, as docker-compose once did.
        bind = replace(bind or BindOptions(), create_host_path=True)
        return Mount(MountType.BIND, target, source, read_only, bind=bind, volume=volume)
    return Mount(MountType.VOLUME, target, source, read_only, bind=bind, volume=volume or VolumeOptions())


def _sections(text: str) -> list[str]:
    """Split at colons, except behind a single letter: that is a drive of Windows."""
    sections: list[str] = []
    for part in text.split(":"):
        if sections and len(sections[-1]) == 1 and sections[-1].isalpha():
            sections[-1] += f":{part}"
        else:
            sections.append(part)
    return sections
