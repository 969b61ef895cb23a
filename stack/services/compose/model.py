"""A Compose project after all is said: parsed, interpolated, merged, completed, with paths and variables resolved.

Fields have Compose's names and the canonical forms of the Compose specification; `None` and empty mean «not written».
Durations are integer nanoseconds, sizes integer bytes. Nothing here knows a file or an engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from stack.findings import Finding
from stack.services.compose.orphans import Orphans


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; lines and columns count from 1."""

    file: Path
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Port:
    """One published port, or with no `published` a port that the engine chooses."""

    target: int
    published: str | None = None
    host_ip: str | None = None
    protocol: str = "tcp"
    mode: str = "ingress"
    name: str | None = None
    app_protocol: str | None = None


class MountType(StrEnum):
    """What kind of thing is mounted."""

    BIND = "bind"
    VOLUME = "volume"
    TMPFS = "tmpfs"


@dataclass(frozen=True, slots=True)
class BindOptions:
    """Options of a bind mount; `create_host_path` is None where a long form does not say."""

    create_host_path: bool | None = None
    propagation: str | None = None
    selinux: str | None = None
    recursive: str | None = None


@dataclass(frozen=True, slots=True)
class VolumeOptions:
    """Options of a volume mount."""

    nocopy: bool = False
    subpath: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TmpfsOptions:
    """Options of a tmpfs mount; `size` is in bytes."""

    size: int | None = None
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """One entry of ``volumes:``; a volume without `source` is anonymous."""

    type: MountType
    target: str
    source: str | None = None
    read_only: bool = False
    consistency: str | None = None
    bind: BindOptions | None = None
    volume: VolumeOptions | None = None
    tmpfs: TmpfsOptions | None = None


@dataclass(frozen=True, slots=True)
class NetworkAttachment:
    """How a service joins one network."""

    aliases: tuple[str, ...] = ()
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    gw_priority: int | None = None
    interface_name: str | None = None
    ipv4_address: str | None = None
    ipv6_address: str | None = None
    link_local_ips: tuple[str, ...] = ()
    mac_address: str | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """A health probe; times are nanoseconds."""

    test: tuple[str, ...] = ()
    timeout: int | None = None
    interval: int | None = None
    retries: int | None = None
    start_period: int | None = None
    start_interval: int | None = None
    disable: bool = False


class Condition(StrEnum):
    """What a dependency must have reached before its dependents start."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


@dataclass(frozen=True, slots=True)
class Dependency:
    """One entry of ``depends_on:``."""

    condition: Condition = Condition.STARTED
    restart: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True)
class FileMount:
    """A secret or a config in a service; `source` is its key at the top level, `mode` an octal number."""

    source: str
    target: str | None = None
    uid: str | None = None
    gid: str | None = None
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """One entry of ``devices:``."""

    source: str
    target: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True)
class Logging:
    """The log driver and its options."""

    driver: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ulimit:
    """A resource limit; a single number is both."""

    soft: int
    hard: int
    single: bool


@dataclass(frozen=True, slots=True)
class Resources:
    """One half of ``deploy.resources``; `memory` in bytes."""

    cpus: float | None = None
    memory: int | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """``deploy.restart_policy``; times are nanoseconds."""

    condition: str | None = None
    delay: int | None = None
    max_attempts: int | None = None
    window: int | None = None


@dataclass(frozen=True, slots=True)
class UpdateConfig:
    """``deploy.update_config`` and ``deploy.rollback_config``, which only a swarm obeys; times are nanoseconds."""

    parallelism: int | None = None
    delay: int | None = None
    failure_action: str | None = None
    monitor: int | None = None
    max_failure_ratio: float | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """``deploy.placement``, which only a swarm obeys; `preferences` are what to spread over."""

    constraints: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    max_replicas_per_node: int | None = None


@dataclass(frozen=True, slots=True)
class Deploy:
    """One service's ``deploy:``; of it, an engine that is no swarm obeys resources, restarts and replicas."""

    mode: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    update_config: UpdateConfig | None = None
    rollback_config: UpdateConfig | None = None
    placement: Placement | None = None
    limits: Resources | None = None
    reservations: Resources | None = None
    restart_policy: RestartPolicy | None = None
    endpoint_mode: str | None = None
    replicas: int | None = None


