"""The Docker SDK's client with typed answers, and with the few requests that it lacks."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from docker import APIClient
from docker.errors import APIError, DockerException, NotFound
from docker.tls import TLSConfig
from docker.utils import version_gte
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from stack.services.engine import wire
from stack.services.engine.endpoint import Endpoint, Tls
from stack.services.engine.json_types import Json, JsonObject
from stack.services.engine.reader import Refusal

if TYPE_CHECKING:
    from requests import Response

CONNECTION_ERRORS: Final = (DockerException, RequestException, HTTPError, OSError)
"""What the SDK and what it stands on raise where there is no engine, or no longer one."""


class Client(APIClient):
    """A client of one engine; every method blocks, and raises `docker.errors.APIError` where the engine refuses."""

    if TYPE_CHECKING:
        # How the SDK itself makes its requests; its type stubs leave it out.
        def _url(self, path: str, *arguments: str) -> str: ...
        def _get(self, url: str, *, params: Mapping[str, int]) -> Response: ...
        def _post_json(self, url: str, data: JsonObject) -> Response: ...
        def _result(self, response: Response, json: bool = False) -> Json: ...

    def list_containers(self, labels: Mapping[str, str | None]) -> list[wire.ContainerSummary]:
        """Return all containers with `labels`, running or not; a label without a value need only be there."""
        wanted = [name if value is None else f"{name}={value}" for name, value in labels.items()]
        return cast("list[wire.ContainerSummary]", self.containers(all=True, filters={"label": wanted}))

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

    def engine_version(self) -> str:
        """Return the engine's own version."""
        return cast("wire.EngineVersion", self.version())["Version"]


def open_client(endpoint: Endpoint, seconds: int) -> Client:
    """Return a client of the engine at `endpoint`, which may take `seconds` to answer.

    Raises:
        DockerException: there is no engine; or another of `CONNECTION_ERRORS`.
    """
    if endpoint.socket_path:
        _knock(endpoint.socket_path, seconds)
    return Client(
        base_url=endpoint.url,
        timeout=seconds,
        tls=_tls(endpoint.tls) if endpoint.tls else False,
        # Health waits, streams and other calls share it from several threads.
        max_pool_size=32,
    )


@contextmanager
def refusals() -> Iterator[None]:
    """Raise as a `Refusal` what the SDK raises where the engine answers with an error."""
    try:
        yield
    except APIError as error:
        raise Refusal(error.status_code or 0, str(error.explanation or error)) from None


def _knock(path: Path, seconds: int) -> None:
    """Raise the system's own error where nobody listens at `path`; the SDK would wrap it, and leak a socket."""
    with closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(seconds)
        client.connect(str(path))


def _tls(tls: Tls) -> TLSConfig:
    pair = (str(tls.certificate), str(tls.key)) if tls.certificate and tls.key else None
    return TLSConfig(client_cert=pair, ca_cert=str(tls.ca) if tls.ca else None, verify=tls.verify)
