"""The `docker compose` command line that does the same as each of our actions. Pure.

What stands before the subcommand depends on where it would be typed: in the project's own directory Compose finds the
files by itself, anywhere else it has to be told. A service whose profile is not active takes part in our `stop`,
`restart` and `down`; Compose reaches it by its profile.
"""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from stack.project import Project
from stack.services.compose.model import ComposeProject
from stack.services.control import Pull, Volumes


@dataclass(frozen=True, slots=True)
class ComposeCall:
    """How `docker compose` is called for one project.

    `options` are ``-f`` and ``--env-file`` where they are needed, `profiles` those that are not active and that the
    services of the file have.
    """

    options: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


def compose_call(compose: ComposeProject, project: Project, directory: Path) -> ComposeCall:
    """Return how Compose is called for `compose`, in a shell whose working directory is `directory`."""
    options: list[str] = []
    if directory != project.root:
        for file in compose.files:
            options += ["-f", str(file)]
    if project.env_file_given:
        options += ["--env-file", str(project.env_file)]
    profiles = dict.fromkeys(service.profiles[0] for service in compose.disabled.values() if service.profiles)
    return ComposeCall(tuple(options), tuple(profiles))


def up(call: ComposeCall, services: Sequence[str], *, pull: Pull, timeout: float) -> str:
    """Return the command for `up` that waits at most `timeout` seconds until the services are healthy."""
    asked = () if pull is Pull.MISSING else ("--pull", pull.value)
    waiting = ("--wait", "--wait-timeout", str(math.ceil(timeout)))
    return _line(call, "up", "--detach", *waiting, *asked, *services)


def stop(call: ComposeCall, services: Sequence[str]) -> str:
    """Return the command for `stop`."""
    return _line(_reaching(call, services), "stop", *services)


def restart(call: ComposeCall, services: Sequence[str]) -> str:
    """Return the command for `restart`."""
    return _line(_reaching(call, services), "restart", *services)


def down(call: ComposeCall, volumes: Volumes) -> str:
    """Return the command for `down`."""
    return _line(_reaching(call, ()), "down", *(("--volumes",) if volumes is Volumes.REMOVE else ()))


def logs(call: ComposeCall, services: Sequence[str], *, tail: int | None = None, since: datetime | None = None) -> str:
    """Return the command that prints what has been logged."""
    return _line(_reaching(call, services), "logs", *_extent(tail, since), *services)


def follow(
    call: ComposeCall, services: Sequence[str], *, tail: int | None = None, since: datetime | None = None
) -> str:
    """Return the command that prints what has been logged, then what is being logged."""
    return _line(_reaching(call, services), "logs", "--follow", *_extent(tail, since), *services)


def psql(call: ComposeCall, service: str, arguments: Sequence[str] = ()) -> str:
    """Return the command for `psql` with `arguments` in the container of `service`."""
    return _line(call, "exec", service, "psql", *arguments)


def _reaching(call: ComposeCall, services: Sequence[str]) -> ComposeCall:
    """Return `call` with all profiles where no service is named: a service that is named needs none."""
    if services:
        return call
    profiles = (part for profile in call.profiles for part in ("--profile", profile))
    return ComposeCall((*call.options, *profiles), call.profiles)


def _extent(tail: int | None, since: datetime | None) -> Sequence[str]:
    return (
        *(() if tail is None else ("--tail", str(tail))),
        *(() if since is None else ("--since", since.isoformat(timespec="seconds"))),
    )


def _line(call: ComposeCall, *words: str) -> str:
    return shlex.join(("docker", "compose", *call.options, *words))
