"""The Docker SDK's client with typed answers, and with the few requests that it lacks."""

from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, Final, cast

from docker import APIClient
from docker.errors import NotFound
from docker.types import CancellableStream
from docker.utils import version_gte

from stack.services.engine import wire
from stack.services.engine.json_types import Json, JsonObject

if TYPE_CHECKING:
    from requests import Response

_CHUNK: Final = 1 << 16
_FRAMED: Final = "application/vnd.docker.multiplexed-stream"
"""What an engine since API 1.42 calls a log whose messages have heads; older ones call every log raw."""


class LogStream:
    """An open log: its bytes as they come, with the heads of messages where it is `framed`.

    Iterating blocks, and ends where the log does; a connection that is lost raises.
    """

    def __init__(self, response: "Response", framed: bool) -> None:
        """Take the engine's answer, of which nothing has been read."""
        self.framed = framed
        self._response = response

    @property
    def ahead(self) -> float:
        """By how many seconds, roughly, the engine's clock is before ours; 0.0 where its answer has no date."""
        date = self._response.headers.get("Date")
        return parsedate_to_datetime(date).timestamp() - time() if date else 0.0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes as the engine sends them."""
        return cast("Iterator[bytes]", self._response.raw.stream(_CHUNK))

    def close(self) -> None:
        """End the iteration, from another thread."""
        CancellableStream(iter(()), self._response).close()


class Client(APIClient):
    """A client of one engine; every method blocks, and raises `docker.errors.APIError` where the engine refuses."""

    if TYPE_CHECKING:
        # How the SDK itself makes its requests; its type stubs leave it out.
        def _url(self, path: str, *arguments: str) -> str: ...
        def _get(self, url: str, *, params: Mapping[str, int | str], stream: bool = False) -> Response: ...
        def _raise_for_status(self, response: Response) -> None: ...
        def _check_is_tty(self, container: str) -> bool: ...

        def _post_json(self, url: str, data: JsonObject) -> Response: ...
        def _result(self, response: Response, json: bool = False) -> Json: ...

    def list_containers(self, labels: Mapping[str, str | None]) -> list[wire.ContainerSummary]:
        """Return all containers with `labels`, running or not; a label without a value need only be there."""
        wanted = [name if value is None else f"{name}={value}" for name, value in labels.items()]
        return cast("list[wire.ContainerSummary]", self.containers(all=True, filters={"label": wanted}))

    def users_of(self, volume: str) -> list[str]:
        """Return the names of all containers that have `volume`, running or not."""
        found = cast("list[wire.ContainerSummary]", self.containers(all=True, filters={"volume": volume}))
        return [summary["Names"][0].removeprefix("/") for summary in found if summary["Names"]]

    def container(self, container: str) -> wire.ContainerDetails:
        """Return everything about a container."""
        return cast("wire.ContainerDetails", self.inspect_container(container))

    def image(self, reference: str) -> wire.ImageDetails | None:
        """Return an image, with its manifests where the engine knows them; None where it is not on this engine."""
        # The SDK has no parameter for the manifests.
        parameters = {"manifests": 1} if version_gte(self.api_version, "1.48") else {}
        try:
            answer = self._result(self._get(self._url("/images/{0}/json", reference), params=parameters), json=True)
        except NotFound:
            return None
        return cast("wire.ImageDetails", answer)

    def list_networks(self) -> list[wire.NetworkSummary]:
        """Return all networks."""
        return cast("list[wire.NetworkSummary]", self.networks())

    def network_members(self, network: str) -> Mapping[str, str]:
        """Return the running containers on a network: their names by their ids."""
        details = cast("wire.NetworkDetails", self.inspect_network(network))
        return {identity: member["Name"] for identity, member in (details.get("Containers") or {}).items()}

    def list_volumes(self) -> list[wire.VolumeSummary]:
        """Return all volumes."""
        return cast("dict[str, list[wire.VolumeSummary] | None]", self.volumes())["Volumes"] or []

    def make_network(self, body: JsonObject) -> None:
        """Create a network by exactly `body`; the SDK's own method names a driver where Compose names none."""
        self._result(self._post_json(self._url("/networks/create"), body))

    def make_volume(self, body: JsonObject) -> None:
        """Create a volume by exactly `body`; one that exists is left as it is."""
        self._result(self._post_json(self._url("/volumes/create"), body))

    def make_container(self, body: JsonObject, name: str, platform: str | None) -> str:
        """Create a container by exactly `body` and return its id."""
        answer = self.create_container_from_config(body, name, platform)  # type: ignore[no-untyped-call]
        return cast("dict[str, str]", answer)["Id"]

    def join_network(self, container: str, network: str, settings: Json) -> None:
        """Put a container on a network by exactly `settings`."""
        body: JsonObject = {"Container": container, "EndpointConfig": settings}
        self._result(self._post_json(self._url("/networks/{0}/connect", network), body))

    def open_log(self, container: str, *, follow: bool, tail: int | None, since: str | None) -> LogStream:
        """Open the log of a container, each message with its time before it; see `LogStream`.

        `tail` is a number of lines, None for all; `since` is in seconds since the epoch, with up to nine decimals.
        """
        parameters: dict[str, int | str] = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(follow)}
        parameters["tail"] = "all" if tail is None else tail
        if since is not None:
            parameters["since"] = since
        # The SDK's own method yields a line at a time at three times the cost, and takes the end of a lost connection
        # for the end of the log.
        response = self._get(self._url("/containers/{0}/logs", container), params=parameters, stream=True)
        self._raise_for_status(response)
        framed = response.headers.get("Content-Type") == _FRAMED or not self._check_is_tty(container)
        return LogStream(response, framed)

    def run(self, container: str, command: list[str]) -> tuple[str, Iterator[tuple[bytes | None, bytes | None]]]:
        """Run `command` in a container; return what `exit_status` takes, and its output as pairs of stdout, stderr."""
        identity = cast("dict[str, str]", self.exec_create(container, command))["Id"]
        frames = self.exec_start(identity, stream=True, demux=True)
        return identity, cast("Iterator[tuple[bytes | None, bytes | None]]", frames)

    def exit_status(self, execution: str) -> int:
        """Return how a command that `run` ran, and that has ended, did."""
        return cast("dict[str, int]", self.exec_inspect(execution))["ExitCode"]

    def volume_sizes(self) -> Mapping[str, int]:
        """Return how many bytes each volume takes, as far as its driver knows; it may take the engine seconds."""
        answer = self._result(self._get(self._url("/system/df"), params={"type": "volume"}), json=True)
        volumes = cast("wire.DiskUsage", answer).get("Volumes") or []
        sizes = {volume["Name"]: (volume.get("UsageData") or {}).get("Size", -1) for volume in volumes}
        return {name: size for name, size in sizes.items() if size >= 0}

    def engine_version(self) -> str:
        """Return the engine's own version."""
        return cast("wire.EngineVersion", self.version())["Version"]
