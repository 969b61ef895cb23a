"""Why a container is out of date, field by field: what it was created with against what would be created now. Pure.

Each begins with the name that its key has in the Compose file, and a colon. Values are shown, except of variables and
labels that may be secret.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from stack.environment.secrecy import is_secret
from stack.services.engine import labels
from stack.services.engine.json_types import Json, JsonObject
from stack.services.engine.observe import ObservedImage, Recorded
from stack.text import clean_line

_SHOWN_LENGTH: Final = 60

_DEFAULT_SHM: Final = 64 * 1024 * 1024

# What the engine records as it was sent, under the Compose file's name for it.
_HOST_FIELDS: Final = {
    "Init": "init",
    "Privileged": "privileged",
    "ReadonlyRootfs": "read_only",
    "Sysctls": "sysctls",
    "Tmpfs": "tmpfs",
    "CapAdd": "cap_add",
    "CapDrop": "cap_drop",
    "SecurityOpt": "security_opt",
    "GroupAdd": "group_add",
    "Dns": "dns",
    "DnsSearch": "dns_search",
    "DnsOptions": "dns_opt",
    "ExtraHosts": "extra_hosts",
    "Memory": "mem_limit",
    "MemoryReservation": "mem_reservation",
    "NanoCpus": "cpus",
    "PidsLimit": "pids_limit",
    "BlkioWeight": "blkio_weight",
    "Devices": "devices",
    "PidMode": "pid",
    "UTSMode": "uts",
}

_HEALTH_FIELDS: Final = {
    "Test": "test",
    "Interval": "interval",
    "Timeout": "timeout",
    "StartPeriod": "start_period",
    "StartInterval": "start_interval",
    "Retries": "retries",
}


def differences(wanted: JsonObject, recorded: Recorded, image: ObservedImage | None) -> tuple[str, ...]:
    """Return what differs between the request for a container and the recorded one, in the order of this module.

    `image` is the image that the recorded container was made from, where it is still known: what comes from it is no
    difference.
    """
    host = _object(wanted.get("HostConfig"))
    return tuple(
        line
        for lines in (
            _value("image", recorded.config.get("Image"), wanted.get("Image")),
            _environment(wanted, recorded, image),
            _from_image(wanted, recorded, image),
            _value("stop_grace_period", recorded.config.get("StopTimeout"), wanted.get("StopTimeout")),
            _healthcheck(wanted, recorded),
            _labels(wanted, recorded, image),
            _members("ports", _ports(recorded.host_config), _ports(host)),
            _members("volumes", _volumes(recorded.host_config), _volumes(host)),
            _value("networks", recorded.host_config.get("NetworkMode"), host.get("NetworkMode")),
            _value("restart", _restart(recorded.host_config), _restart(host)),
            _value("shm_size", _shm(recorded.host_config), _shm(host)),
            _members("ulimits", _ulimits(recorded.host_config), _ulimits(host)),
            _swap(recorded.host_config, host),
            _logging(recorded.host_config, host),
            *(_value(name, recorded.host_config.get(key), host.get(key)) for key, name in _HOST_FIELDS.items()),
        )
        for line in lines
    )


def _value(name: str, before: Json, after: Json) -> Iterator[str]:
    # The engine writes nothing, zero and empty in more than one way.
    if (before or None) != (after or None):
        yield f"{name}: {_show(before)} → {_show(after)}"


def _show(value: Json) -> str:
    if value is None or value in ("", [], {}):
        return "unset"
    text = value if isinstance(value, str) else " ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = clean_line(text)
    return f"“{text}”" if len(text) <= _SHOWN_LENGTH else f"“{text[:_SHOWN_LENGTH]}…”"


def _members(name: str, before: frozenset[str], after: frozenset[str]) -> Iterator[str]:
    for gone in sorted(before - after):
        yield f"{name}: {_show(gone)} is gone"
    for new in sorted(after - before):
        yield f"{name}: {_show(new)} is new"


def _keys(name: str, before: Mapping[str, str | None], after: Mapping[str, str | None]) -> Iterator[str]:
    """Say which keys differ, and how where they hold no secret."""
    for key in sorted(before.keys() | after.keys()):
        shown = f"{name}.{clean_line(key)}"
        if key not in after:
            yield f"{shown}: removed"
        elif key not in before:
            yield f"{shown}: added"
        elif before[key] != after[key]:
            secret = is_secret(key, before[key]) or is_secret(key, after[key])
            yield f"{shown}: changed" if secret else f"{shown}: {_show(before[key])} → {_show(after[key])}"


def _environment(wanted: JsonObject, recorded: Recorded, image: ObservedImage | None) -> Iterator[str]:
    inherited = image.environment if image else frozenset()
    wanted_lines = _texts(wanted.get("Env"))
    named = {line.partition("=")[0] for line in wanted_lines}
    recorded_lines = [
        line
        for line in _texts(recorded.config.get("Env"))
        # A variable that the image sets too is ours only where the file names it.
        if line not in inherited or line.partition("=")[0] in named
    ]
    return _keys("environment", _variables(recorded_lines), _variables(wanted_lines))


def _variables(lines: list[str]) -> dict[str, str | None]:
    return {name: value if equals else None for name, equals, value in (line.partition("=") for line in lines)}


def _from_image(wanted: JsonObject, recorded: Recorded, image: ObservedImage | None) -> Iterator[str]:
    """Compare what falls back to the image where the file says nothing."""
    defaults: dict[str, tuple[str, Callable[[ObservedImage], Json]]] = {
        "Entrypoint": ("entrypoint", lambda source: list(source.entrypoint or ())),
        "Cmd": ("command", lambda source: list(source.command or ())),
        "User": ("user", lambda source: source.user),
        "WorkingDir": ("working_dir", lambda source: source.working_dir),
        "StopSignal": ("stop_signal", lambda source: source.stop_signal),
    }
    for key, (name, default) in defaults.items():
        after = wanted.get(key)
        if after is None and key == "Cmd" and wanted.get("Entrypoint") is not None:
            # An entrypoint of one's own drops the image's command.
            after = []
        elif after is None:
            if image is None:
                continue
            after = default(image)
        yield from _value(name, recorded.config.get(key), after)
    if (hostname := wanted.get("Hostname")) is not None:
        yield from _value("hostname", recorded.config.get("Hostname"), hostname)


def _healthcheck(wanted: JsonObject, recorded: Recorded) -> Iterator[str]:
    after = _object(wanted.get("Healthcheck"))
    if not after:
        return
    before = _object(recorded.config.get("Healthcheck"))
    for key, name in _HEALTH_FIELDS.items():
        yield from _value(f"healthcheck.{name}", before.get(key), after.get(key))


def _labels(wanted: JsonObject, recorded: Recorded, image: ObservedImage | None) -> Iterator[str]:
    inherited = image.labels if image else {}

    def own(config: JsonObject) -> dict[str, str | None]:
        return {
            name: str(value)
            for name, value in _object(config.get("Labels")).items()
            if not name.startswith(labels.PREFIX) and inherited.get(name) != value
        }

    return _keys("labels", own(recorded.config), own(wanted))


def _ports(host: JsonObject) -> frozenset[str]:
    found: set[str] = set()
    for target, bindings in _object(host.get("PortBindings")).items():
        for entry in bindings if isinstance(bindings, list) else []:
            binding = _object(entry)
            published = ":".join(str(part) for part in (binding.get("HostIp"), binding.get("HostPort")) if part)
            found.add(f"{published}->{target}")
    return frozenset(found)


def _volumes(host: JsonObject) -> frozenset[str]:
    found = set(_texts(host.get("Binds")))
    for entry in _list(host.get("Mounts")):
        mount = _object(entry)
        access = "ro" if mount.get("ReadOnly") else "rw"
        found.add(f"{mount.get('Source') or mount.get('Type')}:{mount.get('Target')}:{access}")
    return frozenset(found)


def _restart(host: JsonObject) -> str:
    policy = _object(host.get("RestartPolicy"))
    count = policy.get("MaximumRetryCount")
    return f"{policy.get('Name') or 'no'}{f':{count}' if count else ''}"


def _shm(host: JsonObject) -> Json:
    size = host.get("ShmSize")
    return None if size == _DEFAULT_SHM else size


def _ulimits(host: JsonObject) -> frozenset[str]:
    limits = (_object(entry) for entry in _list(host.get("Ulimits")))
    return frozenset(f"{limit.get('Name')}: {limit.get('Soft')} to {limit.get('Hard')}" for limit in limits)


def _swap(before: JsonObject, after: JsonObject) -> Iterator[str]:
    # Where the file says nothing, the engine takes twice the memory.
    if (wanted := after.get("MemorySwap")) is not None:
        yield from _value("memswap_limit", before.get("MemorySwap"), wanted)


def _logging(before: JsonObject, after: JsonObject) -> Iterator[str]:
    # Where the file says nothing the engine fills in its own default, which is not known here.
    if wanted := _object(after.get("LogConfig")):
        recorded = _object(before.get("LogConfig"))
        if wanted.get("Type"):
            yield from _value("logging.driver", recorded.get("Type"), wanted.get("Type"))
        yield from _keys("logging.options", _strings(recorded.get("Config")), _strings(wanted.get("Config")))


def _strings(value: Json) -> dict[str, str | None]:
    return {name: str(text) for name, text in _object(value).items()}


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _texts(value: Json) -> list[str]:
    return [entry for entry in _list(value) if isinstance(entry, str)]
