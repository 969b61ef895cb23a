"""Where a repository keeps its stack: the Compose file, `.env`, its template, Alembic's configuration, our settings."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from stack.findings import Code, Failure, Finding, Fix

COMPOSE_FILE_NAMES: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""In the order in which Compose prefers them."""

TEMPLATE_NAMES: Final = (".env.example", ".env.template", ".env.sample", ".env.dist")


class RuntimeName(StrEnum):
    """What runs the database: containers, a server of the machine's own, or somebody else's server."""

    DOCKER = "docker"
    EMBEDDED = "embedded"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Options:
    """Which project to open, and how: what a person said on the command line."""

    directory: Path
    env_file: Path | None = None
    runtime: RuntimeName | None = None


@dataclass(frozen=True, slots=True)
class Overrides:
    """What ``[tool.stackdeck]`` in a project's ``pyproject.toml`` says instead of what would be detected."""

    runtime: RuntimeName | None = None
    service: str | None = None
    alembic: str | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A repository and the files in it that concern us; a path is there whether or not its file exists.

    `root` is absolute, with symbolic links kept as they were given: Compose writes it into labels as it is.
    """

    root: Path
    env_file: Path
    env_file_given: bool
    template: Path | None
    alembic: Path | None
    overrides: Overrides

    @property
    def alembic_files(self) -> tuple[Path | None, Path | None]:
        """The ``alembic.ini`` and the ``pyproject.toml`` that Alembic reads; without migrations there is neither."""
        if self.alembic is None:
            return None, None
        if self.alembic.suffix == ".toml":
            return None, self.alembic
        pyproject = self.alembic.with_name("pyproject.toml")
        return self.alembic, pyproject if pyproject.is_file() else None


def working_directory(environ: Mapping[str, str]) -> Path:
    """Return the working directory as the shell has it, with symbolic links kept, where ``PWD`` is right about it."""
    here = Path(environ.get("PWD", ""))
    if here.is_absolute() and here.is_dir() and here.samefile(Path.cwd()):
        return here
    return Path.cwd()


def find_root(start: Path) -> Path:
    """Return the nearest directory at or above `start` that has a Compose file, a `.env` or an ``alembic.ini``.

    The repository's top bounds the search; where there is nothing, `start` itself is the project.
    """
    marks = (*COMPOSE_FILE_NAMES, ".env", "alembic.ini")
    for directory in (start, *start.parents):
        if any((directory / mark).is_file() for mark in marks):
            return directory
        if (directory / ".git").exists():
            break
    return start


def open_project(options: Options) -> Project:
    """Find the project at or above the directory of `options`.

    Raises:
        Failure: ``pyproject.toml`` cannot be read, or its ``[tool.stackdeck]`` holds what we do not know.
    """
    root = find_root(options.directory)
    overrides = _overrides(root / "pyproject.toml")
    template = next((root / name for name in TEMPLATE_NAMES if (root / name).is_file()), None)
    alembic = [root / overrides.alembic] if overrides.alembic else [root / "alembic.ini", root / "pyproject.toml"]
    return Project(
        root=root,
        env_file=options.env_file or root / ".env",
        env_file_given=options.env_file is not None,
        template=template,
        alembic=next((path for path in alembic if _configures_alembic(path)), None),
        overrides=overrides,
    )


def _configures_alembic(path: Path) -> bool:
    if not path.is_file():
        return False
    return path.suffix != ".toml" or "[tool.alembic]" in path.read_text(encoding="utf-8", errors="replace")


def _overrides(path: Path) -> Overrides:
    if not path.is_file():
        return Overrides()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _invalid(path, str(error)) from None
    table = document.get("tool", {}).get("stackdeck", {})
    if not isinstance(table, dict):
        raise _invalid(path, "[tool.stackdeck] must be a table")
    known = {"runtime", "service", "alembic"}
    for key, value in table.items():
        if key not in known:
            raise _invalid(path, f"[tool.stackdeck] has no setting {key!r}; there are {', '.join(sorted(known))}")
        if not isinstance(value, str):
            raise _invalid(path, f"[tool.stackdeck] {key} must be a string, not {value!r}")
    runtime = table.get("runtime")
    if runtime is not None and runtime not in set(RuntimeName):
        raise _invalid(path, f"[tool.stackdeck] runtime must be one of {', '.join(RuntimeName)}, not {runtime!r}")
    return Overrides(
        runtime=RuntimeName(runtime) if runtime is not None else None,
        service=table.get("service"),
        alembic=table.get("alembic"),
    )


def _invalid(path: Path, cause: str) -> Failure:
    return Failure(
        Finding(
            Code.PROJECT_SETTINGS_INVALID,
            f"{path.name} cannot be used",
            f"{path}: {cause}",
            fixes=(Fix("Correct the file"),),
        )
    )
