"""The config hashes by which Compose knows whether a container, a network or a volume is still what its file says.

A hash is the SHA-256 of the canonical form as Go's JSON: the order of the keys is the order of the fields in
compose-go's structs, an empty field is left out, and ``command`` and ``entrypoint`` never are.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import TypeVar

from stack.services.compose.canonical_json import Json, encode, go_list, go_map, struct
from stack.services.compose.dialect import Dialect
from stack.services.compose.model import (
    BindOptions,
    Deploy,
    FileMount,
    Healthcheck,
    Logging,
    Mount,
    Network,
    NetworkAttachment,
    Placement,
    Port,
    Resources,
    RestartPolicy,
    Service,
    Subnet,
    TmpfsOptions,
    Ulimit,
    UpdateConfig,
    Volume,
    VolumeOptions,
)
from stack.services.compose.units import format_duration

T = TypeVar("T")


def config_hash(service: Service, dialect: Dialect) -> str:
    """Return what Compose labels a container of `service` with; right only where it has no unsupported keys."""
    return _sha256(service_json(service, dialect))


def all_hashes(service: Service) -> Mapping[Dialect, str]:
    """Return the hash of `service` in every dialect: a container that has any of them is up to date."""
    return {dialect: config_hash(service, dialect) for dialect in Dialect}


def network_hash(network: Network, dialect: Dialect) -> str | None:
    """Return what Compose labels `network` with; None where the dialect has no such label."""
    return _sha256(network_json(network)) if dialect.hashes_networks else None


def volume_hash(volume: Volume) -> str:
    """Return what Compose labels `volume` with, from 2.32 on; older ones do not look at it."""
    return _sha256(volume_json(volume))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def service_json(service: Service, dialect: Dialect) -> str:
    """Return the text that `config_hash` hashes."""
    environment = service.environment
    if service.environment_until_2_34 is not None and not dialect.reads_env_files_with_environment:
        environment = service.environment_until_2_34
    dependencies = {
        name: struct({"condition": it.condition.value, "restart": it.restart or None, "required": it.required})
        for name, it in service.depends_on.items()
    }
    members: dict[str, Json] = {
        "profiles": go_list(service.profiles) if dialect.hashes_profiles else None,
        "annotations": go_map(service.annotations),
        "attach": service.attach,
        "blkio_config": None if service.blkio_weight is None else struct({"weight": service.blkio_weight or None}),
        "cap_add": go_list(service.cap_add),
        "cap_drop": go_list(service.cap_drop),
        "cgroup": service.cgroup,
        "cpus": service.cpus,
        "command": service.command,
        "configs": go_list(_file_mount(it, dialect) for it in service.configs),
        "container_name": service.container_name,
        "depends_on": go_map(dependencies) if dialect.hashes_dependencies else None,
        "deploy": _optional(service.deploy, _deploy),
        "devices": go_list(
            {"source": it.source, "target": it.target, "permissions": it.permissions} for it in service.devices
        ),
        "dns": go_list(service.dns),
        "dns_opt": go_list(service.dns_opt),
        "dns_search": go_list(service.dns_search),
        "domainname": service.domainname,
        "entrypoint": service.entrypoint,
        "environment": go_map(environment),
        "expose": go_list(service.expose),
        "extra_hosts": go_list(service.extra_hosts),
        "group_add": go_list(service.group_add),
        "hostname": service.hostname,
        "healthcheck": _optional(service.healthcheck, _healthcheck),
        "image": service.image,
        "init": service.init,
        "ipc": service.ipc,
        "labels": go_map(service.labels),
        "logging": _optional(service.logging, _logging),
        "mem_limit": _size(service.mem_limit),
        "mem_reservation": _size(service.mem_reservation),
        "memswap_limit": _size(service.memswap_limit),
        "network_mode": service.network_mode,
        "networks": go_map(
            {name: None if it is None else _attachment(it, dialect) for name, it in service.networks.items()}
        ),
        "pid": service.pid,
        "pids_limit": service.pids_limit,
        "platform": service.platform,
        "ports": go_list(_port(it) for it in service.ports),
        "privileged": service.privileged or None,
        "read_only": service.read_only or None,
        "restart": service.restart,
        "secrets": go_list(_file_mount(it, dialect) for it in service.secrets),
        "security_opt": go_list(service.security_opt),
        "shm_size": _size(service.shm_size),
        "stdin_open": service.stdin_open or None,
        "stop_grace_period": _duration(service.stop_grace_period),
        "stop_signal": service.stop_signal,
        "sysctls": go_map(service.sysctls),
        "tmpfs": go_list(service.tmpfs),
        "tty": service.tty or None,
        "ulimits": go_map({name: _ulimit(it) for name, it in service.ulimits.items()}),
        "user": service.user,
        "uts": service.uts,
        "volumes": go_list(_mount(it, dialect) for it in service.volumes),
        "working_dir": service.working_dir,
    }
    return encode(struct(members, always=("command", "entrypoint")))


def network_json(network: Network) -> str:
    """Return the text that `network_hash` hashes."""
    ipam = struct(
        {
            "driver": network.ipam_driver,
            "config": go_list(_subnet(it) for it in network.ipam_config),
            "options": go_map(network.ipam_options),
        }
    )
    members: dict[str, Json] = {
        "name": network.name,
        "driver": network.driver,
        "driver_opts": go_map(network.driver_opts),
        "ipam": ipam,
        "external": network.external or None,
        "internal": network.internal or None,
        "attachable": network.attachable or None,
        "labels": go_map(network.labels),
        "enable_ipv4": network.enable_ipv4,
        "enable_ipv6": network.enable_ipv6,
    }
    return encode(struct(members))


def volume_json(volume: Volume) -> str:
    """Return the text that `volume_hash` hashes."""
    members: dict[str, Json] = {
        "name": volume.name,
        "driver": volume.driver or "local",
        "driver_opts": go_map(volume.driver_opts),
        "external": volume.external or None,
        "labels": go_map(volume.labels),
    }
    return encode(struct(members))


def _optional(value: T | None, write: Callable[[T], Json]) -> Json:
    return None if value is None else write(value)


def _duration(nanoseconds: int | None) -> str | None:
    return None if nanoseconds is None else format_duration(nanoseconds)


def _size(size: int | None) -> str | None:
    return str(size) if size else None


def _port(port: Port) -> Json:
    return struct(
        {
            "name": port.name,
            "mode": port.mode,
            "host_ip": port.host_ip,
            "target": port.target or None,
            "published": port.published,
            "protocol": port.protocol,
            "app_protocol": port.app_protocol,
        }
    )


def _mount(mount: Mount, dialect: Dialect) -> Json:
    return struct(
        {
            "type": mount.type.value,
            "source": mount.source,
            "target": mount.target,
            "read_only": mount.read_only or None,
            "consistency": mount.consistency,
            "bind": _optional(mount.bind, lambda bind: _bind(bind, dialect)),
            "volume": _optional(mount.volume, _volume),
            "tmpfs": _optional(mount.tmpfs, _tmpfs),
        }
    )


def _bind(bind: BindOptions, dialect: Dialect) -> Json:
    written = bind.create_host_path
    left_out = written is not False if dialect.creates_host_paths_by_default else not written
    return struct(
        {
            "selinux": bind.selinux,
            "propagation": bind.propagation,
            "create_host_path": None if left_out else written,
            "recursive": bind.recursive,
        }
    )


def _volume(volume: VolumeOptions) -> Json:
    return struct({"labels": go_map(volume.labels), "nocopy": volume.nocopy or None, "subpath": volume.subpath})


def _tmpfs(tmpfs: TmpfsOptions) -> Json:
    return struct({"size": _size(tmpfs.size), "mode": tmpfs.mode or None})


def _attachment(it: NetworkAttachment, dialect: Dialect) -> Json:
    members: dict[str, Json] = {
        "priority": it.priority,
        "gw_priority": it.gw_priority,
        "aliases": go_list(it.aliases),
        "interface_name": it.interface_name,
        "ipv4_address": it.ipv4_address,
        "ipv6_address": it.ipv6_address,
        "link_local_ips": go_list(it.link_local_ips),
        "mac_address": it.mac_address,
        "driver_opts": go_map(it.driver_opts),
    }
    return struct(dict(sorted(members.items())) if dialect.sorts_attachments else members)


def _healthcheck(healthcheck: Healthcheck) -> Json:
    return struct(
        {
            "test": go_list(healthcheck.test),
            "timeout": _duration(healthcheck.timeout),
            "interval": _duration(healthcheck.interval),
            "retries": healthcheck.retries,
            "start_period": _duration(healthcheck.start_period),
            "start_interval": _duration(healthcheck.start_interval),
            "disable": healthcheck.disable or None,
        }
    )


def _file_mount(mount: FileMount, dialect: Dialect) -> Json:
    mode: Json = mount.mode
    if mount.mode is not None and dialect.writes_octal_modes:
        mode = f"0{mount.mode:o}"
    return struct({"source": mount.source, "target": mount.target, "uid": mount.uid, "gid": mount.gid, "mode": mode})


def _logging(logging: Logging) -> Json:
    return struct({"driver": logging.driver, "options": go_map(logging.options)})


def _ulimit(limit: Ulimit) -> Json:
    if limit.single and limit.soft:
        return limit.soft
    return struct({"soft": limit.soft or None, "hard": limit.hard or None})


def _deploy(deploy: Deploy) -> Json:
    return struct(
        {
            "mode": deploy.mode,
            "labels": go_map(deploy.labels),
            "update_config": _optional(deploy.update_config, _update_config),
            "rollback_config": _optional(deploy.rollback_config, _update_config),
            "resources": struct(
                {
                    "limits": _optional(deploy.limits, _resources),
                    "reservations": _optional(deploy.reservations, _resources),
                }
            ),
            "restart_policy": _optional(deploy.restart_policy, _restart_policy),
            "placement": _placement(deploy.placement or Placement()),
            "endpoint_mode": deploy.endpoint_mode,
        }
    )


def _resources(resources: Resources) -> Json:
    return struct({"cpus": resources.cpus, "memory": _size(resources.memory), "pids": resources.pids})


def _restart_policy(policy: RestartPolicy) -> Json:
    return struct(
        {
            "condition": policy.condition,
            "delay": _duration(policy.delay),
            "max_attempts": policy.max_attempts,
            "window": _duration(policy.window),
        }
    )


def _update_config(config: UpdateConfig) -> Json:
    return struct(
        {
            "parallelism": config.parallelism,
            "delay": _duration(config.delay or None),
            "failure_action": config.failure_action,
            "monitor": _duration(config.monitor or None),
            "max_failure_ratio": config.max_failure_ratio,
            "order": config.order,
        }
    )


def _placement(placement: Placement) -> Json:
    return struct(
        {
            "constraints": go_list(placement.constraints),
            "preferences": go_list(struct({"spread": spread or None}) for spread in placement.preferences),
            "max_replicas_per_node": placement.max_replicas_per_node,
        }
    )


def _subnet(subnet: Subnet) -> Json:
    return struct(
        {
            "subnet": subnet.subnet,
            "gateway": subnet.gateway,
            "ip_range": subnet.ip_range,
            "aux_addresses": go_map(subnet.aux_addresses),
        }
    )
