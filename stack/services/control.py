"""What every runtime offers: status, `up` as a plan first, stop, restart, down, and logs.

`stack.services.engine` does it with containers, `stack.services.embedded` with a server of the machine's own, and
`stack.services.external` says why nothing can be started. Their callers, the commands and the deck, see only this.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from stack.findings import Finding, Loss, Progress
from stack.project import RuntimeName
from stack.services.log_levels import Level


class State(StrEnum):
    """Where a service's container is in its life, in the engine's words; `ABSENT` where there is none."""

    ABSENT = "absent"
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


class Health(StrEnum):
    """What the health check says; `NONE` where the service has none or does not run."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The engine in use. `source` says who named `endpoint`: ``DOCKER_HOST``, a context, a default."""

    reachable: bool
    endpoint: str | None
    source: str | None
    version: str | None


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One container of one service, or a service without one.

    `ports` are ``host:port->container/protocol``. `causes` say, field by field, why `up` would recreate it.
    """

    service: str
    container: str | None
    image: str | None
    state: State
    health: Health
    ports: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()

    @property
    def outdated(self) -> bool:
        """Whether `up` would recreate it."""
        return bool(self.causes)


@dataclass(frozen=True, slots=True)
class ServicesStatus:
    """One look at a runtime."""

    engine: EngineStatus
    services: tuple[ServiceStatus, ...]
    findings: tuple[Finding, ...] = ()


class Action(StrEnum):
    """What `up` does to a resource. Only images are pulled, and no service is removed, only a container too many."""

    CREATED = "created"
    RECREATED = "recreated"
    STARTED = "started"
    KEPT = "kept"
    PULLED = "pulled"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step of a plan; `resource` is its kind and name, as in ``container app-db-1``.

    `losses` is the data that it deletes, or leaves where nothing uses it any more.
    """

    action: Action
    resource: str
    cause: str
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceOutcome:
    """What `up` did to a service, and how it stands now."""

    service: str
    container: str | None
    action: Action
    state: State
    health: Health
    config_hash: str | None


@dataclass(frozen=True, slots=True)
class UpResult:
    """What `up` did, or with a dry run would do."""

    services: tuple[ServiceOutcome, ...]
    plan: tuple[PlanStep, ...]
    seconds: float
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class DownResult:
    """What `down` removed, as in ``container app-db-1``; `findings` say what had to stay."""

    removed: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


class Approval(Protocol):
    """Asked before `up` touches anything, with the whole plan; once more where a pull has changed the plan."""

    async def __call__(self, plan: Sequence[PlanStep]) -> None:
        """Return where `plan` may be carried out.

        Raises:
            Failure: it may not.
        """
        ...


