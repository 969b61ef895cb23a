"""How long the doctor takes as a command: on a healthy stack, and where nothing that it asks ever answers.

The healthy stack is this repository's own, migrated and filled. The black holes are sockets that take a connection and
then say nothing: one stands for the engine, one for a database of somebody else's. ``status`` and the import of the
program stand beside it, to tell the checks from what any command takes.
"""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from measuring import ROOT, STACKDECK, milliseconds, scratch_project, show

ROUNDS = 9
HOLES = 3


def command(directory: Path, environ: Mapping[str, str], *argv: str) -> float:
    """Return the milliseconds that a command takes, whatever it finds."""

    def run() -> None:
        subprocess.run(
            [STACKDECK, *argv],
            cwd=directory,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )

    return milliseconds(run)


@contextmanager
def black_hole(family: socket.AddressFamily, address: str | tuple[str, int]) -> Iterator[socket.socket]:
    """Lend a socket that takes connections, by the kernel alone, and never answers one."""
    with socket.socket(family) as listening:
        listening.bind(address)
        listening.listen(128)
        yield listening


def healthy() -> None:
    """Measure a stack of which nothing is wrong."""
    with scratch_project() as scratch:
        for name in ("migrations", "alembic.ini"):
            (scratch.directory / name).symlink_to(ROOT / name)
        for argv in (("up",), ("migrate", "up"), ("seed", "--bookings", "1000")):
            scratch.run(STACKDECK, *argv)
        doctor, status, bare = [], [], []
        for _ in range(ROUNDS):
            doctor.append(command(scratch.directory, scratch.environ, "doctor"))
            status.append(command(scratch.directory, scratch.environ, "status"))
            bare.append(command(scratch.directory, scratch.environ, "--version"))
        show("stackdeck doctor, healthy", doctor, "(at most 1500)")
        show("stackdeck status", status)
        show("stackdeck --version", bare)


def holes() -> None:
    """Measure where the engine, the database, and both say nothing."""
    with tempfile.TemporaryDirectory(prefix="stackdeck-benchmark-") as place:
        directory = Path(place)
        for name in ("docker-compose.yml", "alembic.ini"):
            (directory / name).write_bytes((ROOT / name).read_bytes())
        with (
            black_hole(socket.AF_UNIX, f"{place}/engine.sock"),
            black_hole(socket.AF_INET, ("127.0.0.1", 0)) as database,
        ):
            url = f"postgresql://app:nothing@127.0.0.1:{database.getsockname()[1]}/app"
            environ = {**os.environ, "PWD": place, "XDG_STATE_HOME": place, "APP_DB_PASSWORD": "nothing-at-all"}
            engine = {"DOCKER_HOST": f"unix://{place}/engine.sock"}
            for name, changed in (
                ("a black-holed engine", engine),
                ("a black-holed database", {"APP_DB_URL": url}),
                ("both", {**engine, "APP_DB_URL": url}),
            ):
                times = [command(directory, {**environ, **changed}, "doctor") for _ in range(HOLES)]
                show(f"stackdeck doctor, {name}", times, "(at most 5000)")


def main() -> None:
    """Measure both."""
    healthy()
    holes()


if __name__ == "__main__":
    main()
