"""``logs``: what the services have logged, and log; the project's secrets only where they are asked for."""

import argparse
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from stack.background import in_thread
from stack.cli.command import UsageError, add_command
from stack.cli.log_text import LogText, log_json, moment
from stack.cli.output import Console, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from stack.cli.command import Commands
    from stack.services.control import LogLine, ServiceControl
    from stack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be read: the last `tail` lines of each of `services` since a moment, with secrets only if `revealed`.

    None is no limit.
    """

    services: tuple[str, ...]
    tail: int | None
    since: datetime | None
    revealed: bool

    def logged(self, services: "ServiceControl") -> "AsyncIterator[LogLine]":
        """Return what has been logged."""
        return services.logs(self.services, tail=self.tail, since=self.since)

    def followed(self, services: "ServiceControl") -> "AsyncIterator[LogLine]":
        """Return what has been logged, then what is being logged."""
        return services.follow(self.services, tail=self.tail, since=self.since)

    async def lines(
        self, workspace: "Workspace", read: "Callable[[ServiceControl], AsyncIterator[LogLine]]"
    ) -> "AsyncIterator[LogLine]":
        """Return what `read` reads of the services of `workspace`, as it may be shown."""
        from stack.doctor.redaction import veiled

        lines = read(await workspace.services())
        return lines if self.revealed else veiled(lines, await in_thread(workspace.veil))


@dataclass(frozen=True, slots=True)
class Logs:
    """Collect what the services have logged."""

    wanted: Wanted

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Collect the lines."""
        lines = await self.wanted.lines(workspace, self.wanted.logged)
        return Outcome({"lines": [log_json(line) async for line in lines]})


@dataclass(frozen=True, slots=True)
class PrintLogs:
    """Print what the services have logged."""

    wanted: Wanted

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Print each line as it is read: a log may be larger than memory."""
        text = LogText(self.wanted.services)
        async for line in await self.wanted.lines(workspace, self.wanted.logged):
            console.parts(text.parts(line))
        console.flush()
        return Outcome({})


@dataclass(frozen=True, slots=True)
class FollowLogs:
    """Print what the services have logged, then what they log, until interrupted."""

    wanted: Wanted

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Print each line as it comes."""
        text = LogText(self.wanted.services)
        async for line in await self.wanted.lines(workspace, self.wanted.followed):
            console.parts(text.parts(line))
            console.flush()
        return Outcome({})


def _logs(arguments: argparse.Namespace) -> Logs | PrintLogs | FollowLogs:
    if arguments.follow and arguments.json:
        raise UsageError("--json prints one object, which following a log never completes")
    chosen = FollowLogs if arguments.follow else Logs if arguments.json else PrintLogs
    return chosen(Wanted(tuple(arguments.services), arguments.tail, arguments.since, bool(arguments.reveal)))


def add_commands(commands: "Commands") -> None:
    """Add the command."""
    logs = add_command(
        commands,
        "logs",
        "print what the services have logged",
        _logs,
    )
    logs.add_argument("services", nargs="*", metavar="SERVICE")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what is being logged")
    logs.add_argument("--tail", type=int, metavar="N", help="only the last N lines of each service")
    logs.add_argument(
        "--since",
        type=moment,
        metavar="T",
        help="only since a moment (ISO 8601, or seconds since 1970) or so long ago (10m, 1h30m)",
    )
    logs.add_argument("--reveal", action="store_true", help="with the secrets of .env that a service has printed")
