"""Why the engine cannot be reached, and what to do about it."""

import errno
import getpass
import grp
import os
import pwd
import socket
import ssl
import stat
from collections.abc import Iterator, Mapping
from http.client import IncompleteRead
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from stack.findings import Code, Finding, Fix
from stack.services.engine.endpoint import Endpoint, other_engines
from stack.services.engine.reader import OLDEST_API

# By what they wrap are the SDK's errors known, too, which need not be imported for that.
_BROKEN_OFF: Final = (ConnectionResetError, BrokenPipeError, IncompleteRead, EOFError)
_START: Final = Fix("Start the engine: Docker Desktop, or on Linux its service", "sudo systemctl start docker")
_EMBEDDED: Final = Fix("Go on without Docker, with a Postgres of this machine's own", "stackdeck --runtime embedded")


def unreachable(endpoint: Endpoint, environ: Mapping[str, str], error: BaseException) -> Finding:
    """Return what is wrong where talking to the engine at `endpoint` ended in `error`."""
    chain = list(_chain(error))
    number = next((it.errno for it in chain if isinstance(it, OSError) and it.errno is not None), None)
    if number in {errno.EACCES, errno.EPERM} and endpoint.socket_path:
        return _permission(endpoint, endpoint.socket_path)
    if "paramiko" in str(error):
        return _no_ssh(endpoint)
    others = other_engines(endpoint, environ)
    return Finding(
        Code.ENGINE_UNREACHABLE,
        "The Docker Engine cannot be reached",
        f"{_cause(endpoint, chain, number)} The address comes from {endpoint.source}.",
        evidence=str(error),
        fixes=(
            *(Fix(f"Use the engine that answers at {url}", f"export DOCKER_HOST={url}") for url in others),
            _START if endpoint.is_local else _check_address(endpoint),
            _EMBEDDED,
        ),
    )


def too_old(endpoint: Endpoint, version: str) -> Finding:
    """Return the finding of an engine that speaks only `version` of the API."""
    return Finding(
        Code.ENGINE_TOO_OLD,
        "The Docker Engine is too old",
        f"The one at {endpoint.url} speaks API {version}; Stackdeck needs {OLDEST_API}, which Docker Engine 20.10 "
        f"brought. The address comes from {endpoint.source}.",
        fixes=(Fix("Update the engine: https://docs.docker.com/engine/install/"), _EMBEDDED),
    )


def _cause(endpoint: Endpoint, chain: list[BaseException], number: int | None) -> str:
    if any("HTTP request to an HTTPS server" in str(it) for it in chain):
        return f"{endpoint.url} speaks TLS, and no certificates are named for it."
    if any(isinstance(it, ssl.SSLError) for it in chain):
        return f"{endpoint.url} and this machine do not agree on TLS: one does not trust the other's certificate."
    if any(isinstance(it, socket.gaierror) for it in chain):
        return f"The name in {endpoint.url} is not known here."
    if any(isinstance(it, TimeoutError) for it in chain):
        return f"{endpoint.url} does not answer in time."
    if number == errno.ENOENT:
        return f"There is no socket at {endpoint.socket_path}: Docker is not installed, or not started."
    if number == errno.ECONNREFUSED:
        return f"Nobody listens at {endpoint.url}: the engine has stopped."
    if number in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return f"No network leads to {endpoint.url}."
    # A plain one is ours: the stream of events ended, which it does not while the engine runs.
    if any(isinstance(it, _BROKEN_OFF) or type(it) is ConnectionError for it in chain):
        return f"{endpoint.url} broke off in the middle of an answer: the engine has stopped, or is being restarted."
    return f"{endpoint.url} does not answer as an engine does."


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and all that it wraps; the SDK and requests hide the system's own error at several depths."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [argument for argument in current.args if isinstance(argument, BaseException)]
        waiting += [current.__cause__, current.__context__, *inner]


def _check_address(endpoint: Endpoint) -> Fix:
    where = urlsplit(endpoint.url).hostname or endpoint.url
    return Fix(f"See whether the engine on {where} runs and listens at this address, or name another one")


def _no_ssh(endpoint: Endpoint) -> Finding:
    parts = urlsplit(endpoint.url)
    port = f"-p {parts.port} " if parts.port else ""
    host = f"{parts.username}@{parts.hostname}" if parts.username else parts.hostname
    return Finding(
        Code.ENGINE_ADDRESS_UNUSABLE,
        "The Docker Engine is behind SSH, which needs paramiko",
        f"{endpoint.url} comes from {endpoint.source}, and the Python package paramiko is not installed beside "
        "Stackdeck.",
        fixes=(
            Fix("Install it", "python -m pip install 'docker[ssh]'"),
            Fix(
                "Or let ssh carry the socket here, and set DOCKER_HOST=unix:///tmp/engine.sock",
                f"ssh {port}-fNL /tmp/engine.sock:/var/run/docker.sock {host}",
            ),
            _EMBEDDED,
        ),
    )


def _permission(endpoint: Endpoint, path: Path) -> Finding:
    owner, group, is_shared, waits_for_login = _owners(path)
    said = [f"{path} belongs to {owner} and the group {group}{'' if is_shared else ', which may not use it'}."]
    if waits_for_login:
        said.append("You are in its group already, but this session began before that.")
        first = Fix("Log out and in again, or take up the group in this shell", f"newgrp {group}")
    elif is_shared:
        first = Fix(
            f"Join the group {group}, then log out and in again. Its members can become root on this machine",
            f"sudo usermod -aG {group} {getpass.getuser()}",
        )
    else:
        first = Fix(f"Be {owner}, or use an engine of your own")
    return Finding(
        Code.ENGINE_PERMISSION,
        "You may not use the Docker Engine",
        f"{' '.join(said)} The address comes from {endpoint.source}.",
        fixes=(
            first,
            Fix("Or run Docker without root for this account alone", "dockerd-rootless-setuptool.sh install"),
        ),
    )


def _owners(path: Path) -> tuple[str, str, bool, bool]:
    """Return owner and group of the socket `path`, whether its group may use it, and whether the account is in that.

    In the group means by now: a session that began before is not in it yet.
    """
    try:
        status = path.stat()
        owner, group = pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid)
    except (OSError, KeyError):
        return "root", "docker", True, False
    is_shared = bool(status.st_mode & stat.S_IWGRP)
    is_late = getpass.getuser() in group.gr_mem and group.gr_gid not in os.getgroups()
    return owner, group.gr_name, is_shared, is_shared and is_late
