"""The real `docker compose`, the oracle for what a Compose file means."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.require import require

ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "HOME": "/home/oracle"}
"""All that the oracle sees of this machine's variables."""


def docker_compose(
    directory: Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `docker compose` in `directory`, with nothing of the machine's own variables but a path and a home."""
    return subprocess.run(
        ["docker", "compose", *arguments],
        cwd=directory,
        env={**ENVIRONMENT, "PWD": str(directory), **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def require_docker_compose() -> None:
    """Skip where there is no `docker compose`."""
    found = shutil.which("docker") is not None
    if found:
        found = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    require("compose", found, "no docker compose")


def require_engine() -> None:
    """Skip where no engine answers."""
    answer = subprocess.run(["docker", "version"], capture_output=True, check=False)
    require("docker", answer.returncode == 0, "no Docker engine answers")


def compose_version() -> str:
    """Return the version of the `docker compose` that is here."""
    answer = subprocess.run(["docker", "compose", "version", "--format", "json"], capture_output=True, check=True)
    return str(json.loads(answer.stdout)["version"])