class Pull(StrEnum):
    """When `up` pulls images."""

    MISSING = "missing"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ProbeRun:
    """One run of a service's health check; `output` is what it printed, not yet clean."""

    ended_at: datetime
    exit_code: int
    output: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one container uses at one moment.

    `cpu` is in cores, 1.0 being one of them wholly; `memory` in bytes without the page cache, `memory_limit` None
    where there is none; the rest in bytes a second since the sample before.
    """

    service: str
    container: str
    cpu: float
    memory: int
    memory_limit: int | None
    received: float
    sent: float
    read: float
    written: float


class Volumes(StrEnum):
    """What `down` does with the named volumes, which hold the data."""

    KEEP = "keep"
    REMOVE = "remove"


class LineKind(StrEnum):
    """What a line of a log is."""

    OUTPUT = "output"
    """What the service wrote."""
    EVENT = "event"
    """What happened to its container meanwhile: it stopped, started, or was replaced."""
    GAP = "gap"
    """Lines are missing here, since they came faster than they were taken."""


class Overflow(StrEnum):
    """What becomes of lines that come faster than they are taken."""

    WAIT = "wait"
    """The log waits, and nothing is lost."""
    DROP = "drop"
    """The oldest that wait are dropped, evenly between the services, and a `LineKind.GAP` says how many."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a service's log, as the service wrote it: not yet clean.

    Of an event or a gap, `text` says in a phrase what happened, about the engine where `service` is empty. `dropped`
    counts the lines that a gap stands for.
    """

    service: str
    container: str
    time: datetime | None
    text: str
    level: Level = Level.UNKNOWN
    kind: LineKind = LineKind.OUTPUT
    dropped: int = 0


class ServiceControl(Protocol):
    """The services of one project on one runtime.

    Every method may raise `Failure`. An empty `services` means all that the Compose file enables. Cancelling the task
    that awaits one of them stops it soon, and leaves what the next `up` can finish.
    """

    @property
    def runtime(self) -> RuntimeName:
        """Which runtime this is."""
        ...

    async def status(self) -> ServicesStatus:
        """Return what is there now."""
        ...

    def watch(self) -> AsyncIterator[ServicesStatus]:
        """Yield what is there now, and again after each change, until the iterator is closed.

        Nothing is asked while nothing changes. While the engine is lost, its services stay as they were last seen, with
        ``engine.reachable`` False and a finding that says since when; the watch finds the engine again by itself.
        """
        ...

    def usage(self, services: Sequence[str]) -> AsyncIterator[tuple[Usage, ...]]:
        """Yield what the running containers use, about every second for as long as it is read.

        It ends at once where nothing can be measured.
        """
        ...

    async def probes(self, service: str) -> tuple[ProbeRun, ...]:
        """Return the last five runs of the health check of `service`, the oldest first."""
        ...

    async def since(self, service: str) -> datetime | None:
        """Return since when `service` runs, or else since when it does not any more; None where nobody knows."""
        ...

    async def psql(self, arguments: Sequence[str]) -> int:
        """Run psql on the project's database, on the standard streams of this process; return its exit status.

        The caller has handed over the terminal, where there is one, and takes it back as it was.
        """
        ...

    async def plan(self, services: Sequence[str], *, pull: Pull) -> UpResult:
        """Return what `up` would do, and touch nothing."""
        ...

    async def up(
        self,
        services: Sequence[str],
        *,
        pull: Pull,
        timeout: float,
        progress: Progress,
        approve: Approval = ...,
    ) -> UpResult:
        """Converge, then wait at most `timeout` seconds until the services are healthy.

        Where `approve` is not given, a plan that loses data is refused: see `stack.services.approval`.
        """
        ...

    async def stop(self, services: Sequence[str], *, progress: Progress) -> tuple[ServiceStatus, ...]:
        """Stop the services, dependents first, and return how they stand."""
        ...

    async def restart(self, services: Sequence[str], *, progress: Progress) -> tuple[ServiceStatus, ...]:
        """Stop and start the services' containers as they are, and return how they stand."""
        ...

    async def plan_down(self, *, volumes: Volumes) -> tuple[PlanStep, ...]:
        """Return what `down` would remove, with what is lost by it, and touch nothing."""
        ...

    async def down(self, *, volumes: Volumes, progress: Progress) -> DownResult:
        """Remove the project's containers and networks, and with `Volumes.REMOVE` its data."""
        ...

    async def dump(self, file: Path, *, progress: Progress) -> int:
        """Write the project's database to `file`, in pg_dump's custom format, and return its size in bytes.

        The file is there when it is complete, and not before; one that is there already is never written over.
        """
        ...

    def logs(self, services: Sequence[str], *, tail: int | None, since: datetime | None) -> AsyncIterator[LogLine]:
        """Yield what has been logged, merged by time, and end."""
        ...

    def follow(
        self,
        services: Sequence[str],
        *,
        tail: int | None,
        since: datetime | None,
        overflow: Overflow = Overflow.WAIT,
    ) -> AsyncIterator[LogLine]:
        """Yield what has been logged, then what is being logged, until the iterator is closed.

        It goes on through whatever happens to the services, and says so with lines of `LineKind.EVENT`.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; nothing that runs is stopped."""
        ...
