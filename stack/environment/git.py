"""What git makes of a `.env`, asked of git itself: its index and its ignore rules are its own business to read."""

import os
import subprocess
from enum import StrEnum
from pathlib import Path
from typing import Final

from stack.findings import Code, Failure, Finding, Fix

PATIENCE: Final = 2.0
"""Seconds; git answers in milliseconds unless the file system hangs."""


class Tracking(StrEnum):
    """Whether a file will be in the next commit. `OUTSIDE` where there is no repository, or no git to say so."""

    TRACKED = "tracked"
    UNTRACKED = "untracked"
    IGNORED = "ignored"
    OUTSIDE = "outside"


def tracking(path: Path) -> Tracking:
    """Ask git about the file `path`; `UNTRACKED` is one that ``git add .`` would take in."""
    said = ask_git(path.parent, "ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard", "--", path.name)
    if said is None:
        return Tracking.OUTSIDE
    if not said:
        return Tracking.IGNORED
    # «H» and others for what the index has, «?» for what it does not.
    return Tracking.UNTRACKED if said.startswith("? ") else Tracking.TRACKED


def stop_tracking(path: Path) -> None:
    """Take `path` out of git's index. The file stays where it is, and in the commits that have it.

    Raises:
        Failure: git did not do it.
    """
    if ask_git(path.parent, "rm", "--cached", "--quiet", "--", path.name) is None:
        raise Failure(
            Finding(
                Code.ENV_TRACKED,
                f"git did not let go of {path.name}",
                f"`git rm --cached {path.name}` in {path.parent} failed",
                fixes=(Fix("Run it yourself and see what it says", command=f"git rm --cached {path.name}"),),
            )
        )


def ask_git(directory: Path, *arguments: str, patience: float = PATIENCE) -> str | None:
    """Return what git prints, or None where there is no git, no repository, or no answer."""
    # A repository may name a program that git runs to look for changes: what came from elsewhere runs nothing here.
    command = ["git", "-c", "core.fsmonitor=false", "--literal-pathspecs", *arguments]
    try:
        ran = subprocess.run(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=patience,
            env={name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout.decode(errors="replace") if ran.returncode == 0 else None
