"""Where the Compose file has a database keep its data, against where its image looks for it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from stack.services.compose.model import ComposeProject, Mount, MountType, Service
from stack.services.compose.postgres_image import (
    FIRST_NEW,
    OLD_DIRECTORY,
    PARENT,
    data_directory,
    holder,
    major_version,
    meant_for_data,
)


@dataclass(frozen=True, slots=True)
class Storage:
    """The server's `major` version, the `directory` where it looks for its data, and the `mount` that is meant for it.

    `volume` is the name on the engine of the volume that is mounted, None where it has no name or is no volume.
    """

    major: int
    directory: str
    mount: Mount | None
    volume: str | None
    holds: bool

    @property
    def within(self) -> str:
        """Where in what is mounted the data directory is to be."""
        target = PurePosixPath(self.mount.target) if self.mount else PurePosixPath("/")
        path = PurePosixPath(self.directory)
        return str(path.relative_to(target)) if path.is_relative_to(target) else "."

    @property
    def is_unseen(self) -> bool:
        """Whether the mount is where images up to 17 look and this one, of a later version, does not."""
        return self.mount is not None and not self.holds and self.major >= FIRST_NEW

    @property
    def is_shadowed(self) -> bool:
        """Whether the image, of a version up to 17, puts a nameless volume over the data within the mount."""
        target = self.mount.target.rstrip("/") if self.mount else None
        return self.major < FIRST_NEW and target == PARENT and self.directory == OLD_DIRECTORY

    def is_in(self, volume: str | None, source: str | None) -> bool:
        """Return whether a container that has this volume, or this directory of the host, mounted has the same data."""
        if self.volume is not None:
            return volume == self.volume
        is_directory = self.mount is not None and self.mount.type is MountType.BIND
        return is_directory and source is not None and self.mount is not None and source == self.mount.source


def storage(compose: ComposeProject, service: Service, environment: Mapping[str, str]) -> Storage | None:
    """Return where `service` keeps its data; `environment` is what its image gives, nothing where it is not here.

    None where its version cannot be told, and so nothing about its data either.
    """
    major = major_version(service.image or "", environment)
    if major is None:
        return None
    directory = data_directory(major, service, environment)
    mount = meant_for_data(service, directory)
    is_named = mount is not None and mount.type is MountType.VOLUME and mount.source is not None
    volume = compose.volumes[mount.source].name if is_named and mount and mount.source else None
    return Storage(major, directory, mount, volume, holder(service, directory) is not None)
