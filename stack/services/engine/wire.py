"""The engine's answers as far as we read them: shapes of the Docker Engine API, version 1.41 and newer."""

from typing import TypedDict

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
    Mounts: list[MountPoint]
    NetworkSettings: NetworkList


class ProbeRun(TypedDict):
    """One run of a health check."""

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
    Health: HealthState | None


class ContainerDetails(TypedDict):
    """``GET /containers/{id}/json``."""

    Id: str
    Name: str
    Created: str
    State: ContainerState
    RestartCount: int
    Mounts: list[MountPoint]
    Config: JsonObject
    HostConfig: JsonObject


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


class VolumeSummary(TypedDict):
    """One item of ``GET /volumes``."""

    Name: str
    Labels: dict[str, str] | None


class EngineVersion(TypedDict):
    """``GET /version``."""

    Version: str
    ApiVersion: str
