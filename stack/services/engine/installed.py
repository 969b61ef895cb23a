"""The Docker Compose of this machine, for no more than its version: containers should be such as it would make."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from stack.services.engine.endpoint import configuration_directory
from stack.services.engine.json_types import Json

_SECONDS: Final = 3

# Where the Docker CLI looks for its plugins on Unix, in its order (docker/cli, cli-plugins/manager).
_SYSTEM_DIRECTORIES: Final = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


def installed_compose(environ: Mapping[str, str]) -> str | None:
    """Return the version of the Compose plugin, None where there is none; blocking, and asked only once."""
    return _version(tuple(_plugins(configuration_directory(environ))))


def _plugins(configuration: Path) -> Iterator[Path]:
    for directory in (configuration / "cli-plugins", *map(Path, _SYSTEM_DIRECTORIES)):
        yield directory / "docker-compose"


@lru_cache(maxsize=4)
def _version(plugins: tuple[Path, ...]) -> str | None:
    plugin = next((path for path in plugins if path.is_file()), None)
    if plugin is None:
        return None
    try:
        # What the Docker CLI itself asks each of its plugins.
        answer = subprocess.run(
            [plugin, "docker-cli-plugin-metadata"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        ).stdout
        return _core(json.loads(answer))
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _core(metadata: Json) -> str | None:
    """Return the version without what distributions add to it, as Compose writes it into labels."""
    version = metadata.get("Version") if isinstance(metadata, dict) else None
    return version.removeprefix("v").partition("-")[0] if isinstance(version, str) else None
