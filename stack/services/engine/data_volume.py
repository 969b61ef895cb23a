"""What a database's volume holds, found without starting a server on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from stack.services.engine.containers import Containers
from stack.services.engine.helper import Helper, created

VERSION_FILE: Final = "PG_VERSION"
"""What every data directory has, with the major version in it (PostgreSQL documentation, «Database File Layout»)."""

_LOOKED_INTO: Final = "/stackdeck"


@dataclass(frozen=True, slots=True)
class DataFound:
    """A data directory of the server's version `major`, at `path` from the root of its volume, which is ``.`` there."""

    major: int
    path: str


async def in_container(containers: Containers, container: str, target: str, data: str) -> DataFound | None:
    """Return the data directory in the volume mounted at `target` of a container, which need not run.

    `data` is where its server would look, which comes first; None where the volume holds none.
    """
    return await _first(containers, container, target, data)


async def in_volume(containers: Containers, volume: str, image: str, within: str) -> DataFound | None:
    """Return the data directory in a volume that no container has; None where it holds none.

    A container of `image` is made for it, with the volume mounted for reading only, is not started, and removed again.
    `within` is the path in the volume where a server of that image would look.
    """
    helper = Helper(
        containers.project.name, image, {_LOOKED_INTO: volume}, command=("true",), read_only=frozenset({_LOOKED_INTO})
    )
    async with created(containers.engine, helper) as container:
        return await _first(containers, container, _LOOKED_INTO, f"{_LOOKED_INTO}/{within}")


async def _first(containers: Containers, container: str, target: str, data: str) -> DataFound | None:
    for path in dict.fromkeys(_candidates(target, data)):
        content = await containers.read_file(container, f"{path}/{VERSION_FILE}")
        if content is not None and (version := content.strip()).isdigit():
            return DataFound(int(version), str(path.relative_to(target)))
    return None


def _candidates(target: str, data: str) -> Iterator[PurePosixPath]:
    """Yield where a server keeps its data in a volume: here, at its root, or as older and newer images have it."""
    root = PurePosixPath(target)
    if PurePosixPath(data).is_relative_to(root):
        yield PurePosixPath(data)
    yield from (root, root / "data", root / "18/docker")
