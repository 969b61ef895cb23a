"""The Docker SDK's client with typed answers, and with the few requests that it lacks."""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast

from docker import APIClient
from docker.errors import APIError, NotFound
from docker.utils import version_gte

from stack.services.engine import wire
from stack.services.engine.json_types import Json, JsonObject
from stack.services.engine.log_stream import LogStream
from stack.services.engine.reader import NOT_RUNNING, name_of

if TYPE_CHECKING:
    from docker.types import CancellableStream
    from requests import Response

_FRAMED: Final = "application/vnd.docker.multiplexed-stream"
"""What an engine since API 1.42 calls a log whose messages have heads; older ones call every log raw."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A program in a container: both directions of its streams, and what has come of them already."""

    connection: socket.socket
    received: bytes


class _SocketIO(Protocol):
    _sock: socket.socket


class _Buffered(Protocol):
    raw: _SocketIO

    def peek(self, size: int) -> bytes: ...
    def read(self, size: int) -> bytes: ...


class _Head(Protocol):
    fp: _Buffered


class _Upgraded(Protocol):
    """What urllib3 holds of an answer after which the connection is ours; `http.client` and `io` are below it."""

    _fp: _Head


class Client(APIClient):
    """A client of one engine; every method blocks, and raises `docker.errors.APIError` where the engine refuses."""

    if TYPE_CHECKING:
        # How the SDK itself makes its requests; its type stubs leave it out.
        def _url(self, path: str, *arguments: str) -> str: ...
        def _get(self, url: str, *, params: Mapping[str, int | str], stream: bool = False) -> Response: ...
        def _post_json(
            self, url: str, data: JsonObject, *, headers: Mapping[str, str] = ..., stream: bool = ...
        ) -> Response: ...
        def _raise_for_status(self, response: Response) -> None: ...
        def _check_is_tty(self, container: str) -> bool: ...
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

    def find_container(self, container: str) -> wire.ContainerDetails | None:
        """Return everything about a container; None where there is none."""
        try:
            return self.container(container)
        except NotFound:
            return None

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
        details = cast("wire.InspectedNetwork", self.inspect_network(network))
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

    def disk_usage(self) -> wire.DiskUsage:
        """Return what the engine's disk is used for."""
        return cast("wire.DiskUsage", self.df())

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
        return LogStream(response, framed=framed)

    def run(self, container: str, command: list[str], hear: Callable[[bytes | None, bytes | None], None]) -> int:
        """Run `command` in a container and return its exit status; `hear` gets what it writes, to stdout or stderr."""
        identity = cast("dict[str, str]", self.exec_create(container, command))["Id"]
        with closing(cast("CancellableStream[object]", self.exec_start(identity, stream=True, demux=True))) as frames:
            for output, error in cast("Iterator[tuple[bytes | None, bytes | None]]", frames):
                hear(output, error)
        return cast("dict[str, int]", self.exec_inspect(identity))["ExitCode"]

    def volume_sizes(self) -> Mapping[str, int]:
        """Return how many bytes each volume takes, as far as its driver knows; it may take the engine seconds."""
        answer = self._result(self._get(self._url("/system/df"), params={"type": "volume"}), json=True)
        volumes = cast("wire.DiskUsage", answer).get("Volumes") or []
        sizes = {volume["Name"]: (volume.get("UsageData") or {}).get("Size", -1) for volume in volumes}
        return {name: size for name, size in sizes.items() if size >= 0}

    def engine_version(self) -> str:
        """Return the engine's own version, with the name of an engine that only stands in for Docker's."""
        return name_of(cast("wire.EngineVersion", self.version()))

    def engine_info(self) -> wire.EngineInfo:
        """Return what the engine tells of its machine."""
        return cast("wire.EngineInfo", self.info())

    def machine_memory(self) -> int:
        """Return the bytes of memory of the engine's machine."""
        return self.engine_info()["MemTotal"]

    def listen(self, filters: Mapping[str, Sequence[str]], since: int) -> wire.EventStream:
        """Return the events that pass `filters`, those of the past since the second `since` first."""
        return cast("wire.EventStream", self.events(since=since, filters=dict(filters), decode=True))

    def usage(self, container: str) -> wire.ContainerStats | None:
        """Return what a container has used, at once; None where it is gone or does not run."""
        try:
            return cast("wire.ContainerStats", self.stats(container, stream=False, one_shot=True))
        except APIError as error:
            if error.status_code in NOT_RUNNING:
                return None
            raise

    def prepare(
        self, container: str, command: Sequence[str], *, environment: Mapping[str, str], tty: bool, detach_keys: str
    ) -> str:
        """Prepare a program to be run in a container, and return the id to run it by."""
        created = self.exec_create(
            container,
            list(command),
            stdin=True,
            tty=tty,
            environment=dict(environment),
            detach_keys=detach_keys or None,
        )
        return cast("dict[str, str]", created)["Id"]

    @contextmanager
    def run_prepared(self, execution: str, *, tty: bool) -> Iterator[Attached]:
        """Run the program that was prepared as `execution`, and connect to it until the context ends."""
        response = self._post_json(
            self._url("/exec/{0}/start", execution),
            {"Tty": tty, "Detach": False},
            headers={"Connection": "Upgrade", "Upgrade": "tcp"},
            stream=True,
        )
        with closing(response):
            self._raise_for_status(response)
            # The SDK has a socket for it, past which goes whatever came in one piece with the answer's head.
            buffered = cast("_Upgraded", response.raw)._fp.fp  # noqa: SLF001 - as in the SDK's own method
            connection = buffered.raw._sock  # noqa: SLF001
            connection.setblocking(False)
            yield Attached(connection, buffered.read(len(buffered.peek(1))))

    def execution(self, execution: str) -> wire.ExecDetails:
        """Return whether a program in a container still runs, and how it ended."""
        return cast("wire.ExecDetails", self.exec_inspect(execution))
