"""Which engine: ``DOCKER_HOST``, a context or the usual socket, resolved here and never by silent fallback.

The SDK resolves contexts too, but takes the usual socket where a context is missing: a person would then look at, and
remove, the containers of another engine than the one that they named.
"""

import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

from stack.findings import Code, Failure, Finding, Fix
from stack.services.engine.json_types import Json, JsonObject

DEFAULT_URL: Final = "unix:///var/run/docker.sock"

_PING_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Tls:
    """Where a TLS endpoint's material is; `verify` is whether the server must prove who it is."""

    ca: Path | None
    certificate: Path | None
    key: Path | None
    verify: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the engine is, and `source`, who said so.

    `proxies` are the variables that the Docker CLI's configuration gives to every container of this engine.
    """

    url: str
    source: str
    tls: Tls | None = None
    proxies: Mapping[str, str] = field(default_factory=dict)

    @property
    def socket_path(self) -> Path | None:
        """The Unix socket, where the endpoint is one."""
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None

    @property
    def is_local(self) -> bool:
        """Whether ports that the engine publishes are this machine's."""
        host = urlsplit(self.url).hostname or ""
        return self.socket_path is not None or host in {"localhost", "::1"} or host.startswith("127.")


def resolve_endpoint(environ: Mapping[str, str]) -> Endpoint:
    """Return the endpoint as the Docker CLI chooses it.

    ``DOCKER_HOST`` wins over ``DOCKER_CONTEXT``, which wins over the configuration's ``currentContext``; without any
    of them it is the usual socket.

    Raises:
        Failure: the context does not exist, its files or the configuration cannot be read, or there is no such address.
    """
    directory = configuration_directory(environ)
    configuration = _read_object(directory / "config.json")
    if host := environ.get("DOCKER_HOST"):
        tls = _tls_of_environment(environ, directory)
        endpoint = Endpoint(_normal_url(host, "DOCKER_HOST", tls), "DOCKER_HOST", tls)
    elif (name := environ.get("DOCKER_CONTEXT", "")) and name != "default":
        endpoint = _context(directory, name, f"context {name} from DOCKER_CONTEXT")
    elif not name and (name := _text(configuration.get("currentContext"))) and name != "default":
        endpoint = _context(directory, name, f"context {name} from {directory / 'config.json'}")
    else:
        endpoint = Endpoint(DEFAULT_URL, "the default socket")
    return Endpoint(endpoint.url, endpoint.source, endpoint.tls, _proxies(configuration, endpoint.url))


