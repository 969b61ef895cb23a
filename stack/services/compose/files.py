"""Which Compose files a project has, and under which name."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.findings import Code, Failure, Finding, Fix
from stack.project import COMPOSE_FILE_NAMES, Project
from stack.services.compose.model import Position
from stack.services.compose.nodes import InvalidNode
from stack.services.compose.variables import Variables

OVERRIDE_FILE_NAMES: Final = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
"""In the order in which Compose prefers them."""

_LETTERS: Final = "a-z, 0-9, _ and -, beginning with a letter or a digit"
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9_-]")


def find_files(project: Project, variables: Variables) -> tuple[Path, ...]:
    """Return the Compose files in the order in which they are merged.

    They are those of ``COMPOSE_FILE``, or else what the nearest directory at or above the project's root holds.

    Raises:
        Failure: there is none, or one that ``COMPOSE_FILE`` names is not there.
    """
    listed = variables.lookup("COMPOSE_FILE")
    if listed is not None:
        separator = variables.lookup("COMPOSE_PATH_SEPARATOR") or os.pathsep
        files = tuple(_absolute(project.root, name) for name in listed.split(separator))
        for file in files:
            if not file.is_file():
                raise _missing(f"COMPOSE_FILE names {file}, which is no file")
        return files
    for directory in (project.root, *project.root.parents):
        found = _first(directory, COMPOSE_FILE_NAMES)
        if found is not None:
            override = _first(directory, OVERRIDE_FILE_NAMES)
            return (found,) if override is None else (found, override)
    raise _missing(f"neither {project.root} nor a directory above it has one of {', '.join(COMPOSE_FILE_NAMES)}")


def _first(directory: Path, names: tuple[str, ...]) -> Path | None:
    # Whatever is there counts, as it does to Compose: what is no file says so where it is read. A link that leads
    # nowhere counts where there is nothing else.
    there = [directory / name for name in names if os.path.lexists(directory / name)]
    return next((path for path in there if path.exists()), there[0] if there else None)


def _absolute(directory: Path, name: str) -> Path:
    # As text, since the path goes into labels: cleaned, with symbolic links kept.
    return Path(os.path.normpath(directory / name))


def _missing(cause: str) -> Failure:
    return Failure(
        Finding(
            Code.COMPOSE_FILE_MISSING,
            "There is no Compose file here",
            cause,
            fixes=(Fix("Open a directory that has one, with --project"),),
        )
    )


@dataclass(frozen=True, slots=True)
class WrittenName:
    """What ``name:`` in a file says, interpolated."""

    text: str
    position: Position


def project_name(written: WrittenName | None, directory: Path, variables: Variables) -> str:
    """Return the project's name: ``COMPOSE_PROJECT_NAME``, else the `written` one, else that of the `directory`.

    Raises:
        Failure: ``COMPOSE_PROJECT_NAME`` is no such name, or nothing is left to make one of.
        InvalidNode: nothing is left of the written name.
    """
    given = variables.lookup("COMPOSE_PROJECT_NAME")
    if given:
        if given != _normalized(given):
            raise _no_name("COMPOSE_PROJECT_NAME is not a project's name")
        return given
    if written is not None and written.text and not _normalized(written.text):
        raise InvalidNode(written.position, f"name: expected {_LETTERS}")
    name = _normalized(written.text if written else "") or _normalized(directory.name)
    if not name:
        raise _no_name(f"the name of {directory} has none of the letters that a project's name is made of")
    return name


def _normalized(name: str) -> str:
    return _NOT_IN_NAMES.sub("", name.lower()).lstrip("_-")


def _no_name(cause: str) -> Failure:
    return Failure(
        Finding(
            Code.COMPOSE_FILE_INVALID,
            "The Compose project has no usable name",
            f"{cause}: expected {_LETTERS}",
            fixes=(Fix("Write a name: at the top of the Compose file"),),
        )
    )
