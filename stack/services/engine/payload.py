"""The requests that create networks, volumes and containers, field for field as Compose sends them. Pure.

What Compose sends was read off the wire of its version 2.40; names are those of the Docker Engine API.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.services.compose.model import (
    ComposeProject,
    Device,
    Healthcheck,
    Mount,
    MountType,
    Network,
    NetworkAttachment,
    Port,
    Resources,
    Service,
    Subnet,
    Volume,
)
from stack.services.engine import labels
from stack.services.engine.json_types import Json, JsonObject
from stack.services.engine.observe import ObservedMount

NANOSECONDS: Final = 1_000_000_000

_RESTART_NAMES: Final = {"none": "no", "any": "always", "": "always"}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the labels of a new container say besides what its service is: see `stack.services.engine.labels`."""

    version: str
    config_hash: str
    image: str
    replaces: str | None = None


def container_name(project: ComposeProject, service: Service, number: int) -> str:
    """Return what the container of `service` with `number` is called."""
    return service.container_name or f"{project.name}-{service.name}-{number}"


def container_body(
    project: ComposeProject,
    service: Service,
    stamp: Stamp,
    *,
    number: int,
    inherited: tuple[ObservedMount, ...] = (),
    proxies: Mapping[str, str] = {},
) -> JsonObject:
    """Return the body of ``POST /containers/create`` for one container of `service`.

    `inherited` are the anonymous volumes of the container that this one replaces, `proxies` variables that stand
    beneath the service's own. `Networks` under `NetworkingConfig` are in the order in which to join them.
    """
    body: JsonObject = {
        "Image": service.image,
        "Env": _environment({**proxies, **service.environment}),
        "Cmd": _list(service.command),
        "Entrypoint": _list(service.entrypoint),
        "Labels": _container_labels(project, service, stamp, number),
        "ExposedPorts": {port: {} for port in _exposed(service)} or None,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": service.tty or None,
        "OpenStdin": service.stdin_open or None,
        "User": service.user,
        "WorkingDir": service.working_dir,
        "Hostname": service.hostname,
        "Domainname": service.domainname,
        "StopSignal": service.stop_signal,
        "StopTimeout": None if service.stop_grace_period is None else service.stop_grace_period // NANOSECONDS,
        "Healthcheck": _healthcheck(service.healthcheck) if service.healthcheck else None,
        "HostConfig": _host_config(project, service, inherited),
        "NetworkingConfig": {"EndpointsConfig": _endpoints(project, service, number)},
    }
    return _without_none(body)


def network_body(project: ComposeProject, network: Network, version: str, config_hash: str | None) -> JsonObject:
    """Return the body of ``POST /networks/create``."""
    own = {labels.NETWORK: network.key, labels.PROJECT: project.name, labels.VERSION: version}
    hashed = {labels.CONFIG_HASH: config_hash} if config_hash else {}
    return _without_none(
        {
            "Name": network.name,
            # Before API 1.44 the engine lets two networks have one name, unless asked not to.
            "CheckDuplicate": True,
            "Driver": network.driver or "",
            "Options": dict(network.driver_opts) or None,
            "IPAM": _ipam(network),
            "Internal": network.internal or None,
            "Attachable": network.attachable or None,
            "EnableIPv4": network.enable_ipv4,
            "EnableIPv6": network.enable_ipv6,
            "Labels": {**network.labels, **own, **hashed},
        }
    )


def volume_body(project: ComposeProject, volume: Volume, version: str, config_hash: str | None) -> JsonObject:
    """Return the body of ``POST /volumes/create``."""
    own = {labels.VOLUME: volume.key, labels.PROJECT: project.name, labels.VERSION: version}
    hashed = {labels.CONFIG_HASH: config_hash} if config_hash else {}
    return _without_none(
        {
            "Name": volume.name,
            "Driver": volume.driver,
            "DriverOpts": dict(volume.driver_opts) or None,
            "Labels": {**volume.labels, **own, **hashed},
        }
    )


