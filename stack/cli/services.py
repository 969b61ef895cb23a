"""``up``, ``stop``, ``restart``, ``down``, ``status``, ``logs`` and ``psql``: what runs."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from stack.cli.command import UsageError, add_command
from stack.cli.output import JSON, Console, Outcome, align
from stack.findings import Code, Failure, Finding, Fix
from stack.services.control import (
    Health,
    LogLine,
    Pull,
    ServiceOutcome,
    ServiceStatus,
    State,
    UpResult,
    Volumes,
)

if TYPE_CHECKING:
    from stack.cli.command import Commands
    from stack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Up:
    """Create and start the services, and wait until the database answers a query."""

    services: tuple[str, ...]
    pull: Pull
    timeout: float

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Converge and wait."""
        return _up_outcome(
            await workspace.up(self.services, pull=self.pull, timeout=self.timeout, progress=console.progress)
        )


@dataclass(frozen=True, slots=True)
class UpPlan:
    """Say what `Up` would do, and touch nothing."""

    services: tuple[str, ...]
    pull: Pull

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Plan."""
        services = await workspace.services()
        return _up_outcome(await services.plan(self.services, pull=self.pull))


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the services, dependents first; their data stays."""

    services: tuple[str, ...]

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Stop."""
        services = await workspace.services()
        return _status_outcome(await services.stop(self.services, progress=console.progress))


@dataclass(frozen=True, slots=True)
class Restart:
    """Stop and start the services as they are."""

    services: tuple[str, ...]

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Restart."""
        services = await workspace.services()
        return _status_outcome(await services.restart(self.services, progress=console.progress))


@dataclass(frozen=True, slots=True)
class Down:
    """Remove what `Up` made; the data too, where `volumes` says so and `confirmed` is given."""

    volumes: Volumes
    confirmed: bool

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Remove."""
        if self.volumes is Volumes.REMOVE and not self.confirmed:
            raise Failure(
                Finding(
                    Code.CONFIRMATION_NEEDED,
                    "The data would be deleted",
                    f"down --volumes deletes the volumes of {workspace.name}, and with them every row of its database.",
                    fixes=(
                        Fix("Keep the data", "stackdeck down"),
                        Fix("Delete the data", "stackdeck down --volumes --yes", destructive=True),
                    ),
                )
            )
        services = await workspace.services()
        removed = await services.down(volumes=self.volumes, progress=console.progress)
        text = "\n".join(f"removed {name}" for name in removed) or "There was nothing to remove."
        return Outcome({"removed": list(removed)}, text)


@dataclass(frozen=True, slots=True)
class Logs:
    """Print what the services have logged."""

    services: tuple[str, ...]
    tail: int | None
    since: datetime | None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Collect the lines."""
        services = await workspace.services()
        lines = [line async for line in services.logs(self.services, tail=self.tail, since=self.since)]
        return Outcome({"lines": [_log_json(line) for line in lines]}, "\n".join(map(_log_text, lines)))


@dataclass(frozen=True, slots=True)
class FollowLogs:
    """Print what the services have logged, then what they log, until interrupted."""

    services: tuple[str, ...]
    tail: int | None
    since: datetime | None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Print each line as it comes."""
        services = await workspace.services()
        async for line in services.follow(self.services, tail=self.tail, since=self.since):
            console.line(_log_text(line))
        return Outcome({})


@dataclass(frozen=True, slots=True)
class Psql:
    """Hand the terminal over to psql on the project's database; what it takes and prints is its own."""

    arguments: tuple[str, ...]

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Run it to its end, and end as it did."""
        services = await workspace.services()
        return Outcome({}, status=await services.psql(self.arguments))


@dataclass(frozen=True, slots=True)
class Status:
    """Say how everything stands, from the engine to the migrations."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Look at each part; what cannot be seen becomes a finding."""
        runtime = await workspace.runtime()
        look = await workspace.look()
        engine, database, pool, migrations = look.engine, look.database, look.pool, look.migrations
        fields: dict[str, JSON] = {
            "project": workspace.name,
            "runtime": runtime.name.value,
            "engine": {
                "reachable": engine.reachable,
                "endpoint": engine.endpoint,
                "source": engine.source,
                "version": engine.version,
            },
            "services": [service_json(service) for service in look.services],
            "database": {
                "reachable": database is not None,
                "url": look.url,
                "server_version": database.server_version if database else None,
                "latency_ms": round(database.latency_ms, 2) if database else None,
                "postmaster_started_at": database.postmaster_started_at.isoformat() if database else None,
            },
            "pool": {
                "size": pool.size,
                "max_overflow": pool.max_overflow,
                "checked_out": pool.checked_out,
                "idle": pool.idle,
                "overflow": pool.overflow,
            },
            "migrations": {
                "current": list(migrations.current) if migrations else [],
                "heads": list(migrations.heads) if migrations else [],
                "pending": len(migrations.pending) if migrations else None,
            },
        }
        lines = [f"project    {workspace.name}", f"runtime    {runtime.name.value}: {runtime.reason}"]
        if engine.endpoint:
            lines.append(f"engine     {engine.version or 'does not answer'} at {engine.endpoint} ({engine.source})")
        answer = (
            f"PostgreSQL {database.server_version}, {database.latency_ms:.1f} ms" if database else "does not answer"
        )
        lines.append(f"database   {look.url or 'not known'}: {answer}")
        if migrations:
            current = ", ".join(migrations.current) or "nothing applied"
            lines.append(f"migrations {current}, {len(migrations.pending)} pending")
        if look.services:
            lines += ["", services_text(look.services)]
        return Outcome(fields, "\n".join(lines), look.findings)


