"""Published ports: whether one is free, who holds it, and which variable of the Compose file moves it."""

import errno
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.findings import Code, Finding, Fix
from stack.services.compose.model import Port
from stack.services.engine import labels, wire

_TAKEN_WORDS: Final = ("port is already allocated", "address already in use", "ports are not available")
_ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[0-9]+(?:\.[0-9]+){3}):([0-9]+)")
_LISTENING: Final = "0A"
"""``TCP_LISTEN`` as ``/proc/net/tcp`` writes it."""

_SEARCHED_PORTS: Final = 100


def port_in(message: str) -> tuple[str, int] | None:
    """Return the address and port that the engine could not publish, where `message` is about one."""
    if not any(words in message.lower() for words in _TAKEN_WORDS):
        return None
    found = _ADDRESS.search(message)
    return (found[1].strip("[]"), int(found[2])) if found else None


def fixed_ports(ports: Iterable[Port]) -> Iterator[tuple[str, int]]:
    """Return the addresses and ports that `ports` publish, without those that the engine chooses."""
    for port in ports:
        if port.published and port.published.isdecimal() and port.protocol == "tcp":
            yield port.host_ip or "0.0.0.0", int(port.published)  # noqa: S104 - what Compose means by none


def is_taken(host: str, port: int) -> bool:
    """Return whether something on this machine listens where `host` and `port` would."""
    with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as probe:
        # As the engine's own listener does: connections that linger after a stop are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def next_free(host: str, port: int) -> int | None:
    """Return the first free port above `port`, if there is one among the next hundred."""
    above = range(port + 1, min(port + 1 + _SEARCHED_PORTS, 65536))
    return next((candidate for candidate in above if not is_taken(host, candidate)), None)


def port_taken(
    host: str, port: int, *, service: str, containers: Sequence[wire.ContainerSummary], move: Callable[[int], Fix]
) -> Finding:
    """Return the finding of a port that `service` cannot have; `containers` are all of the engine's.

    `move` makes the fix that publishes a free port instead.
    """
    holder = _container(containers, port) or _process(port)
    free = next_free(host, port)
    cause = f"{holder[0]} has it." if holder else "Another program has it, which this account may not see."
    return Finding(
        Code.PORT_TAKEN,
        f"Port {port} is taken, so {service} cannot publish it",
        f"{cause} {service} asks for {host}:{port}.",
        fixes=(*((move(free),) if free else ()), *((holder[1],) if holder else ())),
    )


def port_variable(files: Iterable[Path], target: int) -> str | None:
    """Return the variable that the Compose files take the published port of `target` from, as in ``${PORT}:5432``."""
    pattern = re.compile(rf"\$\{{?([A-Za-z_][A-Za-z0-9_]*)[^\s\"']*:{target}(?:/tcp)?[\"'\s]")
    for path in files:
        with suppress(OSError, UnicodeDecodeError):
            if found := pattern.search(path.read_text(encoding="utf-8")):
                return found[1]
    return None


def _container(containers: Sequence[wire.ContainerSummary], port: int) -> tuple[str, Fix] | None:
    for container in containers:
        if any(published.get("PublicPort") == port for published in container["Ports"]):
            name = container["Names"][0].removeprefix("/")
            project = (container["Labels"] or {}).get(labels.PROJECT)
            whose = f" of the project {project}" if project else ""
            return f"The container {name}{whose}", Fix(f"Stop {name}", f"docker stop {name}")
    return None


@dataclass(frozen=True, slots=True)
class Holder:
    """A process of this machine."""

    name: str
    process: int


def holder_of(port: int) -> Holder | None:
    """Return who listens on `port`, as far as ``/proc`` lets this account see it."""
    inodes = set(_listening_inodes(port))
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                if str(descriptor.readlink()) in inodes:
                    name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                    return Holder(name, int(process.name))
    return None


def _process(port: int) -> tuple[str, Fix] | None:
    holder = holder_of(port)
    if holder is None:
        return None
    fix = Fix(f"Stop {holder.name}", f"kill {holder.process}")
    return f"The process {holder.name} ({holder.process})", fix


def _listening_inodes(port: int) -> Iterator[str]:
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with suppress(OSError):
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield f"socket:[{fields[9]}]"
