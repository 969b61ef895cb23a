"""The sessions of a Postgres by the titles of its processes: where every connection is taken, nobody can ask by SQL.

A superuser's own application takes the connections that are kept for superusers too.
"""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stack.services.engine.containers import Containers
from stack.services.engine.inspection import Inspection
from stack.text import clean_line

_LIST: Final = ("sh", "-c", r'for it in /proc/[0-9]*; do echo "${it#/proc/} $(tr "\0" " " <"$it/cmdline")"; done')
"""Images of Debian have no ps."""

_TITLE: Final = re.compile(r"([0-9]+) postgres: (?:.*: )?(.+) (\S+) (?:\[local\]|([0-9A-Fa-f.:]+)\([0-9]+\)) (.+)")
"""``postgres: user database host activity`` (PostgreSQL's manual, «Standard Unix Tools» under monitoring)."""

_IDLE: Final = "idle"
_LOOKS: Final = 20
_LOOK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Backend:
    """The process of one session, as it is called in its container; `address` is None on the local socket."""

    process: int
    user: str
    database: str
    address: str | None
    activity: str

    @property
    def is_idle(self) -> bool:
        """Whether it rests, and is not in a transaction."""
        return self.activity == _IDLE


async def list_backends(containers: Containers, container: Inspection) -> tuple[Backend, ...]:
    """Return the sessions of the server in `container`.

    Raises:
        Failure: the engine refuses, or cannot be reached.
    """
    ran = await containers.run(container.id, _LIST, b"", {})
    return tuple(backends(ran.output.decode(errors="replace").splitlines()))


def backends(titles: Iterable[str]) -> Iterable[Backend]:
    """Read ``pid title`` lines; what is no session is left out."""
    for title in titles:
        if found := _TITLE.fullmatch(title.rstrip()):
            process, user, database, address, activity = found.groups()
            yield Backend(int(process), clean_line(user), clean_line(database), address, activity)


async def end_idle(containers: Containers, container: Inspection) -> int:
    """End the sessions that rest, as ``pg_terminate_backend`` does, and return how many have ended.

    Raises:
        Failure: as `list_backends` does.
    """
    idle = {it.process for it in await list_backends(containers, container) if it.is_idle}
    if idle:
        await containers.run(container.id, ("sh", "-c", 'kill "$@"', "sh", *map(str, idle)), b"", {})
    left = set(idle)
    for _ in range(_LOOKS):
        left = idle & {it.process for it in await list_backends(containers, container)}
        if not left:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    return len(idle - left)