def joined_networks(project: ComposeProject, service: Service) -> tuple[tuple[str, NetworkAttachment], ...]:
    """Return the networks that `service` joins, by their names on the engine, the one that it is made with first."""
    attachments = [(key, attachment or NetworkAttachment()) for key, attachment in service.networks.items()]
    attachments.sort(key=lambda item: (-(item[1].priority or 0), item[0]))
    return tuple((project.networks[key].name, attachment) for key, attachment in attachments)


def dependencies_label(service: Service) -> str:
    """Return what `service` depends on, as its containers are labelled with it."""
    return ",".join(
        f"{name}:{dependency.condition}:{'true' if dependency.restart else 'false'}"
        for name, dependency in service.depends_on.items()
    )


def _container_labels(project: ComposeProject, service: Service, stamp: Stamp, number: int) -> JsonObject:
    own = {
        labels.PROJECT: project.name,
        labels.SERVICE: service.name,
        labels.NUMBER: str(number),
        labels.ONE_OFF: "False",
        labels.CONFIG_HASH: stamp.config_hash,
        labels.IMAGE: stamp.image,
        labels.DEPENDS_ON: dependencies_label(service),
        labels.WORKING_DIRECTORY: str(project.directory),
        labels.CONFIG_FILES: ",".join(map(str, project.files)),
        labels.VERSION: stamp.version,
    }
    if project.env_files:
        own[labels.ENVIRONMENT_FILE] = ",".join(map(str, project.env_files))
    if stamp.replaces is not None:
        own[labels.REPLACES] = stamp.replaces
    return {**service.labels, **own}


def _environment(variables: Mapping[str, str | None]) -> Json:
    return [name if value is None else f"{name}={value}" for name, value in variables.items()] or None


def _exposed(service: Service) -> Iterator[str]:
    for entry in service.expose:
        ports, _, protocol = entry.partition("/")
        first, _, last = ports.partition("-")
        for port in range(int(first), int(last or first) + 1):
            yield f"{port}/{protocol or 'tcp'}"
    for published in service.ports:
        yield f"{published.target}/{published.protocol}"


def _healthcheck(check: Healthcheck) -> JsonObject:
    if check.disable:
        return {"Test": ["NONE"]}
    return _without_none(
        {
            "Test": list(check.test) or None,
            "Interval": check.interval,
            "Timeout": check.timeout,
            "StartPeriod": check.start_period,
            "StartInterval": check.start_interval,
            "Retries": check.retries,
        }
    )


def _host_config(project: ComposeProject, service: Service, inherited: tuple[ObservedMount, ...]) -> JsonObject:
    networks = joined_networks(project, service)
    binds = [_bind(project, mount) for mount in service.volumes if not _needs_mount(mount)]
    mounts = [*_mounts(project, service, inherited), *_files(project, service)]
    config: JsonObject = {
        "Binds": list[Json](binds) or None,
        "Mounts": list[Json](mounts) or None,
        "NetworkMode": service.network_mode or (networks[0][0] if networks else None),
        "PortBindings": _port_bindings(service.ports),
        "RestartPolicy": _restart_policy(service),
        "LogConfig": _log_config(service),
        "Ulimits": [
            {"Name": name, "Soft": limit.soft, "Hard": limit.hard} for name, limit in sorted(service.ulimits.items())
        ]
        or None,
        "Annotations": dict(service.annotations) or None,
        "Devices": [_device(device) for device in service.devices] or None,
        "CgroupnsMode": service.cgroup,
        "IpcMode": service.ipc,
        "PidMode": service.pid,
        "UTSMode": service.uts,
        "ShmSize": service.shm_size,
        "Init": service.init,
        "Privileged": service.privileged or None,
        "ReadonlyRootfs": service.read_only or None,
        "Sysctls": dict(service.sysctls) or None,
        "Tmpfs": dict(_tmpfs(entry) for entry in service.tmpfs) or None,
        "CapAdd": _list(service.cap_add or None),
        "CapDrop": _list(service.cap_drop or None),
        "SecurityOpt": _list(service.security_opt or None),
        "GroupAdd": _list(service.group_add or None),
        "Dns": _list(service.dns or None),
        "DnsSearch": _list(service.dns_search or None),
        "DnsOptions": _list(service.dns_opt or None),
        # The model has Compose's canonical «name=address», the engine wants a colon.
        "ExtraHosts": [entry.replace("=", ":", 1) for entry in service.extra_hosts],
        **_resources(service),
    }
    return _without_none(config)


