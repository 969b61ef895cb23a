"""SQL in the Postgres of a container as its superuser, over its local socket, on which its image asks for no password.

Statements go in on psql's standard input: no argument and no variable of a process holds what is in them. Nor does the
server's log, whatever it is told to log.
"""

import re
from collections.abc import AsyncIterator
from typing import Final

from stack.services.engine.containers import Containers, Ran
from stack.services.engine.inspection import InspectedMount, Inspection
from stack.text import clean

MAINTENANCE: Final = "postgres"
"""The database that every cluster has."""

_PSQL: Final = ("psql", "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse")
_NO_CONNECTION: Final = 2
"""psql's exit status where it was not let in (PostgreSQL's manual, «psql», exit status)."""

_SILENT: Final = """\
SET log_statement = 'none'; SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1; SET log_duration = off;
SET client_min_messages = 'error';
"""

_DATA: Final = "/var/lib/postgresql/data"
_ROLES: Final = "global/1260"
"""Where a cluster keeps ``pg_authid``, whose OID that is, unless it has been rewritten as a whole."""

_FIRST_ROLE: Final = re.compile(rb"\x0a\0\0\0([^\0]{1,63})\0")
"""The row of the role that ``initdb`` made: OID 10 (``BOOTSTRAP_SUPERUSERID``), and after it the name."""


class SqlRefusedError(Exception):
    """The server did not do it; the message is its own words, clean and without the statement."""


class Superuser:
    """The superuser of the Postgres in one running container."""

    def __init__(self, containers: Containers, container: Inspection) -> None:
        """Ask nothing yet."""
        self._containers = containers
        self._container = container
        self._name: str | None = None

    async def run(self, statements: str, database: str = MAINTENANCE) -> str:
        """Run `statements`, each ended by a semicolon, and return what they select: a line a row, unaligned.

        Raises:
            SqlRefusedError: the server refuses one of them, or nobody is let in.
            Failure: the engine refuses, or cannot be reached.
        """
        ran = Ran(_NO_CONNECTION, b"", b"")
        async for name in self._names():
            ran = await self._psql(name, database, statements)
            if ran.status != _NO_CONNECTION:
                self._name = name
                break
        if ran.status != 0:
            raise SqlRefusedError(clean(ran.said.decode(errors="replace").strip()))
        return ran.output.decode(errors="replace")

    async def _psql(self, name: str, database: str, statements: str) -> Ran:
        variables = {"PGUSER": name, "PGDATABASE": database, "PGCLIENTENCODING": "UTF8", "PGAPPNAME": "stackdeck"}
        given = f"{_SILENT}{statements}\n\\q\n".encode()
        return await self._containers.run(self._container.id, _PSQL, given, variables)

    async def _names(self) -> AsyncIterator[str]:
        """Yield who the superuser may be: the likeliest first, the surest last."""
        if self._name is not None:
            yield self._name
            return
        variables = self._container.environment
        usual = variables.get("POSTGRES_USER", "")
        if not usual and (file := variables.get("POSTGRES_USER_FILE")):
            usual = (await self._read(file)).decode(errors="replace").strip()
        yield usual or "postgres"
        if first := _FIRST_ROLE.search(await self._read(f"{data_directory(self._container)}/{_ROLES}")):
            yield first[1].decode(errors="replace")

    async def _read(self, path: str) -> bytes:
        return await self._containers.read_file(self._container.id, path) or b""


def data_directory(container: Inspection) -> str:
    """Return where the server in `container` has its data."""
    return container.environment.get("PGDATA") or _DATA


def data_mount(container: Inspection) -> InspectedMount | None:
    """Return what is mounted where the server in `container` has its data; None where they are in the container."""
    directory = data_directory(container)
    mounts = [mount for mount in container.mounts if f"{directory}/".startswith(f"{mount.target.rstrip('/')}/")]
    return max(mounts, key=lambda mount: len(mount.target), default=None)
