"""What the engine records of a container, or is asked to make, in the words of a Compose file. Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from stack.services.compose.units import format_duration
from stack.services.engine.json_types import Json, JsonObject
from stack.services.engine.observe import ANONYMOUS, ObservedImage

_DEFAULT_SHM: Final = 64 * 1024 * 1024

_NANOSECONDS: Final = 1_000_000_000

TAKEN_OVER: Final = ""
"""What stands for an anonymous volume that a container has from the one before it."""


def exposed(config: JsonObject, image: ObservedImage | None) -> frozenset[str]:
    """Return the ports that a container exposes besides those of its image, one by one: some Compose leaves ranges."""
    listed = {port for entry in as_object(config.get("ExposedPorts")) for port in _single_ports(entry)}
    return frozenset(listed) - (image.exposed if image else frozenset())


def _single_ports(entry: str) -> Iterator[str]:
    ports, _, protocol = entry.partition("/")
    first, _, last = ports.partition("-")
    if first.isdecimal() and (last or first).isdecimal():
        for port in range(int(first), int(last or first) + 1):
            yield f"{port}/{protocol or 'tcp'}"


def ports(host: JsonObject) -> frozenset[str]:
    """Return published ports in the short form of a Compose file."""
    found: set[str] = set()
    for target, bindings in as_object(host.get("PortBindings")).items():
        for entry in bindings if isinstance(bindings, list) else []:
            binding = as_object(entry)
            address, published = binding.get("HostIp"), binding.get("HostPort")
            parts = [str(address), str(published or "")] if address else [str(published)] if published else []
            found.add(":".join((*parts, target.removesuffix("/tcp"))))
    return frozenset(found)


def mounts(host: JsonObject) -> Mapping[str, tuple[str, str]]:
    """Return the key of the Compose file and the mount in its short form, by the path in the container."""
    found: dict[str, tuple[str, str]] = {}
    for bind in texts(host.get("Binds")):
        source, _, rest = bind.partition(":")
        target, _, options = rest.partition(":")
        found[target] = "volumes", _short(source, target, [it for it in options.split(",") if it not in {"", "rw"}])
    for entry in as_list(host.get("Mounts")):
        mount = as_object(entry)
        found[str(mount.get("Target"))] = _mount(mount)
    return found


def _mount(mount: JsonObject) -> tuple[str, str]:
    target, kind, source = str(mount.get("Target")), mount.get("Type"), str(mount.get("Source") or "")
    if kind == "volume" and ANONYMOUS.fullmatch(source):
        return "volumes", TAKEN_OVER
    options = ["ro"] if mount.get("ReadOnly") else []
    for key in ("BindOptions", "VolumeOptions", "TmpfsOptions"):
        options += [f"{name}={value}" for name, value in sorted(as_object(mount.get(key)).items()) if value]
    if kind == "bind" and options == ["ro"]:
        # As a volume it would be among the binds, so this is a file of the project.
        return "secrets" if target.startswith("/run/secrets/") else "configs", _short(source, target, [])
    # An anonymous volume is written as its path alone.
    return "volumes", _short(source or ("" if kind == "volume" else str(kind)), target, options)


def _short(source: str, target: str, options: list[str]) -> str:
    return ":".join(filter(None, (source, target, ",".join(options))))


def restart(host: JsonObject) -> str:
    """Return the restart policy."""
    policy = as_object(host.get("RestartPolicy"))
    count = policy.get("MaximumRetryCount")
    return f"{policy.get('Name') or 'no'}{f':{count}' if count else ''}"


def grace_period(config: JsonObject) -> Json:
    """Return the time to stop in."""
    seconds = config.get("StopTimeout")
    return format_duration(seconds * _NANOSECONDS) if isinstance(seconds, int) else None


def duration(nanoseconds: Json) -> Json:
    """Return a time; nothing where it is not said."""
    return format_duration(nanoseconds) if isinstance(nanoseconds, int) and nanoseconds else None


def size(size: Json) -> Json:
    """Return a number of bytes in the largest unit that it is a multiple of."""
    if not isinstance(size, int) or not size:
        return None
    for unit, power in (("g", 30), ("m", 20), ("k", 10)):
        if size % (1 << power) == 0:
            return f"{size >> power}{unit}"
    return f"{size}b"


def cpus(host: JsonObject) -> Json:
    """Return the limit of processors."""
    cpus = host.get("NanoCpus")
    return f"{cpus / _NANOSECONDS:g}" if isinstance(cpus, int) and cpus else None


def shm_size(host: JsonObject) -> Json:
    """Return the size of the shared memory; nothing where it is the default."""
    size = host.get("ShmSize")
    return None if size == _DEFAULT_SHM else size


def ulimits(host: JsonObject) -> dict[str, str | None]:
    """Return the limits by name."""
    limits = (as_object(entry) for entry in as_list(host.get("Ulimits")))
    return {
        str(limit.get("Name")): (
            str(limit.get("Soft"))
            if limit.get("Soft") == limit.get("Hard")
            else f"soft {limit.get('Soft')}, hard {limit.get('Hard')}"
        )
        for limit in limits
    }


def devices(host: JsonObject) -> frozenset[str]:
    """Return the devices."""
    devices = (as_object(entry) for entry in as_list(host.get("Devices")))
    return frozenset(
        ":".join(str(device.get(key)) for key in ("PathOnHost", "PathInContainer", "CgroupPermissions"))
        for device in devices
    )


def strings(value: Json) -> dict[str, str | None]:
    """Return an object of texts."""
    return {name: str(text) for name, text in as_object(value).items()}


def as_object(value: Json) -> JsonObject:
    """Return `value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    """Return `value` where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def texts(value: Json) -> list[str]:
    """Return the texts of a list."""
    return [entry for entry in as_list(value) if isinstance(entry, str)]
