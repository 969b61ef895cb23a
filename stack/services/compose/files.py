"""Which Compose files a project has, under which name, and with which variables around them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.environment.compose_grammar import EnvSyntaxError, parse
from stack.findings import Code, Failure, Finding, Fix
from stack.project import COMPOSE_FILE_NAMES, Project

OVERRIDE_FILE_NAMES: Final = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
"""In the order in which Compose prefers them."""

_TRUE: Final = ("1", "t", "true", "y", "yes", "on")
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9_-]")
_ENV_MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Variables:
    """What the shell sets, over what `.env` sets."""

    shell: Mapping[str, str]
    env_file: Mapping[str, str]

    def lookup(self, name: str) -> str | None:
        """Return the value of `name`; the shell's wins, even where it is empty."""
        value = self.shell.get(name)
        return self.env_file.get(name) if value is None else value


def read_variables(project: Project, environ: Mapping[str, str]) -> Variables:
    """Read the project's `.env`, if there is one and ``COMPOSE_DISABLE_ENV_FILE`` does not forbid it.

    Raises:
        Failure: it cannot be read, or it was asked for by name and is not there.
    """
    if not project.env_file_given and environ.get("COMPOSE_DISABLE_ENV_FILE", "").lower() in _TRUE:
        return Variables(environ, {})
    path = project.env_file
    try:
        with path.open("rb") as stream:
            content = stream.read(_ENV_MAX_BYTES + 1)
        if len(content) > _ENV_MAX_BYTES:
            raise _unreadable(path, "it is larger than 1 MiB")
        env = parse(content.decode("utf-8"), environ.get)
    except FileNotFoundError:
        if project.env_file_given:
            raise Failure(
                Finding(Code.ENV_MISSING, f"{path.name} does not exist", f"{path} was asked for and is not there")
            ) from None
        return Variables(environ, {})
    except UnicodeDecodeError:
        raise _unreadable(path, "it is no text in UTF-8") from None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except EnvSyntaxError as error:
        raise Failure(
            Finding(
                Code.ENV_SYNTAX,
                f"{path.name}, line {error.line}: {error.message}",
                f"Compose cannot read {path}, and so nothing that depends on it",
                fixes=(Fix(f"Correct line {error.line} of {path.name}"),),
            )
        ) from None
    return Variables(environ, env.values)


def _unreadable(path: Path, reason: str) -> Failure:
    return Failure(Finding(Code.ENV_UNREADABLE, f"{path.name} cannot be read", f"{path}: {reason}"))


def find_files(project: Project, variables: Variables) -> tuple[Path, ...]:
    """Return the Compose files, in the order in which they are merged: ``COMPOSE_FILE``, or what the directory holds.

    Raises:
        Failure: there is none, or one that ``COMPOSE_FILE`` names is not there.
    """
    listed = variables.lookup("COMPOSE_FILE")
    if listed:
        separator = variables.lookup("COMPOSE_PATH_SEPARATOR") or os.pathsep
        files = tuple(_absolute(project.root, name) for name in listed.split(separator) if name)
        for file in files:
            if not file.is_file():
                raise _missing(f"COMPOSE_FILE names {file}, which is no file")
        if files:
            return files
    found = _first(project.root, COMPOSE_FILE_NAMES)
    if found is None:
        raise _missing(f"{project.root} has none of {', '.join(COMPOSE_FILE_NAMES)}")
    override = _first(project.root, OVERRIDE_FILE_NAMES)
    return (found,) if override is None else (found, override)


def _first(directory: Path, names: tuple[str, ...]) -> Path | None:
    return next((directory / name for name in names if (directory / name).is_file()), None)


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


def project_name(written: str | None, directory: Path, variables: Variables) -> str:
    """Return the project's name: ``COMPOSE_PROJECT_NAME``, else the `written` one, else that of the `directory`.

    Raises:
        Failure: ``COMPOSE_PROJECT_NAME`` is no such name, or nothing is left to make one of.
    """
    given = variables.lookup("COMPOSE_PROJECT_NAME")
    if given:
        if given != _normalized(given):
            raise _no_name("COMPOSE_PROJECT_NAME is not a project's name")
        return given
    name = _normalized(written or "") or _normalized(directory.name)
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
            f"{cause}: expected a-z, 0-9, _ and -, beginning with a letter or a digit",
            fixes=(Fix("Write a name: at the top of the Compose file"),),
        )
    )


def active_profiles(variables: Variables) -> frozenset[str]:
    """Return the profiles that ``COMPOSE_PROFILES`` turns on; ``*`` is all of them."""
    names = (name.strip() for name in (variables.lookup("COMPOSE_PROFILES") or "").split(","))
    return frozenset(name for name in names if name)
