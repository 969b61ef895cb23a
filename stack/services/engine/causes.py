"""Why a container is out of date, field by field: what it was created with against what would be created now. Pure.

Each begins with the key in the Compose file and a colon; values are written as there
(`stack.services.engine.compose_words`). Of a variable or a label that may be secret, nothing is shown but that it
differs.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from stack.environment.secrecy import is_secret
from stack.services.engine import compose_words as words
from stack.services.engine import labels
from stack.services.engine.json_types import Json, JsonObject
from stack.services.engine.observe import ObservedImage, Recorded
from stack.text import MASK, clean_line

_SHOWN_LENGTH: Final = 60

# What the engine records as it was sent, under the Compose file's name for it.
_HOST_FIELDS: Final = {
    "Init": "init",
    "Privileged": "privileged",
    "ReadonlyRootfs": "read_only",
    "CapAdd": "cap_add",
    "CapDrop": "cap_drop",
    "SecurityOpt": "security_opt",
    "GroupAdd": "group_add",
    "Dns": "dns",
    "DnsSearch": "dns_search",
    "DnsOptions": "dns_opt",
    "ExtraHosts": "extra_hosts",
    "PidsLimit": "pids_limit",
    "BlkioWeight": "blkio_config.weight",
    "PidMode": "pid",
    "UTSMode": "uts",
}

_HOST_MAPS: Final = {"Sysctls": "sysctls", "Tmpfs": "tmpfs", "Annotations": "annotations"}

_CONFIG_FIELDS: Final = {"Domainname": "domainname", "Tty": "tty", "OpenStdin": "stdin_open"}

_ENDPOINT_FIELDS: Final = {"MacAddress": "mac_address", "GwPriority": "gw_priority"}

_ADDRESS_FIELDS: Final = {
    "IPv4Address": "ipv4_address",
    "IPv6Address": "ipv6_address",
    "LinkLocalIPs": "link_local_ips",
}

_MODES: Final = frozenset({"host", "none", "bridge", "default"})

_OWN_IPC: Final = frozenset({None, "", "private", "shareable"})
"""What an engine may fill in for ``ipc`` where the file says nothing."""

_HEALTH_TIMES: Final = {
    "Interval": "interval",
    "Timeout": "timeout",
    "StartPeriod": "start_period",
    "StartInterval": "start_interval",
}


def differences(wanted: JsonObject, recorded: Recorded, image: ObservedImage | None) -> tuple[str, ...]:
    """Return what differs between the request for a container and the recorded one, in the order of this module.

    `image` is the image that the recorded container was made from, where it is still known: what comes from it is no
    difference.
    """
    host, was = words.as_object(wanted.get("HostConfig")), recorded.host_config
    return tuple(
        line
        for lines in (
            changed("image", recorded.config.get("Image"), wanted.get("Image")),
            _environment(wanted, recorded, image),
            _from_image(wanted, recorded, image),
            _hostname(wanted, recorded),
            *(changed(name, recorded.config.get(key), wanted.get(key)) for key, name in _CONFIG_FIELDS.items()),
            changed("stop_grace_period", words.grace_period(recorded.config), words.grace_period(wanted)),
            _healthcheck(wanted, recorded, image),
            _labels(wanted, recorded, image),
            _members("expose", words.exposed(recorded.config, image), words.exposed(wanted, image)),
            _members("ports", words.ports(was), words.ports(host)),
            _mounts(was, host),
            _networks(wanted, recorded),
            changed("restart", words.restart(was), words.restart(host)),
            changed("shm_size", words.size(words.shm_size(was)), words.size(words.shm_size(host))),
            changed("mem_limit", words.size(was.get("Memory")), words.size(host.get("Memory"))),
            changed(
                "mem_reservation", words.size(was.get("MemoryReservation")), words.size(host.get("MemoryReservation"))
            ),
            changed("cpus", words.cpus(was), words.cpus(host)),
            changed_keys("ulimits", words.ulimits(was), words.ulimits(host)),
            _members("devices", words.devices(was), words.devices(host)),
            _set("memswap_limit", was.get("MemorySwap"), host.get("MemorySwap")),
            _set("cgroup", was.get("CgroupnsMode"), host.get("CgroupnsMode")),
            _ipc(was.get("IpcMode"), host.get("IpcMode")),
            _logging(was, host),
            *(
                changed_keys(name, words.strings(was.get(key)), words.strings(host.get(key)))
                for key, name in _HOST_MAPS.items()
            ),
            *(changed(name, was.get(key), host.get(key)) for key, name in _HOST_FIELDS.items()),
        )
        for line in lines
    )


def show(value: Json) -> str:
    """Return `value` in a few words, quoted as a Compose file may have it."""
    if value is None or value in ("", [], {}):
        return "unset"
    text = value if isinstance(value, str) else " ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = clean_line(text)
    return f'"{text}"' if len(text) <= _SHOWN_LENGTH else f'"{text[:_SHOWN_LENGTH]}…"'


def changed(name: str, before: Json, after: Json) -> Iterator[str]:
    """Yield what was and what is to be, where that differs."""
    # The engine writes nothing, zero and empty in more than one way.
    if (before or None) != (after or None):
        yield f"{name}: {show(before)} → {show(after)}"


def _set(name: str, before: Json, after: Json) -> Iterator[str]:
    # Where the file says nothing the engine fills in a default of its own.
    if after is not None:
        yield from changed(name, before, after)


def _members(name: str, before: frozenset[str], after: frozenset[str]) -> Iterator[str]:
    gone, new = sorted(before - after), sorted(after - before)
    if len(gone) == len(new) == 1:
        yield f"{name}: {show(gone[0])} → {show(new[0])}"
        return
    for one in gone:
        yield f"{name}: {show(one)} is gone"
    for one in new:
        yield f"{name}: {show(one)} is new"


def changed_keys(name: str, before: Mapping[str, str | None], after: Mapping[str, str | None]) -> Iterator[str]:
    """Yield each key that differs, and how where it holds no secret."""
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if was == now and (key in before) == (key in after):
            continue
        shown = f"{name}.{clean_line(key)}"
        secret = is_secret(key, was) or is_secret(key, now)
        yield f"{shown}: {_entry(before, key, secret=secret)} → {_entry(after, key, secret=secret)}"


def _entry(entries: Mapping[str, str | None], key: str, *, secret: bool) -> str:
    if key not in entries:
        return "unset"
    value = entries[key]
    return MASK if secret and value else '""' if not value else show(value)


def _environment(wanted: JsonObject, recorded: Recorded, image: ObservedImage | None) -> Iterator[str]:
    inherited = image.environment if image else frozenset()
    wanted_lines = words.texts(wanted.get("Env"))
    named = {line.partition("=")[0] for line in wanted_lines}
    recorded_lines = [
        line
        for line in words.texts(recorded.config.get("Env"))
        # A variable that the image sets too is ours only where the file names it.
        if line not in inherited or line.partition("=")[0] in named
    ]
    return changed_keys("environment", _variables(recorded_lines), _variables(wanted_lines))


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
        yield from changed(name, recorded.config.get(key), after)


def _hostname(wanted: JsonObject, recorded: Recorded) -> Iterator[str]:
    before, after = recorded.config.get("Hostname"), wanted.get("Hostname")
    # Where the file says nothing, the container's own id is its name.
    if after is not None or not (isinstance(before, str) and recorded.id.startswith(before)):
        yield from changed("hostname", before, after)


def _healthcheck(wanted: JsonObject, recorded: Recorded, image: ObservedImage | None) -> Iterator[str]:
    """Compare probes; what the file leaves out of one is the image's."""
    given = dict(image.healthcheck) if image else {}
    after = {**given, **words.as_object(wanted.get("Healthcheck"))}
    before = {**given, **words.as_object(recorded.config.get("Healthcheck"))}
    yield from changed("healthcheck.test", before.get("Test"), after.get("Test"))
    for key, name in _HEALTH_TIMES.items():
        yield from changed(f"healthcheck.{name}", words.duration(before.get(key)), words.duration(after.get(key)))
    yield from changed("healthcheck.retries", before.get("Retries"), after.get("Retries"))


