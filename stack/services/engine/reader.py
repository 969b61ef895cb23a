"""Looking at an engine: the requests that change nothing, whoever makes them."""

from collections.abc import Mapping
from typing import Protocol

from stack.services.engine import wire


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

    def engine_version(self) -> str:
        """Return the engine's own version."""
        ...
