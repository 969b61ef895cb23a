"""The SDK's clients of an endpoint: made, and the ways in which they fail told apart."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from docker.errors import APIError, DockerException
from docker.tls import TLSConfig
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from stack.findings import Failure
from stack.services.engine.connection import PATIENT, REQUEST_SECONDS
from stack.services.engine.cuttable import CuttableClient
from stack.services.engine.endpoint import Endpoint, Tls
from stack.services.engine.reader import Refusal, is_too_old
from stack.services.engine.sdk import Client
from stack.services.engine.unreachable import too_old, unreachable

CONNECTION_ERRORS: Final = (DockerException, RequestException, HTTPError, OSError)
"""What the SDK and what it stands on raise where there is no engine, or no longer one."""


def open_client(endpoint: Endpoint, seconds: int) -> Client:
    """Return a client of the engine at `endpoint`, which may take `seconds` to answer.

    Raises:
        Failure: the engine is too old for us.
        DockerException: there is no engine; or another of `CONNECTION_ERRORS`.
    """
    if endpoint.socket_path:
        _knock(endpoint.socket_path)
    client = Client(
        base_url=endpoint.url,
        # It asks for the version at once, where nobody has to be patient: not even streams.
        timeout=min(seconds, REQUEST_SECONDS),
        tls=_tls(endpoint.tls) if endpoint.tls else False,
        # Health waits, streams and other calls share it from several threads.
        max_pool_size=32,
    )
    if is_too_old(client.api_version):
        client.close()
        raise Failure(too_old(endpoint, client.api_version))
    client.timeout = seconds
    return client


def open_alone(endpoint: Endpoint, version: str) -> CuttableClient:
    """Return a client of an engine that is known to speak `version`, for one long request."""
    return CuttableClient(
        endpoint.url, version=version, timeout=PATIENT, tls=_tls(endpoint.tls) if endpoint.tls else None
    )


def _knock(path: Path) -> None:
    """Raise the system's own error where nobody listens at `path`; the SDK would wrap it, and leak a socket."""
    with closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(REQUEST_SECONDS)
        client.connect(str(path))


def _tls(tls: Tls) -> TLSConfig:
    pair = (str(tls.certificate), str(tls.key)) if tls.certificate and tls.key else None
    return TLSConfig(client_cert=pair, ca_cert=str(tls.ca) if tls.ca else None, verify=tls.verify)


@contextmanager
def reaching(endpoint: Endpoint, environ: Mapping[str, str]) -> Iterator[None]:
    """Raise as a `Failure` that the engine cannot be reached; what it answers stays an `APIError`."""
    try:
        yield
    except APIError:
        raise
    except CONNECTION_ERRORS as error:
        raise Failure(unreachable(endpoint, environ, error)) from None


@contextmanager
def refusals() -> Iterator[None]:
    """Raise as a `Refusal` what the SDK raises where the engine answers with an error."""
    try:
        yield
    except APIError as error:
        raise Refusal(error.status_code or 0, str(error.explanation or error)) from None
