"""The `stackdeck` command: the deck where no command is given, else the command.

What is not needed is not imported: ``--version`` and the commands never wait for Textual, nor the deck for a command.
"""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from stack import VERSION

if TYPE_CHECKING:
    from tui.app import Deck


def main() -> NoReturn:
    """Run `stackdeck` with the process's arguments, and end the process with its status."""
    _leave(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Open the deck, or run the command that `argv` names, and return the exit status."""
    if argv in (["--version"], ["-V"]):
        sys.stdout.write(f"stackdeck {VERSION}\n")
        return 0
    if _opens_deck(argv):
        return _deck(argv)
    from stack.cli.main import main as command

    return command(argv)


def _opens_deck(argv: Sequence[str]) -> bool:
    """Whether `argv` holds nothing but the deck's own options with their values."""
    from stack.cli.options import GLOBAL_OPTIONS

    rest = list(argv)
    while rest:
        option, _, value = rest.pop(0).partition("=")
        if option not in GLOBAL_OPTIONS:
            return False
        if not value and rest:
            rest.pop(0)
    return True


def _deck(argv: Sequence[str]) -> int:
    from stack.cli.options import global_parser, options_of

    parser = global_parser()
    parser.prog = "stackdeck"
    options = options_of(parser.parse_args(argv))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        sys.stderr.write("stackdeck: the deck needs a terminal; `stackdeck --help` lists the commands.\n")
        return 2
    from tui.app import Deck
    from tui.opening import opener_of

    return run_deck(Deck(opener_of(options)))


def run_deck(deck: "Deck") -> NoReturn:
    """Run `deck` until it is left, then end the process at once."""
    import asyncio

    loop = asyncio.new_event_loop()
    deck.run(loop=loop)
    loop.run_until_complete(deck.let_go())
    _leave(deck.return_code or 0)


def _leave(status: int) -> NoReturn:
    """End the process now that the project is closed and, after the deck, the terminal restored.

    An ordinary exit takes every module apart, which is a quarter of what a short command takes, and waits for the
    threads of every executor: one that resolves a name or reads a socket can wait for minutes.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        # A full disk, or a reader that has gone: what was to be said is not.
        status = status or 1
    os._exit(status)


if __name__ == "__main__":
    main()
