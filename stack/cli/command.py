"""What a command is, and how a noun's module adds its commands to the parser."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from stack.cli.output import Console, Outcome

if TYPE_CHECKING:
    from stack.workspace import Workspace

    # argparse gives the type of what it returns no public name.
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001


class Command(Protocol):
    """One command with its arguments, ready to run."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Do it, telling `console` about progress; raise `Failure` where it cannot be done."""
        ...


class UsageError(Exception):
    """Arguments that are right one by one, and not together."""


class Noun(Protocol):
    """A module with commands."""

    def add_commands(self, commands: "Commands") -> None:
        """Add the commands of this noun."""
        ...


def add_command(
    commands: "Commands",
    name: str,
    summary: str,
    make: Callable[[argparse.Namespace], Command],
) -> argparse.ArgumentParser:
    """Add a command that `make` builds from the parsed arguments; return its parser for the arguments."""
    parser = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
    parser.set_defaults(make=make)
    return parser
