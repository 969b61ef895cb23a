"""A fresh clone of this repository, as a person gets it, and the command run in it."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.engine import free_port

ROOT = Path(__file__).parents[2]
STACKDECK = Path(sys.executable).with_name("stackdeck")
TRACKED = ("docker-compose.yml", "alembic.ini", ".env.example", "pyproject.toml", "migrations", "stack", "tui")


def bare_environment() -> dict[str, str]:
    """Return our environment without anything that would configure a stack."""
    ours = ("APP_DB_", "PGADMIN_", "COMPOSE_", "DATABASE_URL", "PG", "NO_COLOR", "STACKDECK_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@dataclass(frozen=True)
class Clone:
    """A copy of what git tracks, with no `.env`; the ports in its template are free ones."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run a command, with nobody at the keyboard."""
        done = subprocess.run(
            [str(STACKDECK), *arguments],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        for secret in self.secrets():
            assert secret not in done.stdout + done.stderr, f"{arguments} tells a secret"
        return done

    def secrets(self) -> list[str]:
        """Return the generated passwords of this clone's `.env`, which no output may hold."""
        path = self.root / ".env"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return re.findall(r"^\w+_PASSWORD=(\w{20,})$", text, flags=re.MULTILINE)

    def done(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command that must succeed."""
        result = self.run(*arguments)
        assert result.returncode == 0, f"{arguments}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def json(self, *arguments: str) -> dict[str, object]:
        """Run a command with ``--json`` and return its one object, whatever its exit status."""
        result = self.run(*arguments, "--json")
        document = json.loads(result.stdout)
        assert isinstance(document, dict)
        return document


def make_clone(root: Path, **environ: str) -> Clone:
    """Copy what git tracks into `root`, and give it ports of its own."""
    root.mkdir(parents=True)
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *TRACKED],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    template = root / ".env.example"
    text = template.read_text(encoding="utf-8")
    for name in ("APP_DB_PORT", "PGADMIN_PORT"):
        text = re.sub(rf"^{name}=\d+$", f"{name}={free_port()}", text, flags=re.MULTILINE)
    template.write_text(text, encoding="utf-8")
    return Clone(root, {**bare_environment(), "PWD": str(root), **environ})
