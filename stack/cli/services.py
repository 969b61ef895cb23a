"""``up``, ``stop``, ``restart``, ``down``, ``status`` and ``psql``: what runs."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stack.cli.command import UsageError, add_command
from stack.cli.dumping import dumping
from stack.cli.options import seconds
from stack.cli.output import JSON, Console, Outcome, align
from stack.findings import Failure
from stack.services import equivalent
from stack.services.approval import down_loses, left_behind, lose_all, lose_nothing, losses_of, losses_text
from stack.services.control import (
    Approval,
    Health,
    PlanStep,
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
    """Create and start the services, and wait until the database answers a query.

    Where `dump` names a file, the database is written to it before anything is touched; `approve` is asked before.
    """

    services: tuple[str, ...]
    pull: Pull
    timeout: float
    approve: Approval
    dump: Path | None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Converge and wait."""
        same = await _equivalent(
            workspace, console, lambda call: equivalent.up(call, self.services, pull=self.pull, timeout=self.timeout)
        )
        result = await workspace.up(
            self.services,
            pull=self.pull,
            timeout=self.timeout,
            progress=console.progress,
            approve=dumping(await workspace.services(), self.dump, self.approve, console),
        )
        return _up_outcome(result, same)


@dataclass(frozen=True, slots=True)
class UpPlan:
    """Say what `Up` would do, and touch nothing."""

    services: tuple[str, ...]
    pull: Pull
    timeout: float

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Plan."""
        same = await _equivalent(
            workspace, console, lambda call: equivalent.up(call, self.services, pull=self.pull, timeout=self.timeout)
        )
        services = await workspace.services()
        return _up_outcome(await services.plan(self.services, pull=self.pull), same)


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the services, dependents first; their data stays."""

    services: tuple[str, ...]

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Stop."""
        same = await _equivalent(workspace, console, lambda call: equivalent.stop(call, self.services))
        services = await workspace.services()
        return _status_outcome(await services.stop(self.services, progress=console.progress), same)


@dataclass(frozen=True, slots=True)
class Restart:
    """Stop and start the services as they are."""

    services: tuple[str, ...]

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Restart."""
        same = await _equivalent(workspace, console, lambda call: equivalent.restart(call, self.services))
        services = await workspace.services()
        return _status_outcome(await services.restart(self.services, progress=console.progress), same)


@dataclass(frozen=True, slots=True)
class Down:
    """Remove what `Up` made; the data too, where `volumes` says so and `confirmed` is given.

    Where `dump` names a file, the database is written to it before anything is removed.
    """

    volumes: Volumes
    confirmed: bool
    dump: Path | None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Remove."""
        services = await workspace.services()
        plan = await services.plan_down(volumes=self.volumes)
        losses = losses_of(plan)
        if self.volumes is Volumes.REMOVE and not self.confirmed:
            raise Failure(down_loses(workspace.name, losses))
        same = await _equivalent(workspace, console, lambda call: equivalent.down(call, self.volumes))
        await dumping(services, self.dump, lose_all, console)(plan)
        result = await services.down(volumes=self.volumes, progress=console.progress)
        text = "\n".join(f"removed {name}" for name in result.removed) or "There was nothing to remove."
        left = (left_behind(losses),) if losses and self.volumes is Volumes.KEEP else ()
        return Outcome({"removed": list(result.removed), "equivalent": same}, text, (*result.findings, *left))


async def _equivalent(
    workspace: "Workspace", console: Console, command: Callable[[equivalent.ComposeCall], str]
) -> str | None:
    """Say which command of Compose does the same, and return it; None where nothing runs in containers."""
    call = await workspace.compose_call()
    if call is None:
        return None
    line = command(call)
    console.progress(f"The same with Compose: {line}")
    return line


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


def _up_outcome(result: UpResult, same: str | None) -> Outcome:
    text = align([("ACTION", "RESOURCE", "CAUSE"), *((s.action.value, s.resource, s.cause) for s in result.plan)])
    if losses := losses_of(result.plan):
        text += f"\n\nData is lost: {losses_text(losses)}"
    return Outcome(
        {
            "services": [_outcome_json(service) for service in result.services],
            "plan": [_step_json(step) for step in result.plan],
            "equivalent": same,
            "seconds": round(result.seconds, 3),
        },
        text,
        result.findings,
    )


def _step_json(step: PlanStep) -> dict[str, JSON]:
    return {
        "action": step.action.value,
        "resource": step.resource,
        "cause": step.cause,
        "losses": [{"what": loss.what, "size": loss.size} for loss in step.losses],
    }


def _outcome_json(service: ServiceOutcome) -> dict[str, JSON]:
    return {
        "service": service.service,
        "container": service.container,
        "action": service.action.value,
        "state": service.state.value,
        "health": service.health.value,
        "config_hash": service.config_hash,
    }


def _status_outcome(services: Sequence[ServiceStatus], same: str | None) -> Outcome:
    fields: dict[str, JSON] = {"services": [service_json(service) for service in services], "equivalent": same}
    return Outcome(fields, services_text(services))


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


def _psql(arguments: argparse.Namespace) -> Psql:
    """Raise `UsageError` where one object is asked for of a program that prints its own."""
    if arguments.json:
        raise UsageError("--json prints one object, and psql prints what it likes; try `psql --csv`")
    return Psql(tuple(arguments.arguments))


def _up(arguments: argparse.Namespace) -> Up | UpPlan:
    services, pull, timeout = tuple(arguments.services), Pull(arguments.pull), float(arguments.timeout)
    if arguments.dry_run:
        return UpPlan(services, pull, timeout)
    return Up(services, pull, timeout, lose_all if arguments.yes else lose_nothing, arguments.dump)


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    up = add_command(commands, "up", "create and start the services, and wait until the database answers", _up)
    up.add_argument("services", nargs="*", metavar="SERVICE")
    up.add_argument("--dry-run", action="store_true", help="say what would be done and touch nothing")
    up.add_argument("--pull", choices=[pull.value for pull in Pull], default=Pull.MISSING.value)
    up.add_argument("--timeout", type=seconds, metavar="S", default=120.0, help="seconds to wait (default: 120)")
    up.add_argument("--dump", type=Path, metavar="FILE", help="write a dump of the database to FILE first")
    up.add_argument("--yes", action="store_true", help="go on where data would be lost")
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
        lambda a: Down(Volumes.REMOVE if a.volumes else Volumes.KEEP, bool(a.yes), a.dump),
    )
    down.add_argument("--volumes", action="store_true", help="delete the data too")
    down.add_argument("--dump", type=Path, metavar="FILE", help="write a dump of the database to FILE first")
    down.add_argument("--yes", action="store_true", help="do not ask")
    add_command(commands, "status", "say how everything stands", lambda _: Status())
    # All that follows is psql's own, options too, so there is no character that our options begin with.
    psql = commands.add_parser("psql", help="run psql on the database", prefix_chars="\0", add_help=False)
    psql.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARG")
    psql.set_defaults(make=_psql)