def other_engines(endpoint: Endpoint, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the URLs of other well-known sockets that answer a ping now; each is given half a second."""
    return tuple(f"unix://{path}" for path in _known_sockets(environ) if path != endpoint.socket_path and answers(path))


def answers(path: Path) -> bool:
    """Return whether an engine answers a ping on the Unix socket `path`."""
    with closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(_PING_SECONDS)
        try:
            client.connect(str(path))
            client.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in client.recv(64)
        except OSError:
            return False


def _known_sockets(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield where the engines that people use listen: Docker, rootless Docker, Podman, Desktop, OrbStack, Colima, …."""
    home = _home(environ)
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    yield from (Path("/var/run/docker.sock"), runtime / "docker.sock")
    yield from (home / ".docker" / name / "docker.sock" for name in ("run", "desktop"))
    yield from (home / ".orbstack/run/docker.sock", home / ".rd/docker.sock", home / ".lima/docker/sock/docker.sock")
    settings = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    for colima in (home / ".colima", settings / "colima"):
        yield from sorted(colima.glob("*/docker.sock"))
    yield from (runtime / "podman/podman.sock", Path("/run/podman/podman.sock"))
    yield home / ".local/share/containers/podman/machine/podman.sock"


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def configuration_directory(environ: Mapping[str, str]) -> Path:
    """Return where the Docker CLI keeps its configuration, contexts and plugins."""
    given = environ.get("DOCKER_CONFIG")
    return Path(given) if given else _home(environ) / ".docker"


def _normal_url(host: str, source: str, tls: Tls | None) -> str:
    """Return `host` in full: the CLI takes bare paths and bare hosts, with or without their ports, too.

    Raises:
        Failure: it is no address of an engine.
    """
    if host.startswith("/"):
        return f"unix://{host}"
    url = host if "://" in host else f"tcp://{host}"
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError as error:
        raise _no_address(url, source, str(error)) from None
    match parts.scheme:
        case "unix":
            return f"unix://{Path(url.removeprefix('unix://')).absolute()}"
        case "tcp" if name is None or port is None:
            shown = f"[{name}]" if name and ":" in name else name or "localhost"
            return f"tcp://{shown}:{port or (2376 if tls else 2375)}"
        case "tcp" | "http" | "https" | "ssh":
            return url
        case _:
            raise _no_address(url, source, f"{parts.scheme}:// is not spoken here")


def _no_address(url: str, source: str, cause: str) -> Failure:
    return Failure(
        Finding(
            Code.ENGINE_ADDRESS_UNUSABLE,
            f"{url} is no address of an engine",
            f"It comes from {source}: {cause}. Expected unix://PATH, tcp://HOST:PORT or ssh://USER@HOST.",
            fixes=(
                Fix("Correct the address"),
                Fix("Or go back to the usual socket", "unset DOCKER_HOST && docker context use default"),
            ),
        )
    )


def _tls_of_environment(environ: Mapping[str, str], directory: Path) -> Tls | None:
    if not environ.get("DOCKER_TLS_VERIFY") and not environ.get("DOCKER_TLS"):
        return None
    given = environ.get("DOCKER_CERT_PATH")
    return _tls_in(Path(given) if given else directory, verify=bool(environ.get("DOCKER_TLS_VERIFY")))


def _tls_in(directory: Path, *, verify: bool) -> Tls:
    ca, certificate, key = (
        path if (path := directory / name).is_file() else None for name in ("ca.pem", "cert.pem", "key.pem")
    )
    return Tls(ca, certificate, key, verify)


def _context(directory: Path, name: str, source: str) -> Endpoint:
    # The CLI's store: a context is a directory named by the SHA-256 of its name.
    digest = hashlib.sha256(name.encode()).hexdigest()
    path = directory / "contexts" / "meta" / digest / "meta.json"
    if not path.is_file():
        raise Failure(
            Finding(
                Code.ENGINE_CONTEXT_MISSING,
                f"The Docker context {name} does not exist",
                f"The {source} names it, and there is no such context in {directory / 'contexts'}.",
                fixes=(
                    Fix("See which contexts there are", "docker context ls"),
                    Fix("Go back to the usual socket", "docker context use default"),
                ),
            )
        )
    endpoints = _object(_read_object(path).get("Endpoints"))
    docker = _object(endpoints.get("docker"))
    url = _text(docker.get("Host"))
    if not url:
        raise _unreadable(path, "it has no Docker endpoint")
    material = directory / "contexts" / "tls" / digest / "docker"
    tls = _tls_in(material, verify=docker.get("SkipTLSVerify") is not True) if material.is_dir() else None
    return Endpoint(_normal_url(url, source, tls), source, tls)


def _proxies(configuration: JsonObject, url: str) -> Mapping[str, str]:
    """Return the proxy variables that the CLI would set, each in both spellings that programs look for."""
    everywhere = _object(configuration.get("proxies"))
    chosen = _object(everywhere.get(url) or everywhere.get("default"))
    names = {"httpProxy": "HTTP_PROXY", "httpsProxy": "HTTPS_PROXY", "ftpProxy": "FTP_PROXY", "noProxy": "NO_PROXY"}
    names["allProxy"] = "ALL_PROXY"
    found: dict[str, str] = {}
    for key, name in names.items():
        if value := _text(chosen.get(key)):
            found |= {name: value, name.lower(): value}
    return found


def _read_object(path: Path) -> JsonObject:
    """Return the JSON object in `path`; an absent file is an empty one."""
    try:
        document = cast("Json", json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from None
    if not isinstance(document, dict):
        raise _unreadable(path, "it is no JSON object")
    return document


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _unreadable(path: Path, cause: str) -> Failure:
    return Failure(
        Finding(
            Code.ENGINE_CONTEXT_MISSING,
            "Docker's configuration cannot be read",
            f"{path}: {cause}. It says which engine to use, so none is chosen without it.",
            fixes=(Fix("Correct the file, or set DOCKER_HOST to the engine's address"),),
        )
    )
