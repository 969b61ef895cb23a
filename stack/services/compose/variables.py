"""The variables around a project's Compose files: what the shell sets, and the `.env` files beneath it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.bounded import read_bounded
from stack.environment.compose_grammar import EnvSyntaxError, parse
from stack.findings import Code, Failure, Finding, Fix
from stack.project import Project

# As Go's `strconv.ParseBool`, with which Compose reads its own switches.
_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")

_BESIDE: Final = ".env"


@dataclass(frozen=True, slots=True)
class Variables:
    """What the shell sets, over what the `.env` files set; `given` are those that were asked for by name."""

    shell: Mapping[str, str]
    env_file: Mapping[str, str]
    given: tuple[Path, ...] = ()

    def lookup(self, name: str) -> str | None:
        """Return the value of `name`; the shell's wins, even where it is empty."""
        value = self.shell.get(name)
        return self.env_file.get(name) if value is None else value


def read_variables(project: Project, environ: Mapping[str, str]) -> Variables:
    """Read the file that ``--env-file`` names, else those of ``COMPOSE_ENV_FILES``, else the project's own `.env`.

    Raises:
        Failure: one cannot be read, or was asked for by name and is not there.
    """
    given = _given(project, environ)
    values: dict[str, str] = {}
    for path in given:
        found = _read(path, Variables(environ, values))
        if found is None:
            raise Failure(
                Finding(Code.ENV_MISSING, f"{path.name} does not exist", f"{path} was asked for and is not there")
            )
        values |= found
    if given or _is_disabled(environ):
        return Variables(environ, values, given)
    return Variables(environ, _read_beside(project.env_file, Variables(environ, {})))


def with_variables_beside(variables: Variables, project: Project, directory: Path) -> Variables:
    """Add beneath `variables` the `.env` in the `directory` of the Compose file, where that is not the project's own.

    Raises:
        Failure: it cannot be read.
    """
    path = directory / _BESIDE
    if variables.given or path == project.env_file or _is_disabled(variables.shell):
        return variables
    return Variables(variables.shell, {**_read_beside(path, variables), **variables.env_file})


def active_profiles(variables: Variables) -> frozenset[str]:
    """Return the profiles that ``COMPOSE_PROFILES`` turns on; ``*`` is all of them."""
    names = (name.strip() for name in (variables.lookup("COMPOSE_PROFILES") or "").split(","))
    return frozenset(name for name in names if name)


def _given(project: Project, environ: Mapping[str, str]) -> tuple[Path, ...]:
    if project.env_file_given:
        return (project.env_file,)
    listed = environ.get("COMPOSE_ENV_FILES")
    return tuple(project.root / name for name in listed.split(",")) if listed else ()


def _is_disabled(environ: Mapping[str, str]) -> bool:
    return environ.get("COMPOSE_DISABLE_ENV_FILE") in _TRUE


def _read_beside(path: Path, around: Variables) -> Mapping[str, str]:
    # A directory of that name is passed over: some keep a virtual environment there.
    return {} if path.is_dir() else _read(path, around) or {}


def _read(path: Path, around: Variables) -> Mapping[str, str] | None:
    """Return what the file `path` sets, or None where there is none; its variables are looked up `around` it first."""
    try:
        return parse(read_bounded(path).decode("utf-8"), around.lookup).values
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise _unreadable(path, "it is no text in UTF-8") from None
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except EnvSyntaxError as error:
        raise Failure(
            Finding(
                Code.ENV_SYNTAX,
                f"{path.name}, line {error.line}: {error.message}",
                f"{path}, line {error.line}, column {error.column}; "
                "Compose cannot read it, and so nothing that depends on it",
                fixes=(Fix(f"Correct line {error.line} of {path.name}"),),
            )
        ) from None


def _unreadable(path: Path, reason: str) -> Failure:
    return Failure(Finding(Code.ENV_UNREADABLE, f"{path.name} cannot be read", f"{path}: {reason}"))
