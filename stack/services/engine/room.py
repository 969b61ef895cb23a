"""What could be freed where the engine's disk is full."""

from collections.abc import Iterator
from dataclasses import replace

from docker.errors import APIError

from stack.findings import Code, Failure, Finding
from stack.services.engine import wire
from stack.services.engine.connection import Engine


async def with_room(engine: Engine, failure: Failure) -> Failure:
    """Return `failure`; where the engine's disk is full, it says what could be freed, as far as the engine knows."""
    if failure.finding.code is not Code.ENGINE_DISK_FULL:
        return failure
    try:
        usage = await engine.call(lambda client: client.disk_usage())
    except (APIError, Failure):
        # It may well not be able to answer; that its disk is full stays true.
        return failure
    return Failure(_told(failure.finding, usage), *failure.findings[1:])


def _told(finding: Finding, usage: wire.DiskUsage) -> Finding:
    parts = [f"{what} take {size / 1e6:,.0f} MB" for what, size in _unused(usage) if size >= 1e6]
    told = f"{'; '.join(parts)}." if parts else "It holds nothing that is not in use, so the disk needs more room."
    return replace(finding, cause=f"{finding.cause} {told[0].upper()}{told[1:]}")


def _unused(usage: wire.DiskUsage) -> Iterator[tuple[str, int]]:
    """Yield what nothing uses, and its bytes. Layers that images share are counted with none of them."""
    images = [image for image in usage.get("Images") or () if not image["Containers"]]
    yield "images that no container uses", sum(image["Size"] - max(0, image["SharedSize"]) for image in images)
    stopped = [container for container in usage.get("Containers") or () if container["State"] != "running"]
    yield "containers that do not run", sum(container.get("SizeRw", 0) for container in stopped)
    caches = [cache for cache in usage.get("BuildCache") or () if not cache["InUse"]]
    yield "leftovers of builds", sum(cache["Size"] for cache in caches)
    data = [volume.get("UsageData") or {} for volume in usage.get("Volumes") or ()]
    unused = sum(max(0, it.get("Size", 0)) for it in data if not it.get("RefCount", 1))
    yield "volumes that no container uses, whose data would be lost,", unused
