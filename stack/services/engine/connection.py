"""A connection to the engine: calls beside the event loop, and why there is none told apart.

The SDK is imported when it is first called for; looking at a local engine does without it.
"""

import errno
import getpass
import grp
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from stack.background import in_thread
from stack.findings import Code, Failure, Finding, Fix
from stack.services.engine.endpoint import Endpoint, other_engines
from stack.services.engine.local import LocalReader
from stack.services.engine.reader import Reader

if TYPE_CHECKING:
    from stack.services.engine.sdk import Client

T = TypeVar("T")

REQUEST_SECONDS: Final = 15
"""How long the engine may take to answer; it does so within milliseconds, except under heavy load."""

PATIENT: Final = 24 * 60 * 60
"""For streams: engines before 26 answer a request for a log only when there is a line."""


@dataclass(slots=True)
class Engine:
    """The engine at one endpoint, by a client of its own that connects when first used.

    `seconds` is how long the engine may take to answer; streams are `PATIENT`.
    """

    endpoint: Endpoint
    environ: Mapping[str, str]
    seconds: int = REQUEST_SECONDS
    _connected: "Client | None" = None
    _connecting: threading.Lock = field(default_factory=threading.Lock)

    async def look(self, operation: Callable[[Reader], T]) -> T:
        """Run `operation`, which changes nothing, in a daemon thread: on a local socket without the SDK.

        Raises:
            Failure: the engine cannot be reached. What the engine itself refuses stays a `Refusal`, which only the
                caller can explain.
        """
        return await in_thread(lambda: self._look(operation), name="stackdeck-engine")

    async def call(self, operation: "Callable[[Client], T]") -> T:
        """Run `operation` with the SDK's client in a daemon thread.

        Raises:
            Failure: the engine cannot be reached. What the engine itself refuses stays an `APIError`, which only the
                caller can explain.
        """
        return await in_thread(lambda: self.blocking(operation), name="stackdeck-engine")

    def blocking(self, operation: "Callable[[Client], T]") -> T:
        """Run `operation` with the SDK's client here and now; for threads. Raises as `call` does."""
        from docker.errors import APIError

        from stack.services.engine.sdk import CONNECTION_ERRORS

        try:
            return operation(self._client())
        except APIError:
            raise
        except CONNECTION_ERRORS as error:
            raise Failure(unreachable(self.endpoint, self.environ, error)) from None

    def close(self) -> None:
        """Let go of the connections; a later call connects anew."""
        client, self._connected = self._connected, None
        if client is not None:
            client.close()

    def _look(self, operation: Callable[[Reader], T]) -> T:
        if path := self.endpoint.socket_path:
            try:
                with closing(LocalReader(path, self.seconds)) as reader:
                    return operation(reader)
            except OSError as error:
                raise Failure(unreachable(self.endpoint, self.environ, error)) from None
        from stack.services.engine.sdk import refusals

        with refusals():
            return self.blocking(operation)

    def _client(self) -> "Client":
        from stack.services.engine.sdk import open_client

        with self._connecting:
            if self._connected is None:
                self._connected = open_client(self.endpoint, self.seconds)
            return self._connected


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