def _labels(wanted: JsonObject, recorded: Recorded, image: ObservedImage | None) -> Iterator[str]:
    inherited = image.labels if image else {}

    def own(config: JsonObject) -> dict[str, str | None]:
        return {
            name: str(value)
            for name, value in words.as_object(config.get("Labels")).items()
            if not name.startswith(labels.PREFIX) and inherited.get(name) != value
        }

    return changed_keys("labels", own(recorded.config), own(wanted))


def _mounts(before: JsonObject, after: JsonObject) -> Iterator[str]:
    """Compare what is mounted, by where it is."""
    was, now = words.mounts(before), words.mounts(after)
    for target in sorted(was.keys() | now.keys()):
        key, text = was.get(target, (None, None))
        if text == words.TAKEN_OVER:
            if target not in now:
                # The image may be why it has one.
                continue
            text = target
        new_key, new_text = now.get(target, (key, None))
        yield from changed(new_key or "volumes", text, new_text)


def _networks(wanted: JsonObject, recorded: Recorded) -> Iterator[str]:
    after = words.as_object(words.as_object(wanted.get("NetworkingConfig")).get("EndpointsConfig"))
    mode = _mode(words.as_object(wanted.get("HostConfig")).get("NetworkMode"))
    was = _mode(recorded.host_config.get("NetworkMode"))
    before = {} if was else recorded.networks
    yield from changed("network_mode", was, mode)
    yield from _members("networks", frozenset(before), frozenset(after))
    for name in sorted(before.keys() & after.keys()):
        yield from _endpoint(name, words.as_object(before[name]), words.as_object(after[name]), recorded.id[:12])


