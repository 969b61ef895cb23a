"""``logs``: what the services have logged, and log."""

import argparse
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from stack.cli.command import UsageError, add_command
from stack.cli.log_text import LogText, log_json, moment
from stack.cli.output import Console, Outcome

if TYPE_CHECKING:
    from stack.cli.command import Commands
    from stack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Logs:
    """Collect what the services have logged."""

    services: tuple[str, ...]
    tail: int | None
    since: datetime | None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Collect the lines."""
        services = await workspace.services()
        lines = [line async for line in services.logs(self.services, tail=self.tail, since=self.since)]
        return Outcome({"lines": [log_json(line) for line in lines]})


@dataclass(frozen=True, slots=True)
class PrintLogs:
    """Print what the services have logged."""

    services: tuple[str, ...]
    tail: int | None
    since: datetime | None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Print each line as it is read: a log may be larger than memory."""
        text = LogText(self.services)
        services = await workspace.services()
        async for line in services.logs(self.services, tail=self.tail, since=self.since):
            console.parts(text.parts(line))
        console.flush()
        return Outcome({})


@dataclass(frozen=True, slots=True)
class FollowLogs:
    """Print what the services have logged, then what they log, until interrupted."""

    services: tuple[str, ...]
    tail: int | None
    since: datetime | None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Print each line as it comes."""
        text = LogText(self.services)
        services = await workspace.services()
        async for line in services.follow(self.services, tail=self.tail, since=self.since):
            console.parts(text.parts(line))
            console.flush()
        return Outcome({})


def _logs(arguments: argparse.Namespace) -> Logs | PrintLogs | FollowLogs:
    if arguments.follow and arguments.json:
        raise UsageError("--json prints one object, which following a log never completes")
    chosen = FollowLogs if arguments.follow else Logs if arguments.json else PrintLogs
    return chosen(tuple(arguments.services), arguments.tail, arguments.since)


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
