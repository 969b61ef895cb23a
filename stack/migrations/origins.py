"""Who wrote each migration, and when, as git has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from stack.environment.git import ask_git
from stack.migrations.configuration import Configuration

_PATIENCE: Final = 10.0
"""Seconds; a repository with a long past takes a while, and nobody waits for this."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The commit that added a file."""

    author: str
    date: datetime


def read_origins(configuration: Configuration) -> Mapping[Path, Origin]:
    """Ask git, once for each directory of revisions; nothing where there is no git, no repository or no commit.

    Blocking, as long as git takes.
    """
    found: dict[Path, Origin] = {}
    for directory in configuration.versions:
        if directory.is_dir():
            found |= _read(directory.resolve())
    return found


def _read(directory: Path) -> dict[Path, Origin]:
    top = ask_git(directory, "rev-parse", "--show-toplevel")
    said = ask_git(
        directory,
        "log",
        "--diff-filter=A",
        "--no-renames",
        "--format=%x01%an%x02%aI",
        "--name-only",
        "-z",
        "--",
        ".",
        patience=_PATIENCE,
    )
    if not top or said is None:
        return {}
    root = Path(top.rstrip("\n"))
    found: dict[Path, Origin] = {}
    # The newest commit comes first, so that the one that added a file in the beginning has the last word.
    for commit in said.split("\x01")[1:]:
        head, *names = commit.split("\0")
        author, _, date = head.partition("\x02")
        origin = Origin(author, datetime.fromisoformat(date))
        found |= {root / name.lstrip("\n"): origin for name in names if name.strip()}
    return found
