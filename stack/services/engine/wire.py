"""The engine's answers as far as we read them: shapes of the Docker Engine API, version 1.41 and newer."""

from collections.abc import Iterator
from typing import Protocol, Required, TypedDict

from stack.services.engine.json_types import JsonObject


class PortSummary(TypedDict, total=False):
    """A port in a list of containers; without `PublicPort` it is not published."""

    IP: str
    PrivatePort: int
    PublicPort: int
    Type: str


class MountPoint(TypedDict, total=False):
    """A mount of a container; `Name` is a volume's."""

    Type: str
    Name: str
    Source: str
    Destination: str
    RW: bool


class NetworkList(TypedDict):
    """The part of a listed container that says which networks it is on, by name."""

    Networks: dict[str, JsonObject] | None


class ContainerSummary(TypedDict):
    """One item of ``GET /containers/json``."""

    Id: str
    Names: list[str]
    Image: str
    ImageID: str
    Created: int
    State: str
    Status: str
    Labels: dict[str, str] | None
    Ports: list[PortSummary]
    Mounts: list[MountPoint] | None
    NetworkSettings: NetworkList


class ProbeRun(TypedDict):
    """One run of a health check; times by RFC 3339 with nanoseconds."""

    Start: str
    End: str
    ExitCode: int
    Output: str


class HealthState(TypedDict):
    """What a container's health check has said."""

    Status: str
    Log: list[ProbeRun] | None


class ContainerState(TypedDict, total=False):
    """The ``State`` of an inspected container."""

    Status: str
    ExitCode: int
    Error: str
    OOMKilled: bool
    StartedAt: str
    FinishedAt: str
    Health: HealthState | None


class PortBinding(TypedDict):
    """Where a port of a container is published."""

    HostIp: str
    HostPort: str


class NetworkDetails(NetworkList):
    """The part of an inspected container that says what it publishes, by port and protocol as in ``5432/tcp``."""

    Ports: dict[str, list[PortBinding] | None] | None


class ContainerConfig(TypedDict):
    """What we read of the ``Config`` of an inspected container."""

    Image: str
    Labels: dict[str, str] | None


class ContainerDetails(TypedDict):
    """``GET /containers/{id}/json``."""

    Id: str
    Name: str
    Created: str
    State: ContainerState
    RestartCount: int
    Config: JsonObject
    HostConfig: JsonObject
    Mounts: list[MountPoint]
    NetworkSettings: NetworkDetails


class ImageConfig(TypedDict, total=False):
    """What an image gives to its containers."""

    Env: list[str] | None
    Cmd: list[str] | None
    Entrypoint: list[str] | None
    User: str
    WorkingDir: str
    StopSignal: str
    Labels: dict[str, str] | None
    Volumes: dict[str, JsonObject] | None
    ExposedPorts: dict[str, JsonObject] | None
    Healthcheck: JsonObject | None


class Platform(TypedDict, total=False):
    """What a manifest is for."""

    os: str
    architecture: str


class ManifestImageData(TypedDict):
    """The image that a manifest describes."""

    Platform: Platform


class Manifest(TypedDict, total=False):
    """One manifest of an image in the containerd store."""

    ID: str
    Kind: str
    Available: bool
    ImageData: ManifestImageData


class ImageDetails(TypedDict, total=False):
    """``GET /images/{name}/json``; `Manifests` from API 1.48 on, where the store has them."""

    Id: str
    Os: str
    Architecture: str
    Config: ImageConfig | None
    Manifests: list[Manifest] | None


class NetworkSummary(TypedDict):
    """One item of ``GET /networks``."""

    Id: str
    Name: str
    Labels: dict[str, str] | None


class NetworkMember(TypedDict):
    """A container on an inspected network."""

    Name: str


class InspectedNetwork(TypedDict, total=False):
    """``GET /networks/{id}``."""

    Containers: dict[str, NetworkMember] | None


class VolumeSummary(TypedDict):
    """One item of ``GET /volumes``."""

    Name: str
    Driver: str
    Options: dict[str, str] | None
    Labels: dict[str, str] | None


class VolumeUsage(TypedDict, total=False):
    """How many bytes a volume takes, -1 where its driver does not say, and how many containers use it."""

    Size: int
    RefCount: int


class UsedVolume(TypedDict, total=False):
    """One volume of ``GET /system/df``."""

    Name: str
    UsageData: VolumeUsage | None


class Component(TypedDict):
    """A part of an engine, or its whole where it is another make."""

    Name: str


class EngineVersion(TypedDict, total=False):
    """``GET /version``."""

    Version: Required[str]
    ApiVersion: Required[str]
    Components: list[Component] | None


class ImageUsage(TypedDict):
    """What an image takes of the disk, in bytes; `Containers` are how many use it."""

    Containers: int
    Size: int
    SharedSize: int


class ContainerUsage(TypedDict, total=False):
    """What a container has written, in bytes."""

    State: Required[str]
    SizeRw: int


class CacheUsage(TypedDict):
    """A leftover of a build, in bytes."""

    InUse: bool
    Size: int


class DiskUsage(TypedDict, total=False):
    """``GET /system/df``."""

    Images: list[ImageUsage] | None
    Containers: list[ContainerUsage] | None
    Volumes: list[UsedVolume] | None
    BuildCache: list[CacheUsage] | None


class EventActor(TypedDict):
    """What an event is about."""

    ID: str
    Attributes: dict[str, str] | None


class EventMessage(TypedDict):
    """One item of ``GET /events``."""

    Type: str
    Action: str
    Actor: EventActor


class EventStream(Protocol):
    """Events as they come. It may be closed from another thread than the one that reads it."""

    def __iter__(self) -> Iterator[EventMessage]:
        """Read on."""
        ...

    def close(self) -> None:
        """End the stream."""
        ...


class CpuUsage(TypedDict, total=False):
    """Nanoseconds of all cores since the container started."""

    total_usage: int


class CpuStats(TypedDict, total=False):
    """CPU time of a container, and in `system_cpu_usage` of the whole machine since it started."""

    cpu_usage: CpuUsage
    system_cpu_usage: int
    online_cpus: int


class MemoryStats(TypedDict, total=False):
    """Bytes; `stats` is the kernel's ``memory.stat``, whose names differ between cgroup v1 and v2."""

    usage: int
    limit: int
    stats: dict[str, int]


class NetworkStats(TypedDict):
    """Bytes over one interface."""

    rx_bytes: int
    tx_bytes: int


class BlockCounter(TypedDict):
    """Bytes of one kind of operation on one device."""

    op: str
    value: int


class BlockStats(TypedDict, total=False):
    """What was read from and written to disks."""

    io_service_bytes_recursive: list[BlockCounter] | None


class ContainerStats(TypedDict, total=False):
    """``GET /containers/{id}/stats``; `read` is when, by RFC 3339 with nanoseconds."""

    read: str
    cpu_stats: CpuStats
    memory_stats: MemoryStats
    networks: dict[str, NetworkStats]
    blkio_stats: BlockStats


class EngineInfo(TypedDict):
    """What we read of ``GET /info``: of the engine's machine the bytes of memory, the time, the kind and the data."""

    MemTotal: int
    SystemTime: str
    Architecture: str
    OperatingSystem: str
    DockerRootDir: str


class ExecDetails(TypedDict):
    """``GET /exec/{id}/json``."""

    Running: bool
    ExitCode: int | None
