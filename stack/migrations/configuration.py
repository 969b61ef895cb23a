"""Where a project keeps its migrations: ``alembic.ini`` or ``[tool.alembic]``, read without running any of its code."""

import sys
import threading
import warnings
from collections.abc import Iterator
from configparser import Error as InvalidIniError
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Final

from alembic.config import Config
from alembic.util import CommandError

from stack.findings import Code, Failure, Finding, Fix
from stack.project import Project

_WARNINGS: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Configuration:
    """A project's Alembic configuration.

    `directory` is what relative paths in it start from, and where its code runs. `scripts` holds ``env.py``;
    `versions` are the directories with revisions, searched in depth where `recursive`.
    """

    ini: Path | None
    toml: Path | None
    directory: Path
    scripts: Path
    versions: tuple[Path, ...]
    recursive: bool


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Python's warnings, on a project's old settings or odd strings, from the terminal that a screen is drawn on.

    The filters are the whole process's, so that one thread at a time may do this.
    """
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def locate(project: Project) -> Configuration:
    """Read where the migrations of `project` are.

    Raises:
        Failure: there is no configuration (`Code.MIGRATIONS_MISSING`), or it cannot be read or names a directory that
            is not there (`Code.MIGRATIONS_BROKEN`).
    """
    if project.alembic is None:
        raise _missing()
    path, directory = project.alembic, project.alembic.parent
    ini = None if path.suffix == ".toml" else path
    pyproject = directory / "pyproject.toml"
    toml = path if ini is None else pyproject if pyproject.is_file() else None
    try:
        with quiet():
            config = Config(ini, toml)
            location = config.get_alembic_option("script_location")
            versions = config.get_version_locations_list() or []
            search = config.get_prepend_sys_paths_list() or []
            recursive = config.get_alembic_boolean_option("recursive_version_locations")
            sourceless = config.get_alembic_boolean_option("sourceless")
    except (InvalidIniError, TOMLDecodeError, CommandError, OSError, ValueError, KeyError, TypeError) as error:
        raise broken(path, None, str(error)) from None
    if location is None:
        raise broken(path, None, "it has no script_location")
    if sourceless:
        raise broken(path, None, "sourceless is set, and compiled revisions cannot be read here")
    found = _resolve(location, directory, search)
    if not found.is_dir():
        raise broken(path, None, f"script_location names {found}, which is no directory")
    return Configuration(
        ini=ini,
        toml=toml,
        directory=directory,
        scripts=found,
        versions=tuple(_resolve(each, directory, search) for each in versions) or (found / "versions",),
        recursive=recursive,
    )


def broken(path: Path, line: int | None, cause: str, evidence: str | None = None) -> Failure:
    """Return the failure of migrations that cannot be read, because of `path`, at its `line` where one is known."""
    where = f"{path}:{line}" if line else str(path)
    return Failure(
        Finding(
            Code.MIGRATIONS_BROKEN,
            "The migrations cannot be read",
            f"{where}: {cause}",
            evidence=evidence,
            fixes=(Fix(f"Correct {path.name}"),),
        )
    )


def _resolve(location: str, directory: Path, search: list[str]) -> Path:
    """Return the directory that `location` means: a path, or ``package:path`` inside a Python package.

    The package is looked for and not imported.
    """
    package, colon, rest = location.partition(":")
    if not colon or Path(location).is_absolute():
        return directory / location
    places = [*(str(directory / each) for each in search), str(directory), *sys.path]
    for name in package.split("."):
        spec = PathFinder.find_spec(name, places)
        if spec is None or spec.submodule_search_locations is None:
            return directory / location
        places = list(spec.submodule_search_locations)
    return Path(places[0], *rest.split(":"))


def _missing() -> Failure:
    return Failure(
        Finding(
            Code.MIGRATIONS_MISSING,
            "The project has no migrations",
            "There is neither an alembic.ini nor a [tool.alembic] in pyproject.toml at the project's root.",
            fixes=(
                Fix('Name the file: alembic = "path/to/alembic.ini" under [tool.stackdeck] in pyproject.toml'),
                Fix("Begin with migrations", "alembic init --template async migrations"),
            ),
        )
    )
