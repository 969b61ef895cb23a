"""One container and its image, as closely as the engine knows them: what a diagnosis is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from stack.services.control import Health, ProbeRun, State
from stack.services.engine import labels, wire
from stack.services.engine.json_types import Json, JsonObject
from stack.services.engine.states import read_state

_KERNELS: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i686": "386"}
"""What the images' word for a processor is where a kernel has another one."""

_VIRTUAL: Final = "Docker Desktop"
"""What an engine says of its operating system that runs in a machine of its own, with a disk of its own."""


@dataclass(frozen=True, slots=True)
class InspectedMount:
    """A mount; `volume` is a volume's name, `source` a directory of the host, `target` the path in the container."""

    target: str
    volume: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class InspectedImage:
    """An image; `environment` is what it gives to its containers."""

    id: str
    os: str
    architecture: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Machine:
    """The engine's machine: how far its clock is ahead of ours, its processor's kind, and where the engine keeps data.

    `architecture` is in the words of images, such as ``amd64``; `data` is None where that is no path of this machine.
    """

    ahead: timedelta
    architecture: str
    data: str | None


@dataclass(frozen=True, slots=True)
class Stranger:
    """A container on the engine, whoever made it; `project` and `service` are Compose's, where it did."""

    id: str
    name: str
    project: str | None
    service: str | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """A container; `environment` and `labels` may hold secrets, and are not in its `repr`.

    `error` is why the engine could not start it. `shm_size` is in bytes. `probes` are the last runs of its health
    check, the oldest first, `health_test` is what that runs.
    """

    id: str
    name: str
    image: str
    state: State
    health: Health
    exit_code: int
    restarts: int
    error: str
    out_of_memory: bool
    created_at: datetime
    started_at: datetime | None
    shm_size: int
    mounts: tuple[InspectedMount, ...]
    probes: tuple[ProbeRun, ...]
    health_test: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    labels: Mapping[str, str] = field(repr=False)


def inspection(details: wire.ContainerDetails) -> Inspection:
    """Return what the engine answered about a container."""
    state, config = details["State"], details["Config"]
    health = state.get("Health")
    return Inspection(
        id=details["Id"],
        name=details["Name"].removeprefix("/"),
        image=_text(config.get("Image")),
        state=read_state(state.get("Status", "")),
        health=Health(health["Status"]) if health else Health.NONE,
        exit_code=state.get("ExitCode", 0),
        restarts=details["RestartCount"],
        error=state.get("Error", ""),
        out_of_memory=state.get("OOMKilled", False),
        created_at=datetime.fromisoformat(details["Created"]),
        started_at=_moment(state.get("StartedAt", "")),
        shm_size=_number(details["HostConfig"].get("ShmSize")),
        mounts=tuple(
            InspectedMount(
                mount.get("Destination", ""),
                mount.get("Name") if mount.get("Type") == "volume" else None,
                mount.get("Source") if mount.get("Type") == "bind" else None,
            )
            for mount in details["Mounts"]
        ),
        probes=tuple(
            ProbeRun(datetime.fromisoformat(run["End"]), run["ExitCode"], run["Output"])
            for run in (health["Log"] if health else None) or ()
        ),
        health_test=_texts(_object(config.get("Healthcheck")).get("Test")),
        environment=variables(_texts(config.get("Env"))),
        labels={name: _text(value) for name, value in _object(config.get("Labels")).items()},
    )


def machine(info: wire.EngineInfo, asked: datetime, answered: datetime, *, is_local: bool) -> Machine:
    """Return what the engine answered about its machine, having been asked between these two times of our clock."""
    here = is_local and info["OperatingSystem"] != _VIRTUAL
    kernel = info["Architecture"]
    return Machine(
        # Halfway, as network time protocols have it: the answer may have taken a while.
        ahead=datetime.fromisoformat(info["SystemTime"]) - (asked + (answered - asked) / 2),
        architecture=_KERNELS.get(kernel, kernel),
        data=info["DockerRootDir"] if here else None,
    )


def stranger(summary: wire.ContainerSummary) -> Stranger:
    """Return what the engine lists of a container."""
    given = summary["Labels"] or {}
    name = summary["Names"][0].removeprefix("/") if summary["Names"] else summary["Id"][:12]
    return Stranger(summary["Id"], name, given.get(labels.PROJECT), given.get(labels.SERVICE))


def inspected_image(details: wire.ImageDetails) -> InspectedImage:
    """Return what the engine answered about an image."""
    config = details.get("Config") or {}
    return InspectedImage(
        details.get("Id", ""),
        details.get("Os", ""),
        details.get("Architecture", ""),
        variables(tuple(config.get("Env") or ())),
    )


def variables(lines: tuple[str, ...]) -> dict[str, str]:
    """Return ``NAME=value`` lines as a mapping; a name without a value has none in the container either."""
    return {name: value for name, equals, value in (line.partition("=") for line in lines) if equals}


def _moment(text: str) -> datetime | None:
    # The engine writes the year 1 where something never happened.
    return datetime.fromisoformat(text) if text and not text.startswith("0001-") else None


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0
