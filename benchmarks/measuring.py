"""What the benchmarks share: this checkout's commands, a project of its own on the engine, and the table of results."""

import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for the harness of this checkout's tests

from tests.support.engine import free_port  # noqa: E402 - see above

STACKDECK = str(Path(sys.executable).parent / "stackdeck")


@dataclass(frozen=True, slots=True)
class Scratch:
    """A copy of this repository's stack, under a project name and with a port of its own."""

    directory: Path
    name: str
    environ: dict[str, str]

    def run(self, *argv: str) -> None:
        """Run a command in it; what it says is shown only where it fails."""
        done = subprocess.run(
            argv, cwd=self.directory, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode:
            sys.exit(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout.decode(errors='replace')}")


@contextmanager
def scratch_project(profiles: str = "") -> Iterator[Scratch]:
    """Lend a project; nothing of it is left on the engine afterwards."""
    with tempfile.TemporaryDirectory(prefix="stackdeck-benchmark-") as place:
        directory = Path(place)
        for name in ("docker-compose.yml", ".env.example"):
            (directory / name).write_bytes((ROOT / name).read_bytes())
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("APP_DB_", "COMPOSE_"))}
        environ = {
            **kept,
            "PWD": place,
            "XDG_STATE_HOME": place,
            "COMPOSE_PROJECT_NAME": f"stackdeck-benchmark-{secrets.token_hex(4)}",
            "COMPOSE_PROFILES": profiles,
            "APP_DB_PORT": str(free_port()),
            "PGADMIN_PORT": str(free_port()),
        }
        scratch = Scratch(directory, environ["COMPOSE_PROJECT_NAME"], environ)
        scratch.run(STACKDECK, "env", "init")
        try:
            yield scratch
        finally:
            scratch.run("docker", "compose", "down", "--volumes", "--remove-orphans")


def milliseconds(action: Callable[[], object]) -> float:
    """Return how long `action` takes."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def show(name: str, times: Sequence[float], note: str = "") -> None:
    """Print the median and the minimum of `times`, in milliseconds."""
    print(f"{name:46} median {statistics.median(times):7.0f} ms   minimum {min(times):7.0f} ms  {note}".rstrip())


def show_load() -> None:
    """Print how much the machine has to do, which the figures have to be read beside."""
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def show_ratio(name: str, ours: Sequence[float], theirs: Sequence[float], most: float) -> None:
    """Print the ratio of the medians, and the most that it may be."""
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"{name:46} {ratio:14.2f}      (at most {most:.2f})")