def _up_outcome(result: UpResult) -> Outcome:
    text = align([("ACTION", "RESOURCE", "CAUSE"), *((s.action.value, s.resource, s.cause) for s in result.plan)])
    return Outcome(
        {
            "services": [_outcome_json(service) for service in result.services],
            "plan": [{"action": s.action.value, "resource": s.resource, "cause": s.cause} for s in result.plan],
            "seconds": round(result.seconds, 3),
        },
        text,
        result.findings,
    )


def _outcome_json(service: ServiceOutcome) -> dict[str, JSON]:
    return {
        "service": service.service,
        "container": service.container,
        "action": service.action.value,
        "state": service.state.value,
        "health": service.health.value,
        "config_hash": service.config_hash,
    }


def _status_outcome(services: Sequence[ServiceStatus]) -> Outcome:
    return Outcome({"services": [service_json(service) for service in services]}, services_text(services))


def service_json(service: ServiceStatus) -> dict[str, JSON]:
    """Return one service as ``status --json`` prints it."""
    return {
        "service": service.service,
        "container": service.container,
        "image": service.image,
        "state": service.state.value,
        "health": service.health.value,
        "ports": list(service.ports),
        "outdated": service.outdated,
        "causes": list(service.causes),
    }


def services_text(services: Sequence[ServiceStatus]) -> str:
    """Return services as a table."""
    rows = [("SERVICE", "STATE", "IMAGE", "PORTS", "CONTAINER")]
    for service in services:
        health = f" ({service.health.value})" if service.health is not Health.NONE else ""
        outdated = ", outdated" if service.outdated and service.state is not State.ABSENT else ""
        rows.append(
            (
                service.service,
                service.state.value + health + outdated,
                service.image or "",
                ", ".join(service.ports),
                service.container or "",
            )
        )
    return align(rows)


def _log_json(line: LogLine) -> dict[str, JSON]:
    return {
        "service": line.service,
        "container": line.container,
        "time": line.time.isoformat() if line.time else None,
        "text": line.text,
    }


def _log_text(line: LogLine) -> str:
    return f"{line.service} | {line.text}"


def _logs(arguments: argparse.Namespace) -> Logs | FollowLogs:
    """Raise `UsageError` where one object is asked for of what has no end."""
    if arguments.follow and arguments.json:
        raise UsageError("--json prints one object, which following a log never completes")
    command = FollowLogs if arguments.follow else Logs
    return command(tuple(arguments.services), arguments.tail, arguments.since)


def _psql(arguments: argparse.Namespace) -> Psql:
    """Raise `UsageError` where one object is asked for of a program that prints its own."""
    if arguments.json:
        raise UsageError("--json prints one object, and psql prints what it likes; try `psql --csv`")
    return Psql(tuple(arguments.arguments))


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _moment(text: str) -> datetime:
    """Read ``--since``: an ISO 8601 moment, or how long ago, as in ``10m``."""
    if match := re.fullmatch(r"(\d+)([smhd])", text):
        return datetime.now(UTC) - timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.astimezone()


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    up = add_command(
        commands,
        "up",
        "create and start the services, and wait until the database answers",
        lambda a: (
            UpPlan(tuple(a.services), Pull(a.pull))
            if a.dry_run
            else Up(tuple(a.services), Pull(a.pull), float(a.timeout))
        ),
    )
    up.add_argument("services", nargs="*", metavar="SERVICE")
    up.add_argument("--dry-run", action="store_true", help="say what would be done and touch nothing")
    up.add_argument("--pull", choices=[pull.value for pull in Pull], default=Pull.MISSING.value)
    up.add_argument("--timeout", type=float, metavar="S", default=120.0, help="seconds to wait (default: 120)")
    stop = add_command(commands, "stop", "stop the services; their data stays", lambda a: Stop(tuple(a.services)))
    stop.add_argument("services", nargs="*", metavar="SERVICE")
    restart = add_command(
        commands, "restart", "stop and start the services as they are", lambda a: Restart(tuple(a.services))
    )
    restart.add_argument("services", nargs="*", metavar="SERVICE")
    down = add_command(
        commands,
        "down",
        "remove containers and networks, and with --volumes the data",
        lambda a: Down(Volumes.REMOVE if a.volumes else Volumes.KEEP, bool(a.yes)),
    )
    down.add_argument("--volumes", action="store_true", help="delete the data too")
    down.add_argument("--yes", action="store_true", help="do not ask")
    add_command(commands, "status", "say how everything stands", lambda _: Status())
    logs = add_command(
        commands,
        "logs",
        "print what the services have logged",
        _logs,
    )
    logs.add_argument("services", nargs="*", metavar="SERVICE")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what is being logged")
    logs.add_argument("--tail", type=int, metavar="N", help="only the last N lines of each service")
    logs.add_argument("--since", type=_moment, metavar="T", help="only since a moment (ISO 8601) or so long ago (10m)")
    # All that follows is psql's own, options too, so there is no character that our options begin with.
    psql = commands.add_parser("psql", help="run psql on the database", prefix_chars="\0", add_help=False)
    psql.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARG")
    psql.set_defaults(make=_psql)