def _needs_mount(mount: Mount) -> bool:
    """Return whether `mount` has something that the older ``Binds`` cannot say."""
    match mount.type:
        case MountType.TMPFS:
            return True
        case MountType.VOLUME:
            options = mount.volume
            return mount.source is None or bool(options and (options.nocopy or options.subpath or options.labels))
        case MountType.BIND:
            bind = mount.bind
            return bool(bind and (bind.create_host_path is False or bind.propagation or bind.recursive))


def _bind(project: ComposeProject, mount: Mount) -> str:
    options = ["ro" if mount.read_only else "rw"]
    if mount.bind and mount.bind.selinux:
        options.append(mount.bind.selinux)
    return f"{_source(project, mount)}:{mount.target}:{','.join(options)}"


def _source(project: ComposeProject, mount: Mount) -> str | None:
    if mount.type is MountType.VOLUME and mount.source is not None:
        return project.volumes[mount.source].name
    return mount.source


def _mounts(project: ComposeProject, service: Service, inherited: tuple[ObservedMount, ...]) -> Iterator[JsonObject]:
    kept = {mount.target: mount for mount in inherited}
    for mount in service.volumes:
        earlier = kept.pop(mount.target, None)
        if earlier is not None and mount.type is MountType.VOLUME and mount.source is None:
            yield _inherited(earlier)
        elif _needs_mount(mount):
            yield _mount(project, mount)
    for mount_left in kept.values():
        yield _inherited(mount_left)


def _inherited(mount: ObservedMount) -> JsonObject:
    return _without_none(
        {"Type": "volume", "Source": mount.volume, "Target": mount.target, "ReadOnly": mount.read_only or None}
    )


def _mount(project: ComposeProject, mount: Mount) -> JsonObject:
    body: JsonObject = {
        "Type": mount.type.value,
        "Source": _source(project, mount),
        "Target": mount.target,
        "ReadOnly": mount.read_only or None,
        "Consistency": mount.consistency,
    }
    if mount.bind:
        recursive = mount.bind.recursive
        body["BindOptions"] = _without_none(
            {
                "Propagation": mount.bind.propagation,
                "CreateMountpoint": mount.bind.create_host_path or None,
                "NonRecursive": recursive == "disabled" or None,
                "ReadOnlyNonRecursive": recursive == "writable" or None,
                "ReadOnlyForceRecursive": recursive == "readonly" or None,
            }
        )
    if mount.volume:
        body["VolumeOptions"] = _without_none(
            {
                "NoCopy": mount.volume.nocopy or None,
                "Labels": dict(mount.volume.labels) or None,
                "Subpath": mount.volume.subpath,
            }
        )
    if mount.tmpfs:
        body["TmpfsOptions"] = _without_none({"SizeBytes": mount.tmpfs.size, "Mode": mount.tmpfs.mode})
    return _without_none(body)


def _files(project: ComposeProject, service: Service) -> Iterator[JsonObject]:
    for config in service.configs:
        target = config.target or config.source
        yield _file(project.configs[config.source].file, target if target.startswith("/") else f"/{target}")
    for secret in service.secrets:
        target = secret.target or secret.source
        yield _file(project.secrets[secret.source].file, target if target.startswith("/") else f"/run/secrets/{target}")