def _mode(mode: Json) -> Json:
    """Return a network mode that is no network of a project."""
    text = str(mode)
    return mode if text in _MODES or text.startswith("container:") else None


def _endpoint(network: str, before: JsonObject, after: JsonObject, short_id: str) -> Iterator[str]:
    # Older engines add the container's id to its aliases.
    aliases = frozenset(words.texts(before.get("Aliases"))) - {short_id}
    yield from _members(f"networks.{network}.aliases", aliases, frozenset(words.texts(after.get("Aliases"))))
    was, now = words.as_object(before.get("IPAMConfig")), words.as_object(after.get("IPAMConfig"))
    for key, name in _ADDRESS_FIELDS.items():
        yield from changed(f"networks.{network}.{name}", was.get(key), now.get(key))
    for key, name in _ENDPOINT_FIELDS.items():
        yield from _set(f"networks.{network}.{name}", before.get(key), after.get(key))
    options = words.strings(before.get("DriverOpts")), words.strings(after.get("DriverOpts"))
    yield from changed_keys(f"networks.{network}.driver_opts", *options)


def _ipc(before: Json, after: Json) -> Iterator[str]:
    if after is not None or before not in _OWN_IPC:
        yield from changed("ipc", before, after)


def _logging(before: JsonObject, after: JsonObject) -> Iterator[str]:
    # Where the file says nothing the engine fills in its own default, which is not known here.
    if wanted := words.as_object(after.get("LogConfig")):
        recorded = words.as_object(before.get("LogConfig"))
        if wanted.get("Type"):
            yield from changed("logging.driver", recorded.get("Type"), wanted.get("Type"))
        yield from changed_keys(
            "logging.options", words.strings(recorded.get("Config")), words.strings(wanted.get("Config"))
        )
