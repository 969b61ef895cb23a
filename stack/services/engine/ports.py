"""Published ports: whether one is free, who holds it, and which variable of the Compose file moves it."""

import errno
import re
import socket
from collections.abc import Iterable, Iterator
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


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a port: the process, by its id, or the container, by its id and perhaps of a `project`."""

    name: str
    process: int | None = None
    container: str | None = None
    project: str | None = None

    @property
    def words(self) -> str:
        """Who it is, as a sentence goes on."""
        if self.process is not None:
            return f"{self.name} (pid {self.process})"
        whose = f"project {self.project}" if self.project else "no Compose project"
        return f"the container {self.name} of {whose}"


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
    host: str, port: int, *, service: str, holder: Holder | None, free: int | None, fixes: tuple[Fix, ...]
) -> Finding:
    """Return the finding of a port that `service` cannot have, since `holder` has it; None where that is not seen.

    `free` is the next port that nobody has.
    """
    whose = holder.words if holder else "another program, which this account may not see"
    instead = f" The next free port is {free}." if free else ""
    return Finding(
        Code.PORT_TAKEN,
        f"Port {port} is held by {whose}",
        f"{service} asks for {host}:{port}, where only one can listen.{instead}",
        fixes=fixes,
    )


def port_variable(files: Iterable[Path], target: int) -> str | None:
    """Return the variable that the Compose files take the published port of `target` from, as in ``${PORT}:5432``."""
    pattern = re.compile(rf"\$\{{?([A-Za-z_][A-Za-z0-9_]*)[^\s\"']*:{target}(?:/tcp)?[\"'\s]")
    for path in files:
        with suppress(OSError, UnicodeDecodeError):
            if found := pattern.search(path.read_text(encoding="utf-8")):
                return found[1]
    return None


def container_on(containers: Iterable[wire.ContainerSummary], port: int) -> Holder | None:
    """Return which of `containers`, the engine's, publishes `port`."""
    for container in containers:
        if any(published.get("PublicPort") == port for published in container["Ports"]):
            name = container["Names"][0].removeprefix("/")
            return Holder(name, None, container["Id"], (container["Labels"] or {}).get(labels.PROJECT))
    return None


def process_on(port: int) -> Holder | None:
    """Return which process listens on `port`, as far as ``/proc`` lets this account see it."""
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


def _listening_inodes(port: int) -> Iterator[str]:
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with suppress(OSError):
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield f"socket:[{fields[9]}]"
