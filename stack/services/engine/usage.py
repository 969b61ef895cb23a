"""What containers use: two readings of their counters make a sample, as in ``docker stats``."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from docker.errors import APIError

from stack.services.control import State, Usage
from stack.services.engine import wire
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.observe import list_project
from stack.services.engine.reader import Reader, Refusal

_PERIOD_SECONDS: Final = 1.0
_NANOSECONDS: Final = 1e9
_INACTIVE: Final = ("total_inactive_file", "inactive_file")
"""What of the page cache the kernel could drop at once: its name under cgroup v1 and v2 (docker/cli,
``calculateMemUsageUnixNoCache``)."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A container that is sampled."""

    id: str
    service: str
    name: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters of one container at one moment; `cpu` and `machine_cpu` in nanoseconds, all else in bytes.

    `machine_cpu` is what all `cores` of the machine have spent, idle or not; 0 where the engine does not tell.
    """

    at: datetime
    cpu: int
    machine_cpu: int
    cores: int
    memory: int
    limit: int
    received: int
    sent: int
    read: int
    written: int


def reading(stats: wire.ContainerStats) -> Reading | None:
    """Return the counters in the engine's answer; None for a container that does not run."""
    cpu, memory = stats.get("cpu_stats") or {}, stats.get("memory_stats") or {}
    if "read" not in stats or "usage" not in memory:
        return None
    interfaces = (stats.get("networks") or {}).values()
    return Reading(
        at=datetime.fromisoformat(stats["read"]),
        cpu=(cpu.get("cpu_usage") or {}).get("total_usage", 0),
        machine_cpu=cpu.get("system_cpu_usage", 0),
        cores=cpu.get("online_cpus", 0),
        memory=_without_cache(memory),
        limit=memory.get("limit", 0),
        received=sum(interface["rx_bytes"] for interface in interfaces),
        sent=sum(interface["tx_bytes"] for interface in interfaces),
        read=_transferred(stats, "read"),
        written=_transferred(stats, "write"),
    )


def usage(container: Sampled, before: Reading, now: Reading, machine_memory: int) -> Usage | None:
    """Return what `container` used between two readings; None where it was started anew between them."""
    seconds = (now.at - before.at).total_seconds()
    if seconds <= 0 or now.cpu < before.cpu:
        return None

    def rate(earlier: int, later: int) -> float:
        return max(0, later - earlier) / seconds

    return Usage(
        service=container.service,
        container=container.name,
        cpu=_cores(before, now, seconds),
        memory=now.memory,
        # Where nothing limits the container, the engine reports what the machine has.
        memory_limit=now.limit if 0 < now.limit < machine_memory else None,
        received=rate(before.received, now.received),
        sent=rate(before.sent, now.sent),
        read=rate(before.read, now.read),
        written=rate(before.written, now.written),
    )


async def sample(engine: Engine, project: str, services: AbstractSet[str]) -> AsyncGenerator[tuple[Usage, ...]]:
    """Yield what the running containers of `services` use, about every second, the first time after two readings.

    Raises:
        Failure: the engine cannot be reached, or refuses.
    """
    try:
        machine_memory = await engine.call(lambda client: client.machine_memory())
        before: Mapping[Sampled, Reading] = {}
        first = True
        while True:
            began = time.monotonic()
            now = await engine.look(lambda reader: _readings(reader, project, services))
            if not first:
                both = [(it, before[it], now[it]) for it in now if it in before]
                used = (usage(it, earlier, later, machine_memory) for it, earlier, later in both)
                yield tuple(each for each in used if each is not None)
            before, first = now, False
            await asyncio.sleep(_PERIOD_SECONDS - (time.monotonic() - began))
    except (APIError, Refusal) as error:
        raise refused("measuring what the containers use", error) from None


def _readings(reader: Reader, project: str, services: AbstractSet[str]) -> dict[Sampled, Reading]:
    """Return the counters of the running containers of `services`; blocking."""
    found = {}
    for container in list_project(reader, project):
        if container.service in services and container.state is State.RUNNING:
            # It may have gone, or stopped, since it was listed.
            stats = reader.usage(container.id)
            counters = reading(stats) if stats else None
            if counters:
                found[Sampled(container.id, container.service, container.name)] = counters
    return found


def _cores(before: Reading, now: Reading, seconds: float) -> float:
    spent, machine = now.cpu - before.cpu, now.machine_cpu - before.machine_cpu
    if machine > 0 and now.cores:
        return spent / machine * now.cores
    return spent / (seconds * _NANOSECONDS)


def _without_cache(memory: wire.MemoryStats) -> int:
    used, details = memory.get("usage", 0), memory.get("stats") or {}
    inactive = next((details[name] for name in _INACTIVE if name in details), 0)
    return used - inactive if inactive < used else used


def _transferred(stats: wire.ContainerStats, operation: str) -> int:
    counters = (stats.get("blkio_stats") or {}).get("io_service_bytes_recursive") or []
    # «Read» under cgroup v1, «read» under v2.
    return sum(counter["value"] for counter in counters if counter["op"].lower() == operation)
