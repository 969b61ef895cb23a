"""From arguments to an exit status: parse, run one command, print what came of it."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Final

from stack import VERSION
from stack.cli import booking, database, doctor, environment, migrations, services, tables
from stack.cli.command import Command
from stack.cli.options import global_parser, options_of
from stack.cli.output import Console, Outcome, standard_console
from stack.crash import internal_finding
from stack.findings import Code, Failure, Finding, Fix, Severity
from stack.project import Options

FAILED: Final = 1
INTERRUPTED: Final = 130


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="stackdeck",
        description="The control deck of a project's Postgres stack. Without a command it opens the deck.",
        parents=[global_parser()],
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"stackdeck {VERSION}")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for noun in (services, doctor, environment, database, migrations, tables, booking):
        noun.add_commands(commands)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command that `argv` names and return the exit status: 0, 1, 2 for usage, 130 when interrupted."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    command: Command = arguments.make(arguments)
    if arguments.json and isinstance(command, services.FollowLogs):
        parser.error("--json prints one object, which following a log never completes")
    if arguments.json and isinstance(command, services.Psql):
        parser.error("--json prints one object, and psql prints what it likes; try `psql --csv`")
    console = standard_console()
    options = options_of(arguments)
    try:
        try:
            outcome, status = _completed(command, options, console)
        except KeyboardInterrupt:
            outcome, status = Outcome({}, findings=(_interrupted(),)), INTERRUPTED
        (console.outcome_json if arguments.json else console.outcome)(outcome)
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; the interpreter must not fail on flushing the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


def _completed(command: Command, options: Options, console: Console) -> tuple[Outcome, int]:
    outcome = asyncio.run(_run(command, options, console))
    return outcome, outcome.exit_status


async def _run(command: Command, options: Options, console: Console) -> Outcome:
    # Imported here: `--help` and usage errors need none of it.
    from stack.workspace import open_workspace

    try:
        async with open_workspace(options, os.environ) as workspace:
            return await command.run(workspace, console)
    except Failure as failure:
        return Outcome({}, findings=failure.findings, failed=True)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - a mistake of ours: kept in a report, told without a traceback
        return Outcome({}, findings=(internal_finding(error),), failed=True)


def _interrupted() -> Finding:
    return Finding(
        Code.INTERRUPTED,
        "Interrupted",
        "What was begun is left as the same command can finish it.",
        Severity.INFO,
        fixes=(Fix("Run the same command again"),),
    )
