"""One service of a merged Compose file, in the canonical form of the Compose specification."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from stack.environment.interpolation import Lookup
from stack.services.compose import env_files
from stack.services.compose.deploy import read_deploy
from stack.services.compose.env_files import EnvFileReader
from stack.services.compose.file_mounts import read_configs, read_secrets
from stack.services.compose.model import (
    Condition,
    Dependency,
    Device,
    Healthcheck,
    Logging,
    NetworkAttachment,
    Service,
    Ulimit,
)
from stack.services.compose.mounts import Directory, read_mounts
from stack.services.compose.nodes import InvalidNode, MappingNode, Node, ScalarNode, SequenceNode
from stack.services.compose.ports import read_expose, read_ports
from stack.services.compose.reading import Cursor, Fields
from stack.services.compose.shellwords import CommandSyntaxError, split

_KNOWN: Final = {key for key in Service.__slots__ if key not in {"name", "position", "unsupported"}} - {
    "environment_until_2_34",
    "blkio_weight",
} | {"blkio_config", "env_file"}

# We know how Compose writes these into its hash, and so recognise its containers; making such containers is not ours.
_NOT_CREATED: Final = ("blkio_config", "cgroup", "devices", "ipc", "memswap_limit", "pid", "uts")

# What else Compose knows, and we do not.
_OTHERS: Final = (
    "build",
    "cgroup_parent",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpuset",
    "credential_spec",
    "develop",
    "device_cgroup_rules",
    "extends",
    "external_links",
    "gpus",
    "isolation",
    "label_file",
    "links",
    "mac_address",
    "mem_swappiness",
    "models",
    "oom_kill_disable",
    "oom_score_adj",
    "post_start",
    "pre_start",
    "pre_stop",
    "provider",
    "pull_refresh_after",
    "runtime",
    "storage_opt",
    "use_api_socket",
    "userns_mode",
    "volumes_from",
)
_OTHER_BLKIO: Final = (
    "device_read_bps",
    "device_read_iops",
    "device_write_bps",
    "device_write_iops",
    "weight_device",
)


def is_enabled(service: Service, profiles: frozenset[str]) -> bool:
    """Return whether the active `profiles` enable `service`; ``*`` among them enables all."""
    return not service.profiles or "*" in profiles or not profiles.isdisjoint(service.profiles)


def read_service(cursor: Cursor, name: str, files: EnvFileReader, around: Lookup, profiles: frozenset[str]) -> Service:
    """Read the service `name`, with its environment resolved and its paths made absolute.

    Where the active `profiles` do not enable it, it may name an ``env_file`` that cannot be read: that is noted.

    Raises:
        InvalidNode: a value is not what Compose's schema wants there.
    """
    fields = _fields(cursor)
    service = _written(fields, name, files.directory)
    try:
        service = _with_environment(service, fields, files, around)
    except InvalidNode:
        if is_enabled(service, profiles) or "env_file" not in fields.cursors:
            raise
        fields.cursors["env_file"].note()
    return _completed(service, cursor)


def check_service(cursor: Cursor, name: str, directory: Directory) -> None:
    """Check what Compose demands of the service `name` in the first of several files already.

    Raises:
        InvalidNode: a value is not of the kind that Compose's schema wants there.
    """
    fields = _fields(cursor)
    fields.mapping("environment", Cursor.pairs)
    fields.many("env_file", lambda entries: tuple(env_files.read_entries(entries)))
    _written(fields, name, directory)


def _fields(cursor: Cursor) -> Fields:
    fields = cursor.fields(_KNOWN, _OTHERS)
    for key in _NOT_CREATED:
        if key in fields.cursors and isinstance(cursor.node, MappingNode):
            cursor.note(key, cursor.node.entries[key].key)
    return fields


def _written(fields: Fields, name: str, directory: Directory) -> Service:
    """Read all that is written but the environment."""
    return replace(
        _plain(fields, name),
        ports=fields.many("ports", read_ports),
        volumes=fields.many("volumes", lambda volumes: read_mounts(volumes, directory)),
        networks=fields.mapping("networks", _networks),
        healthcheck=fields.get("healthcheck", _healthcheck),
        depends_on=fields.mapping("depends_on", _dependencies),
        extra_hosts=fields.many("extra_hosts", _extra_hosts),
        logging=fields.get("logging", _logging),
        secrets=fields.many("secrets", read_secrets),
        configs=fields.many("configs", read_configs),
        ulimits=fields.mapping("ulimits", _ulimits),
        devices=fields.many("devices", _devices),
        deploy=fields.get("deploy", read_deploy),
    )


def _plain(fields: Fields, name: str) -> Service:
    """Read the keys whose values are what they seem."""
    return Service(
        name=name,
        image=fields.get("image", Cursor.text),
        command=fields.get("command", _command),
        entrypoint=fields.get("entrypoint", _command),
        expose=fields.many("expose", read_expose),
        network_mode=fields.get("network_mode", Cursor.text) or None,
        container_name=fields.get("container_name", Cursor.text) or None,
        restart=fields.get("restart", Cursor.text) or None,
        profiles=fields.many("profiles", Cursor.keyed_texts),
        labels=fields.mapping("labels", Cursor.labels),
        annotations=fields.mapping("annotations", Cursor.labels),
        user=fields.get("user", Cursor.text) or None,
        working_dir=fields.get("working_dir", Cursor.text) or None,
        hostname=fields.get("hostname", Cursor.text) or None,
        domainname=fields.get("domainname", Cursor.text) or None,
        platform=fields.get("platform", Cursor.text) or None,
        pull_policy=fields.get("pull_policy", Cursor.text) or None,
        init=fields.get("init", Cursor.boolean),
        attach=fields.get("attach", Cursor.boolean),
        privileged=fields.flag("privileged"),
        read_only=fields.flag("read_only"),
        tty=fields.flag("tty"),
        stdin_open=fields.flag("stdin_open"),
        stop_grace_period=fields.get("stop_grace_period", Cursor.duration),
        stop_signal=fields.get("stop_signal", Cursor.text) or None,
        shm_size=fields.get("shm_size", Cursor.size) or None,
        mem_limit=fields.get("mem_limit", Cursor.size) or None,
        mem_reservation=fields.get("mem_reservation", Cursor.size) or None,
        memswap_limit=fields.get("memswap_limit", Cursor.size) or None,
        cpus=fields.get("cpus", Cursor.number) or None,
        pids_limit=fields.get("pids_limit", Cursor.truncated) or None,
        sysctls=fields.mapping("sysctls", Cursor.labels),
        tmpfs=fields.many("tmpfs", Cursor.keyed_texts),
        cap_add=fields.many("cap_add", Cursor.keyed_texts),
        cap_drop=fields.many("cap_drop", Cursor.keyed_texts),
        security_opt=fields.many("security_opt", Cursor.distinct_texts),
        group_add=fields.many("group_add", Cursor.distinct_texts),
        dns=fields.many("dns", Cursor.keyed_texts),
        dns_search=fields.many("dns_search", Cursor.keyed_texts),
        dns_opt=fields.many("dns_opt", Cursor.keyed_texts),
        cgroup=fields.get("cgroup", _cgroup),
        ipc=fields.get("ipc", Cursor.text) or None,
        pid=fields.get("pid", Cursor.text) or None,
        uts=fields.get("uts", Cursor.text) or None,
        blkio_weight=fields.get("blkio_config", _blkio_weight),
        scale=fields.get("scale", Cursor.integer),
    )


def _with_environment(service: Service, fields: Fields, reader: EnvFileReader, around: Lookup) -> Service:
    environment = env_files.resolve(fields.mapping("environment", Cursor.pairs), around)
    files = fields.many("env_file", reader.read)
    now = env_files.with_files(environment, files, around)
    then = env_files.with_files_until_2_34(environment, files, around)
    return replace(service, environment=now, environment_until_2_34=None if then == now else then)


def _completed(service: Service, cursor: Cursor) -> Service:
    """Add what Compose implies, and check what it checks within one service."""
    mode = service.network_mode
    if mode is not None:
        if service.networks:
            raise cursor.invalid("expected either network_mode or networks, got both")
        if mode.startswith(("service:", "container:")):
            # Compose hashes the other container's id, which no file tells.
            cursor.note("network_mode")
        if mode.startswith("service:"):
            implied = {mode.removeprefix("service:"): Dependency(restart=True)}
            service = replace(service, depends_on={**implied, **service.depends_on})
    elif not service.networks:
        service = replace(service, networks={"default": None})
    replicas = service.deploy.replicas if service.deploy and service.deploy.replicas is not None else service.scale
    if service.container_name and (replicas or 1) > 1:
        raise cursor.invalid("expected no container_name, or one replica: no two containers can have one name")
    if service.deploy is not None:
        _check_agreement(service, cursor)
    return service


def _check_agreement(service: Service, cursor: Cursor) -> None:
    deploy = service.deploy
    if deploy is None:
        return
    limits, reservations = deploy.limits, deploy.reservations
    # Where there are limits at all, one that is not among them counts as zero.
    for key, here, there in (
        ("scale", service.scale, deploy.replicas),
        ("mem_limit", service.mem_limit, limits and (limits.memory or 0)),
        ("mem_reservation", service.mem_reservation, reservations and (reservations.memory or 0)),
        ("cpus", service.cpus, limits and (limits.cpus or 0)),
        ("pids_limit", service.pids_limit, limits and (limits.pids or 0)),
    ):
        if here is not None and there is not None and here != there:
            raise cursor.invalid(f"expected {key} and its counterpart under deploy to be the same")


def _blkio_weight(cursor: Cursor) -> int:
    return cursor.fields(("weight",), _OTHER_BLKIO).get("weight", Cursor.natural) or 0


def _cgroup(cursor: Cursor) -> str:
    if (name := cursor.text()) in {"host", "private"}:
        return name
    raise cursor.malformed("expected host or private")


def _command(cursor: Cursor) -> tuple[str, ...] | None:
    match cursor.node:
        case ScalarNode(value=None):
            return None
        case SequenceNode():
            return cursor.texts()
    try:
        return split(cursor.text())
    except CommandSyntaxError as error:
        raise cursor.invalid(str(error)) from None


def _networks(cursor: Cursor) -> Mapping[str, NetworkAttachment | None]:
    if isinstance(cursor.node, SequenceNode):
        return dict.fromkeys(cursor.distinct_texts())
    return {name: _attachment(entry) for name, entry in cursor.entries().items()}


def _attachment(cursor: Cursor) -> NetworkAttachment | None:
    if _is_empty(cursor.node):
        return None
    fields = cursor.fields(NetworkAttachment.__slots__)
    return NetworkAttachment(
        aliases=fields.many("aliases", Cursor.keyed_texts),
        driver_opts=fields.mapping("driver_opts", Cursor.options),
        gw_priority=fields.get("gw_priority", _priority) or None,
        interface_name=fields.get("interface_name", Cursor.text) or None,
        ipv4_address=fields.get("ipv4_address", Cursor.text) or None,
        ipv6_address=fields.get("ipv6_address", Cursor.text) or None,
        link_local_ips=fields.many("link_local_ips", Cursor.keyed_texts),
        mac_address=fields.get("mac_address", Cursor.text) or None,
        priority=fields.get("priority", _priority) or None,
    )


def _priority(cursor: Cursor) -> int:
    match cursor.node:
        case ScalarNode(value=int() | float()):
            return cursor.truncated()
    raise cursor.expected("a number")


def _is_empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None


def _healthcheck(cursor: Cursor) -> Healthcheck:
    fields = cursor.fields(Healthcheck.__slots__)
    test = fields.many("test", _test)
    if test and test[0] not in {"CMD", "CMD-SHELL", "NONE"}:
        raise fields.cursors["test"].invalid("expected the list to begin with CMD, CMD-SHELL or NONE")
    return Healthcheck(
        test=test,
        timeout=fields.get("timeout", Cursor.duration),
        interval=fields.get("interval", Cursor.duration),
        retries=fields.get("retries", Cursor.truncated_natural),
        start_period=fields.get("start_period", Cursor.duration),
        start_interval=fields.get("start_interval", Cursor.duration),
        disable=fields.flag("disable"),
    )


def _test(cursor: Cursor) -> tuple[str, ...]:
    return cursor.texts() if isinstance(cursor.node, SequenceNode) else ("CMD-SHELL", cursor.text())


def _dependencies(cursor: Cursor) -> Mapping[str, Dependency]:
    if isinstance(cursor.node, SequenceNode):
        return dict.fromkeys(cursor.distinct_texts(), Dependency())
    return {name: _dependency(entry) for name, entry in cursor.entries().items()}


def _dependency(cursor: Cursor) -> Dependency:
    fields = cursor.fields(Dependency.__slots__)
    condition = fields.get("condition", Cursor.text)
    if condition not in set(Condition):
        raise cursor.malformed(f"expected a condition, one of {', '.join(Condition)}")
    return Dependency(
        condition=Condition(condition),
        restart=fields.flag("restart"),
        required=fields.get("required", Cursor.boolean) is not False,
    )


def _extra_hosts(cursor: Cursor) -> tuple[str, ...]:
    """Read hosts and their addresses, sorted as Compose sorts them, one ``host=address`` each."""
    hosts: list[tuple[str, str]] = []
    if isinstance(cursor.node, SequenceNode):
        for item in cursor.items():
            text = item.text()
            host, separator, addresses = text.partition("=" if "=" in text else ":")
            if not separator:
                raise item.invalid("expected HOST=ADDRESS")
            hosts += [(host, address) for address in addresses.split(",")]
    else:
        for host, entry in cursor.entries().items():
            hosts += [(host, address) for address in entry.text_or_texts()]
    return tuple(sorted(f"{host}={address.removeprefix('[').removesuffix(']')}" for host, address in hosts))


def _logging(cursor: Cursor) -> Logging:
    fields = cursor.fields(Logging.__slots__)
    return Logging(fields.get("driver", Cursor.text) or None, fields.mapping("options", Cursor.optional_options))


def _ulimits(cursor: Cursor) -> Mapping[str, Ulimit]:
    return {name: _ulimit(entry) for name, entry in cursor.entries().items()}


def _ulimit(cursor: Cursor) -> Ulimit:
    if isinstance(cursor.node, ScalarNode):
        limit = cursor.integer()
        return Ulimit(limit, limit, single=True)
    fields = cursor.fields(("soft", "hard"))
    soft, hard = fields.get("soft", Cursor.integer), fields.get("hard", Cursor.integer)
    if soft is None or hard is None:
        raise cursor.malformed("expected soft and hard")
    return Ulimit(soft, hard, single=False)


def _devices(cursor: Cursor) -> tuple[Device, ...]:
    devices = (_device(item) for item in cursor.items())
    return tuple({device.target: device for device in devices}.values())


def _device(cursor: Cursor) -> Device:
    if isinstance(cursor.node, ScalarNode):
        device, _, rest = cursor.text().partition(":")
        target, _, permissions = rest.partition(":")
        return Device(device, target or device, permissions or "rwm")
    fields = cursor.fields(Device.__slots__)
    source = fields.get("source", Cursor.text)
    if not source:
        raise cursor.invalid("expected a source, the device on this machine")
    return Device(
        source=source,
        target=fields.get("target", Cursor.text) or source,
        permissions=fields.get("permissions", Cursor.text) or "rwm",
    )
