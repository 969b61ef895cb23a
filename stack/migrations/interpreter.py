"""The Python that a project's own code runs with: its virtual environment's where that has Alembic, else ours."""

import base64
import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_USUAL: Final = (".venv", "venv", "env")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python with Alembic, whose `version` is that of Alembic; `reason` says in a clause why it is this one."""

    path: Path
    version: str
    reason: str

    @property
    def words(self) -> str:
        """It on a line."""
        return f"{self.path}, Alembic {self.version}: {self.reason}"


def find_interpreter(directory: Path, environ: Mapping[str, str]) -> Interpreter:
    """Return the interpreter of the project whose Alembic is configured in `directory`; nothing is run.

    Environments are looked for where venv, uv and Poetry make them, up to the repository's top.
    """
    without: list[Path] = []
    for environment in _environments(directory, environ):
        if environment.samefile(sys.prefix):
            return _ours("it is the project's own environment")
        if version := _alembic_in(environment):
            return Interpreter(environment / "bin" / "python", version, "it is the project's own environment")
        without.append(environment)
    if without:
        return _ours(f"{without[0]} has no Alembic")
    return _ours("the project has no virtual environment")


def _ours(reason: str) -> Interpreter:
    # Not asked of Alembic itself, whose import takes longer than all that is done here.
    version = _alembic_in(Path(sys.prefix))
    if version is None:
        from importlib import metadata

        version = metadata.version("alembic")
    return Interpreter(Path(sys.executable), version, reason)


def _environments(directory: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    places = _places(directory)
    active = environ.get("VIRTUAL_ENV")
    if active and any(Path(active).is_relative_to(place) for place in places):
        yield from _those_that_are(Path(active))
    for place in places:
        if named := environ.get("UV_PROJECT_ENVIRONMENT"):
            yield from _those_that_are(place / named)
        yield from _those_that_are(*(place / name for name in _USUAL))
        yield from _those_that_are(*_of_poetry(place, environ))


def _places(directory: Path) -> tuple[Path, ...]:
    """Return `directory`, and those above it that belong to the same repository."""
    above = (directory, *directory.parents)
    tops = [number for number, place in enumerate(above) if (place / ".git").exists()]
    return above[: tops[0] + 1] if tops else (directory,)


def _those_that_are(*environments: Path) -> Iterator[Path]:
    yield from (each for each in environments if (each / "bin" / "python").exists())


def _of_poetry(place: Path, environ: Mapping[str, str]) -> list[Path]:
    """Return the environments that Poetry keeps for the project in `place` (poetry.utils.env.EnvManager)."""
    if not (place / "poetry.lock").is_file():
        return []
    cache = Path(environ.get("POETRY_CACHE_DIR") or Path.home() / ".cache" / "pypoetry")
    kept = Path(environ.get("POETRY_VIRTUALENVS_PATH") or cache / "virtualenvs")
    digest = hashlib.sha256(os.fsencode(os.path.realpath(place))).digest()
    name = base64.urlsafe_b64encode(digest).decode()[:8]
    return sorted(kept.glob(f"*-{name}-py*"), reverse=True) if kept.is_dir() else []


def _alembic_in(environment: Path) -> str | None:
    for found in sorted(environment.glob("lib/python3*/site-packages/alembic-*.dist-info"), reverse=True):
        if match := re.fullmatch(r"alembic-([\w.]+)\.dist-info", found.name):
            return match.group(1)
    return None
