"""From arguments to an exit status: parse, run one command, print what came of it.

A command's own module is imported, and no other one: imports are most of what a quick command takes.
"""

import argparse
import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

from stack import VERSION
from stack.cli.command import Command, Noun, UsageError
from stack.cli.options import GLOBAL_OPTIONS, global_parser, options_of
from stack.cli.output import Console, Outcome, OutputError, standard_console
from stack.findings import Code, Failure, Finding, Fix, Severity
from stack.project import Options

FAILED: Final = 1
INTERRUPTED: Final = 130


NOUNS: Final = ("services", "logs", "doctor", "environment", "database", "migrations", "tables", "export", "booking")
"""The modules with commands, in the order of ``--help``."""

COMMANDS: Final = {
    **dict.fromkeys(("up", "stop", "restart", "down", "status", "psql"), "services"),
    "logs": "logs",
    "doctor": "doctor",
    "env": "environment",
    "db": "database",
    "migrate": "migrations",
    **dict.fromkeys(("tables", "rows"), "tables"),
    "export": "export",
    "seed": "booking",
}
"""The module of each command."""


def build_parser(nouns: Sequence[str] = NOUNS) -> argparse.ArgumentParser:
    """Return the parser of the command line, as far as it is about the modules `nouns`."""
    parser = argparse.ArgumentParser(
        prog="stackdeck",
        description="The control deck of a project's Postgres stack. Without a command it opens the deck.",
        parents=[global_parser()],
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"stackdeck {VERSION}")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in nouns:
        noun: Noun = importlib.import_module(f"stack.cli.{name}")
        noun.add_commands(commands)
    return parser


def _nouns(argv: Sequence[str]) -> Sequence[str]:
    """Return the module of the command that `argv` names first, or all of them for help and for mistakes."""
    words = iter(argv)
    for word in words:
        if word.partition("=")[0] in GLOBAL_OPTIONS:
            if "=" not in word:
                next(words, None)
        elif word != "--json":
            return (COMMANDS[word],) if word in COMMANDS else NOUNS
    return NOUNS


def main(argv: Sequence[str]) -> int:
    """Run the command that `argv` names and return the exit status: 0, 1, 2 for usage, 130 when interrupted."""
    parser = build_parser(_nouns(argv))
    arguments = parser.parse_args(argv)
    try:
        command: Command = arguments.make(arguments)
    except UsageError as error:
        parser.error(str(error))
    console = standard_console()
    options = options_of(arguments)
    try:
        try:
            outcome, status = _completed(command, options, console)
        except KeyboardInterrupt:
            outcome, status = Outcome({}, findings=(_interrupted(),)), INTERRUPTED
        if outcome.findings:
            # Imported here: mostly nothing is found.
            from stack.cli.called import as_called

            outcome = as_called(outcome, arguments)
        (console.outcome_json if arguments.json else console.outcome)(outcome)
        console.flush()
    except OSError as error:
        # The rest of the output must not fail once more. Of a reader that has gone, as `head` does, nothing is said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"stackdeck: the output cannot be written: {error.strerror}\n")
        return FAILED
    return status


def _completed(command: Command, options: Options, console: Console) -> tuple[Outcome, int]:
    outcome = asyncio.run(_run(command, options, console))
    return outcome, outcome.exit_status


async def _run(command: Command, options: Options, console: Console) -> Outcome:
    # Imported here: `--help` and usage errors need none of it.
    from stack.workspace import open_workspace

    # What `timeout`, a supervisor or a CI runner stops cleans up after itself as after Ctrl-C.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, signal.raise_signal, signal.SIGINT)

    try:
        async with open_workspace(options, os.environ) as workspace:
            return await command.run(workspace, console)
    except Failure as failure:
        # Ctrl-C cancels this task, and what then cannot be undone is a failure of its own.
        task = asyncio.current_task()
        interrupted = task is not None and task.cancelling() > 0
        return Outcome({}, findings=failure.findings, failed=True, status=INTERRUPTED if interrupted else 0)
    except (BrokenPipeError, OutputError):
        raise
    except Exception as error:  # noqa: BLE001 - a mistake of ours: kept in a report, told without a traceback
        from stack.crash import internal_finding

        return Outcome({}, findings=(internal_finding(error),), failed=True)


def _interrupted() -> Finding:
    return Finding(
        Code.INTERRUPTED,
        "Interrupted",
        "What was begun is left as the same command can finish it.",
        Severity.INFO,
        fixes=(Fix("Run the same command again"),),
    )