@dataclass(frozen=True, slots=True)
class UnsupportedKey:
    """A key that we do not vouch for, as a dotted path, and where it stands."""

    key: str
    position: Position


@dataclass(frozen=True, slots=True)
class Service:
    """One service. With `unsupported` keys it can be watched, started and stopped, never created or recreated.

    `environment` holds the files of ``env_file:`` too, as Compose reads them since 2.35; where 2.34 and older would
    read them otherwise, `environment_until_2_34` says how.
    """

    name: str
    image: str | None = None
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str | None] = field(default_factory=dict)
    environment_until_2_34: Mapping[str, str | None] | None = None
    ports: tuple[Port, ...] = ()
    expose: tuple[str, ...] = ()
    volumes: tuple[Mount, ...] = ()
    networks: Mapping[str, NetworkAttachment | None] = field(default_factory=dict)
    network_mode: str | None = None
    healthcheck: Healthcheck | None = None
    depends_on: Mapping[str, Dependency] = field(default_factory=dict)
    container_name: str | None = None
    restart: str | None = None
    profiles: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    working_dir: str | None = None
    hostname: str | None = None
    domainname: str | None = None
    platform: str | None = None
    pull_policy: str | None = None
    init: bool | None = None
    attach: bool | None = None
    privileged: bool = False
    read_only: bool = False
    tty: bool = False
    stdin_open: bool = False
    stop_grace_period: int | None = None
    stop_signal: str | None = None
    shm_size: int | None = None
    mem_limit: int | None = None
    mem_reservation: int | None = None
    memswap_limit: int | None = None
    cpus: float | None = None
    pids_limit: int | None = None
    ulimits: Mapping[str, Ulimit] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    tmpfs: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    blkio_weight: int | None = None
    devices: tuple[Device, ...] = ()
    cgroup: str | None = None
    ipc: str | None = None
    pid: str | None = None
    uts: str | None = None
    group_add: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    logging: Logging | None = None
    secrets: tuple[FileMount, ...] = ()
    configs: tuple[FileMount, ...] = ()
    deploy: Deploy | None = None
    scale: int | None = None
    unsupported: tuple[UnsupportedKey, ...] = ()
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Subnet:
    """One entry of ``ipam.config``."""

    subnet: str | None = None
    gateway: str | None = None
    ip_range: str | None = None
    aux_addresses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Network:
    """One network; `key` as in the file, `name` as on the engine."""

    key: str
    name: str
    driver: str | None = None
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    ipam_driver: str | None = None
    ipam_config: tuple[Subnet, ...] = ()
    ipam_options: Mapping[str, str] = field(default_factory=dict)
    external: bool = False
    internal: bool = False
    attachable: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """One named volume; `key` as in the file, `name` as on the engine."""

    key: str
    name: str
    driver: str | None = None
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    external: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileSource:
    """A top-level secret or config that comes from a file; `file` is absolute."""

    key: str
    file: Path


@dataclass(frozen=True, slots=True)
class VariableUse:
    """A variable that reaches a service; `key` is the one that it is in, as in ``environment.POSTGRES_DB``.

    `value` is what Compose reads for it, the shell's before any file's; None where nothing sets it.
    """

    service: str
    key: str
    name: str
    value: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class ComposeProject:
    """A whole Compose project.

    `services` are the enabled ones, in the order of the files; `disabled` those whose profile is not active.
    `networks`, `volumes`, `secrets` and `configs` are all that the files declare, used by a service or not.
    `directory`, `files` and `env_files` are the strings that Compose writes into labels; `env_files` are those that
    were asked for by name, and so none where the default `.env` was read. `uses` are the variables in the files of the
    project. `findings` are warnings.
    """

    name: str
    directory: Path
    files: tuple[Path, ...]
    services: Mapping[str, Service]
    disabled: Mapping[str, Service]
    networks: Mapping[str, Network]
    volumes: Mapping[str, Volume]
    secrets: Mapping[str, FileSource]
    configs: Mapping[str, FileSource]
    env_files: tuple[Path, ...] = ()
    uses: tuple[VariableUse, ...] = ()
    findings: tuple[Finding, ...] = ()
    orphans: Orphans = Orphans.WARN
