"""The options that stand before every command; the deck is opened with the same ones."""

import argparse
import math
import os
from pathlib import Path
from typing import Final

from stack.project import Options, RuntimeName, working_directory

GLOBAL_OPTIONS: Final = ("--project", "--env-file", "--runtime")
"""Each takes a value. Anything else is a command's."""

_LONGEST: Final = 2_000_000
"""Seconds: Postgres counts its time limits in milliseconds, up to 2³¹."""


def global_parser() -> argparse.ArgumentParser:
    """Return a parser of the global options alone, to parse with or to build on."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--project", metavar="DIR", type=Path, help="the project's directory (default: here)")
    parser.add_argument("--env-file", metavar="FILE", type=Path, help="read this file in place of the project's .env")
    parser.add_argument(
        "--runtime",
        choices=[name.value for name in RuntimeName],
        help="where the database runs (default: Docker if an engine answers)",
    )
    return parser


def options_of(arguments: argparse.Namespace) -> Options:
    """Return what `global_parser` parsed, with absolute paths that keep symbolic links as they were given."""
    here = working_directory(os.environ)

    def absolute(path: Path) -> Path:
        return Path(os.path.normpath(here / path))

    return Options(
        directory=absolute(arguments.project) if arguments.project else here,
        env_file=absolute(arguments.env_file) if arguments.env_file else None,
        runtime=RuntimeName(arguments.runtime) if arguments.runtime else None,
    )


def seconds(text: str) -> float:
    """Read a time limit, which is a number that a clock can count to.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= _LONGEST:
        raise argparse.ArgumentTypeError(f"expected seconds, from 0 to {_LONGEST}; got {text!r}")
    return number
