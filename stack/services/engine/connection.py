"""A connection to the engine: one SDK client for one role, its calls beside the event loop, its errors told apart."""

import errno
import getpass
import grp
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from docker.errors import APIError, DockerException
from docker.tls import TLSConfig
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from stack.background import in_thread
from stack.findings import Code, Failure, Finding, Fix
from stack.services.engine.endpoint import Endpoint, Tls, other_engines
from stack.services.engine.sdk import Client

T = TypeVar("T")

REQUEST_SECONDS: Final = 15
"""How long the engine may take to answer; it does so within milliseconds, except under heavy load."""

PATIENT: Final = 24 * 60 * 60
"""For streams: engines before 26 answer a request for a log only when there is a line."""

CONNECTION_ERRORS: Final = (DockerException, RequestException, HTTPError, OSError)
"""What the SDK and what it stands on raise where there is no engine, or no longer one."""


@dataclass(slots=True)
class Engine:
    """The engine at one endpoint, by a client of its own that connects when first used.

    `seconds` is how long the engine may take to answer; streams are `PATIENT`.
    """

    endpoint: Endpoint
    environ: Mapping[str, str]
    seconds: int = REQUEST_SECONDS
    _connected: Client | None = None
    _connecting: threading.Lock = field(default_factory=threading.Lock)

    async def call(self, operation: Callable[[Client], T]) -> T:
        """Run `operation` with the client in a daemon thread.

        Raises:
            Failure: the engine cannot be reached. What the engine itself answers stays an `APIError`, which only the
                caller can explain.
        """
        return await in_thread(lambda: self.blocking(operation), name="stackdeck-engine")

    def blocking(self, operation: Callable[[Client], T]) -> T:
        """Run `operation` with the client here and now; for threads. Raises as `call` does."""
        with _connection(self.endpoint, self.environ):
            return operation(self._client())

    def close(self) -> None:
        """Let go of the connections; a later call connects anew."""
        client, self._connected = self._connected, None
        if client is not None:
            client.close()

    def _client(self) -> Client:
        with self._connecting:
            if self._connected is None:
                self._connected = _client(self.endpoint, self.seconds)
            return self._connected


def _client(endpoint: Endpoint, seconds: int) -> Client:
    if endpoint.socket_path:
        _knock(endpoint.socket_path)
    return Client(
        base_url=endpoint.url,
        timeout=seconds,
        tls=_tls(endpoint.tls) if endpoint.tls else False,
        # Health waits, streams and other calls share it from several threads.
        max_pool_size=32,
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
def _connection(endpoint: Endpoint, environ: Mapping[str, str]) -> Iterator[None]:
    try:
        yield
    except APIError:
        raise
    except CONNECTION_ERRORS as error:
        raise Failure(unreachable(endpoint, environ, error)) from None


def unreachable(endpoint: Endpoint, environ: Mapping[str, str], error: BaseException) -> Finding:
    """Return what is wrong where talking to the engine at `endpoint` ended in `error`."""
    system = _system_error(error)
    number = system.errno if system else None
    if number in {errno.EACCES, errno.EPERM} and endpoint.socket_path:
        return _permission(endpoint, endpoint.socket_path)
    if number == errno.ENOENT:
        cause = f"There is no socket at {endpoint.socket_path}: Docker is not installed, or not started."
    elif number == errno.ECONNREFUSED:
        cause = f"Nobody listens at {endpoint.url}: the engine has stopped."
    else:
        cause = f"{endpoint.url} does not answer as an engine does."
    others = other_engines(endpoint, environ)
    return Finding(
        Code.ENGINE_UNREACHABLE,
        "The Docker Engine cannot be reached",
        f"{cause} The address comes from {endpoint.source}.",
        evidence=str(error),
        fixes=(
            *(Fix(f"Use the engine that answers at {url}", f"export DOCKER_HOST={url}") for url in others),
            Fix("Start the engine: Docker Desktop, or on Linux its service", "sudo systemctl start docker"),
            Fix("Go on without Docker, with a Postgres of this machine's own", "stackdeck --runtime embedded"),
        ),
    )


def _system_error(error: BaseException | None) -> OSError | None:
    """Return the operating system's error that `error` wraps; the SDK and requests hide it at several depths."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, OSError) and current.errno is not None:
            return current
        inner = [argument for argument in current.args if isinstance(argument, BaseException)]
        waiting += [current.__cause__, current.__context__, *inner]
    return None


def _permission(endpoint: Endpoint, path: Path) -> Finding:
    group, waits_for_login = _group_of(path)
    member = "You are in its group already, but this session began before that." if waits_for_login else ""
    cause = f"{path} belongs to root and the group {group}. {member}".rstrip()
    join = Fix(
        f"Join the group {group}, then log out and in again. Its members can become root on this machine",
        f"sudo usermod -aG {group} {getpass.getuser()}",
    )
    login = Fix("Log out and in again, or take up the group in this shell", f"newgrp {group}")
    return Finding(
        Code.ENGINE_PERMISSION,
        "You may not use the Docker Engine",
        f"{cause} The address comes from {endpoint.source}.",
        fixes=(
            login if waits_for_login else join,
            Fix("Or run Docker without root for this account alone", "dockerd-rootless-setuptool.sh install"),
        ),
    )


def _group_of(path: Path) -> tuple[str, bool]:
    """Return the group of the socket `path`, and whether the account is in it but this session not yet."""
    try:
        group = grp.getgrgid(path.stat().st_gid)
    except (OSError, KeyError):
        return "docker", False
    return group.gr_name, getpass.getuser() in group.gr_mem and group.gr_gid not in os.getgroups()
