"""Looking at an engine: the requests that change nothing, whoever makes them."""

from collections.abc import Mapping
from typing import Final, Protocol

from stack.services.engine import wire

OLDEST_API: Final = "1.41"
"""The oldest API that our requests are of: that of Docker Engine 20.10, which Podman offers too."""

NOT_RUNNING: Final = frozenset({404, 409})
"""What an engine answers about the processes of a container that is gone, or does not run (HTTP status codes)."""


class TooOldError(Exception):
    """The engine speaks an API that is older than `OLDEST_API`; `version` is its newest."""

    def __init__(self, version: str) -> None:
        """Take what the engine speaks."""
        super().__init__(version)
        self.version = version


class Refusal(Exception):  # noqa: N818 - an answer of the engine, which its reader explains
    """The engine answered a look with an error; `explanation` is its own words, `status_code` HTTP's."""

    def __init__(self, status_code: int, explanation: str) -> None:
        """Take what the engine answered."""
        super().__init__(explanation)
        self.status_code = status_code
        self.explanation = explanation


class Reader(Protocol):
    """What can be looked at. Every method blocks, and raises where the engine refuses or cannot be reached.

    `stack.services.engine.local` asks a socket of this machine, `stack.services.engine.sdk` any other endpoint.
    """

    def list_containers(self, labels: Mapping[str, str | None]) -> list[wire.ContainerSummary]:
        """Return all containers with `labels`, running or not; a label without a value need only be there."""
        ...

    def find_container(self, container: str) -> wire.ContainerDetails | None:
        """Return everything about a container; None where there is none."""
        ...

    def image(self, reference: str) -> wire.ImageDetails | None:
        """Return an image, with its manifests where the engine knows them; None where it is not on this engine."""
        ...

    def list_networks(self) -> list[wire.NetworkSummary]:
        """Return all networks."""
        ...

    def list_volumes(self) -> list[wire.VolumeSummary]:
        """Return all volumes."""
        ...

    def usage(self, container: str) -> wire.ContainerStats | None:
        """Return what a container has used, at once; None where it is gone or does not run."""
        ...

    def engine_version(self) -> str:
        """Return the engine's own version, with the name of an engine that only stands in for Docker's."""
        ...


def name_of(answer: wire.EngineVersion) -> str:
    """Return what `Reader.engine_version` returns, of the answer to ``GET /version``."""
    podman = any(component["Name"] == "Podman Engine" for component in answer.get("Components") or ())
    return f"Podman {answer['Version']}" if podman else answer["Version"]


def is_too_old(version: str) -> bool:
    """Return whether an API `version`, such as 1.45, is older than `OLDEST_API`."""
    return _numbers(version) < _numbers(OLDEST_API)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
