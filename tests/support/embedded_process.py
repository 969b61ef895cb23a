"""Run one action on an embedded server in a process of its own, so that tests can kill it, or make it another account.

``python -m tests.support.embedded_process ACTION HOME PORT PROGRAMS [UID GID]`` prints the server's process number.
ACTION is ``up``, ``up-and-wait`` or ``up-and-down``; HOME is ``-`` for the account's own; PROGRAMS is a directory.
"""

import asyncio
import os
import sys
from pathlib import Path

import psycopg

from stack.environment.url import DatabaseURL
from stack.findings import silent
from stack.services.control import Pull, Volumes
from stack.services.embedded.area import project_area
from stack.services.embedded.binaries import Candidate
from stack.services.embedded.control import EmbeddedServices
from stack.services.embedded.postmaster import running
from stack.text import SecretStr


async def main(action: str, home: str, port: int, programs: Path) -> None:
    root = Path("/srv/project")
    wanted = DatabaseURL("localhost", port, "shop", "ada", SecretStr("s3cret !"))
    services = EmbeddedServices(
        root, wanted, home=None if home == "-" else Path(home), places=lambda: [Candidate(programs)]
    )
    await services.up([], pull=Pull.MISSING, timeout=60, progress=silent)
    with psycopg.connect(services.url().reveal()) as connection:
        [data] = connection.execute("SHOW data_directory").fetchone() or [""]
    server = running(Path(data))
    if home != "-":
        assert Path(data) == project_area(root, Path(home)).data
    sys.stdout.write(f"{server.pid if server else None}\n")
    sys.stdout.flush()
    if action == "up-and-wait":
        await asyncio.Event().wait()
    if action == "up-and-down":
        await services.down(volumes=Volumes.REMOVE, progress=silent)


if __name__ == "__main__":
    _, action, home, port, programs, *account = sys.argv
    if account:
        os.setgroups([])
        os.setgid(int(account[1]))
        os.setuid(int(account[0]))
    asyncio.run(main(action, home, int(port), Path(programs)))
