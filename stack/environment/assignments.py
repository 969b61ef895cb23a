"""Where a variable's value comes from, and what is wrong with it. The shell wins over the file, as for Compose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from stack.environment.files import describe
from stack.environment.python_grammar import PythonEnv
from stack.findings import Finding
from stack.project import Project


class Source(StrEnum):
    """Who says a variable's value; `TEMPLATE` where only the template has the variable, which sets nothing."""

    SHELL = "shell"
    FILE = "file"
    DEFAULT = "default"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A variable's value and who says it; `line` is the file's, from 1."""

    name: str
    value: str = field(repr=False)
    source: Source
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong with some variables."""

    names: tuple[str, ...]
    finding: Finding


def assign(env: PythonEnv, environ: Mapping[str, str], name: str) -> Assignment | None:
    """Return what sets `name`, or None; a variable that the shell sets to nothing hides the file's all the same."""
    if name in environ:
        return Assignment(name, environ[name], Source.SHELL)
    entry = env.effective.get(name)
    if entry is None or entry.value is None:
        return None
    return Assignment(name, entry.value, Source.FILE, entry.line)


def place(project: Project, assignment: Assignment) -> str:
    """Return where `assignment` was made, in words."""
    if assignment.source is Source.SHELL:
        return "the shell"
    return f"{describe(project, project.env_file)}, line {assignment.line}"