def _file(source: Path, target: str) -> JsonObject:
    return {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": True, "BindOptions": {}}


def _port_bindings(ports: tuple[Port, ...]) -> JsonObject:
    bindings: dict[str, list[Json]] = {}
    for port in ports:
        binding: JsonObject = {"HostIp": port.host_ip or "", "HostPort": port.published or ""}
        bindings.setdefault(f"{port.target}/{port.protocol}", []).append(binding)
    return dict(bindings)


def _restart_policy(service: Service) -> JsonObject:
    policy = service.deploy.restart_policy if service.deploy else None
    if policy is not None:
        name = policy.condition or ""
        return _policy(name, policy.max_attempts or 0)
    if service.restart is None:
        return {"Name": ""}
    name, _, attempts = service.restart.partition(":")
    return _policy(name, int(attempts) if attempts.isdecimal() else 0)


def _policy(name: str, attempts: int) -> JsonObject:
    return {"Name": _RESTART_NAMES.get(name, name), "MaximumRetryCount": attempts}


def _log_config(service: Service) -> JsonObject | None:
    if service.logging is None:
        return None
    return {"Type": service.logging.driver or "", "Config": dict(service.logging.options)}


def _device(device: Device) -> JsonObject:
    return {
        "PathOnHost": device.source,
        "PathInContainer": device.target,
        "CgroupPermissions": device.permissions,
    }


def _tmpfs(entry: str) -> tuple[str, Json]:
    path, _, options = entry.partition(":")
    return path, options


def _resources(service: Service) -> JsonObject:
    limits = (service.deploy.limits if service.deploy else None) or Resources()
    reserved = (service.deploy.reservations if service.deploy else None) or Resources()
    cpus = limits.cpus if limits.cpus is not None else service.cpus
    return {
        "Memory": limits.memory if limits.memory is not None else service.mem_limit,
        "MemoryReservation": reserved.memory if reserved.memory is not None else service.mem_reservation,
        "NanoCpus": round(cpus * NANOSECONDS) if cpus is not None else None,
        "MemorySwap": service.memswap_limit,
        "BlkioWeight": service.blkio_weight,
        "PidsLimit": limits.pids if limits.pids is not None else service.pids_limit,
    }


def _endpoints(project: ComposeProject, service: Service, number: int) -> JsonObject:
    name = container_name(project, service, number)
    return {
        network: _endpoint(attachment, [name, service.name, *attachment.aliases])
        for network, attachment in joined_networks(project, service)
    }


def _endpoint(attachment: NetworkAttachment, aliases: list[str]) -> JsonObject:
    addresses = _without_none(
        {
            "IPv4Address": attachment.ipv4_address,
            "IPv6Address": attachment.ipv6_address,
            "LinkLocalIPs": _list(attachment.link_local_ips or None),
        }
    )
    return _without_none(
        {
            "Aliases": list[Json](aliases),
            "IPAMConfig": addresses or None,
            "MacAddress": attachment.mac_address,
            "DriverOpts": dict(attachment.driver_opts) or None,
            "GwPriority": attachment.gw_priority,
        }
    )


def _ipam(network: Network) -> JsonObject | None:
    if not (network.ipam_driver or network.ipam_config or network.ipam_options):
        return None
    return _without_none(
        {
            "Driver": network.ipam_driver or "",
            "Config": [_subnet(subnet) for subnet in network.ipam_config],
            "Options": dict(network.ipam_options) or None,
        }
    )


def _subnet(subnet: Subnet) -> Json:
    return _without_none(
        {
            "Subnet": subnet.subnet,
            "IPRange": subnet.ip_range,
            "Gateway": subnet.gateway,
            "AuxiliaryAddresses": dict(subnet.aux_addresses) or None,
        }
    )


def _list(values: tuple[str, ...] | None) -> Json:
    return None if values is None else list(values)


def _without_none(body: JsonObject) -> JsonObject:
    return {key: value for key, value in body.items() if value is not None}
