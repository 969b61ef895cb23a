"""Looking at an engine behind a Unix socket of this machine, without the SDK.

The SDK takes longer to import than the engine needs for all that `up` asks when there is nothing to do. So what only
looks, at the usual kind of endpoint, is asked here over the standard library's HTTP client; whatever changes or streams
something, and every other kind of endpoint, is the SDK's (see ``docs/adr/0007``).

Paths have no version: the engine then answers in its newest one, which is what the SDK negotiates too (Docker Engine
API, «Versioning»).
"""

import json
import socket
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote, urlencode

from stack.services.engine import wire
from stack.services.engine.json_types import Json
from stack.services.engine.reader import NOT_RUNNING, Refusal, TooOldError, is_too_old, name_of

_LONGEST_ANSWER: Final = 64 * 1024 * 1024
"""Bytes; a list of a thousand containers has about two million."""


class NoEngineError(ConnectionError):
    """What listens there does not answer as an engine does."""


class LocalReader(HTTPConnection):
    """A `stack.services.engine.reader.Reader` over one connection to the socket `path`, kept open between requests.

    Raises `Refusal` where the engine refuses, `TooOldError` where it is, and `OSError` where it cannot be reached.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        """Connect when first asked; `seconds` are how long the engine may say nothing."""
        super().__init__("docker", timeout=seconds)
        self._path = path
        self._seconds = seconds

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self._seconds)
        self.sock.connect(str(self._path))

    def list_containers(self, labels: Mapping[str, str | None]) -> list[wire.ContainerSummary]:
        """Return all containers with `labels`, running or not; a label without a value need only be there."""
        wanted = [name if value is None else f"{name}={value}" for name, value in labels.items()]
        answer = self._get("/containers/json", all="1", filters=json.dumps({"label": wanted}))
        return cast("list[wire.ContainerSummary]", answer)

    def find_container(self, container: str) -> wire.ContainerDetails | None:
        """Return everything about a container; None where there is none."""
        return cast("wire.ContainerDetails | None", self._find(f"/containers/{quote(container, safe='')}/json"))

    def image(self, reference: str) -> wire.ImageDetails | None:
        """Return an image, with its manifests where the engine knows them; None where it is not on this engine."""
        return cast(
            "wire.ImageDetails | None", self._find(f"/images/{quote(reference, safe='/:@')}/json", manifests="1")
        )

    def list_networks(self) -> list[wire.NetworkSummary]:
        """Return all networks."""
        return cast("list[wire.NetworkSummary]", self._get("/networks"))

    def list_volumes(self) -> list[wire.VolumeSummary]:
        """Return all volumes."""
        return cast("dict[str, list[wire.VolumeSummary] | None]", self._get("/volumes"))["Volumes"] or []

    def usage(self, container: str) -> wire.ContainerStats | None:
        """Return what a container has used, at once; None where it is gone or does not run."""
        path = f"/containers/{quote(container)}/stats"
        try:
            return cast("wire.ContainerStats", self._get(path, stream="0", **{"one-shot": "1"}))
        except Refusal as refusal:
            if refusal.status_code in NOT_RUNNING:
                return None
            raise

    def engine_version(self) -> str:
        """Return the engine's own version, with the name of an engine that only stands in for Docker's."""
        return name_of(cast("wire.EngineVersion", self._get("/version")))

    def _find(self, path: str, **parameters: str) -> Json:
        try:
            return self._get(path, **parameters)
        except Refusal as refusal:
            if refusal.status_code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _get(self, path: str, **parameters: str) -> Json:
        try:
            self.request("GET", f"{path}?{urlencode(parameters)}" if parameters else path)
            answer = self.getresponse()
            body = answer.read(_LONGEST_ANSWER + 1)
            if len(body) > _LONGEST_ANSWER:
                raise NoEngineError("it sends more than an engine has to say")
            if answer.length:
                raise ConnectionResetError("the answer breaks off")
            if (api := answer.getheader("Api-Version")) and is_too_old(api):
                raise TooOldError(api)
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise Refusal(answer.status, _message(body) or answer.reason)
            return cast("Json", json.loads(body))
        except OSError:
            raise
        except (HTTPException, ValueError) as error:
            raise NoEngineError(f"{type(error).__name__}: {error}") from None


def _message(body: bytes) -> str:
    """Return the engine's words in an answer that is an error."""
    try:
        answer = cast("Json", json.loads(body))
    except ValueError:
        return body.decode(errors="replace").strip()
    message = answer.get("message") if isinstance(answer, dict) else None
    return message if isinstance(message, str) else ""
