"""One look at a project's `.env`: its two readings, its template, the shell's variables, the settings."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from stack.environment import compose_grammar, python_grammar
from stack.environment.assignments import Assignment, Fault, Source, assign
from stack.environment.compose_grammar import ComposeEnv, EnvSyntaxError
from stack.environment.files import read_env
from stack.environment.model import SETTINGS, Settings
from stack.environment.notes import notes_of
from stack.environment.python_grammar import PythonEnv
from stack.environment.secrecy import is_secret
from stack.environment.settings import settings_of
from stack.project import Project

_REFERENCE: Final = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
_EXAMPLE: Final = re.compile(r"^[^\S\n]*#[^\S\n]*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Readings:
    """What `.env`, its template and the shell say.

    `text` is the file's, None where there is none. `compose` is the error where Compose refuses the file. `template`
    has the template's values in Python's reading, `notes` its comments on them, `examples` the names in its commented
    lines. `secrets` are the variables of the file with a secret in their value, for what they refer to as well.
    """

    project: Project
    environ: Mapping[str, str] = field(repr=False)
    text: str | None = field(repr=False)
    python: PythonEnv
    compose: ComposeEnv | EnvSyntaxError
    compose_values: Mapping[str, str] = field(repr=False)
    template: Mapping[str, str] = field(repr=False)
    notes: Mapping[str, str]
    examples: frozenset[str]
    settings: Settings | tuple[Fault, ...]
    secrets: frozenset[str]

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self.text is not None

    @property
    def uses_settings(self) -> bool:
        """Whether this project knows our settings; another one has names of its own."""
        own = SETTINGS.keys() - {"DATABASE_URL"}
        return not own.isdisjoint(self.python.effective.keys() | self.template.keys() | self.examples)

    @property
    def names(self) -> tuple[str, ...]:
        """Every variable that concerns this project: the template's, the file's, then the other settings."""
        compose = self.compose.entries if isinstance(self.compose, ComposeEnv) else ()
        written = [*self.template, *self.python.effective, *(entry.name for entry in compose)]
        settings = [name for name in SETTINGS if name in self.environ or (self.uses_settings and name in _SHOWN)]
        return tuple(dict.fromkeys((*written, *settings)))

    def as_python(self, name: str) -> str | None:
        """Return what Python reads from the file for `name`."""
        entry = self.python.effective.get(name)
        return entry.value if entry is not None else None

    def written(self, name: str) -> str:
        """Return the assignment of `name` as it stands in the file, which may be a secret."""
        lines = (self.text or "").splitlines()
        entry, line = self.python.effective.get(name), self.line(name)
        return entry.text.strip() if entry else lines[line - 1] if line and line <= len(lines) else ""

    def line(self, name: str) -> int | None:
        """Return the line of the file that counts for `name`."""
        if (entry := self.python.effective.get(name)) is not None:
            return entry.line
        compose = self.compose.entries if isinstance(self.compose, ComposeEnv) else ()
        return next((entry.line for entry in reversed(compose) if entry.name == name), None)

    def assignment(self, name: str) -> Assignment | None:
        """Return what sets `name`; a line that only Compose can read counts too."""
        found = assign(self.python, self.environ, name)
        if found is not None or name not in self.compose_values:
            return found
        return Assignment(name, self.compose_values[name], Source.FILE, self.line(name))

    def is_secret(self, name: str) -> bool:
        """Return whether the value of `name` must not be shown: for its name, its looks or what it refers to."""
        return name in self.secrets or is_secret(name, self.environ.get(name))


_SHOWN: Final = SETTINGS.keys() - {"DATABASE_URL"}


def read(project: Project, environ: Mapping[str, str]) -> Readings:
    """Read the project's `.env` and its template.

    Raises:
        Failure: one of them is there and cannot be read.
    """
    text = read_env(project.env_file)
    template = (read_env(project.template) if project.template is not None else None) or ""
    in_template = python_grammar.parse(template, lambda _name: None)
    python = python_grammar.parse(text or "", environ.get)
    compose = _read_by_compose(text or "", environ)
    compose_values = compose.values if isinstance(compose, ComposeEnv) else {}

    def is_own(name: str) -> bool:
        entry = python.effective.get(name)
        values = (environ.get(name), entry.value if entry else None, compose_values.get(name))
        return any(is_secret(name, value) for value in values)

    return Readings(
        project=project,
        environ=environ,
        text=text,
        python=python,
        compose=compose,
        compose_values=compose_values,
        template={name: entry.value or "" for name, entry in in_template.effective.items()},
        notes=notes_of(template),
        examples=frozenset(_EXAMPLE.findall(template)),
        settings=settings_of(project, text, environ),
        secrets=_reaching(_references(text or "", python, compose_values), is_own),
    )


def _references(text: str, python: PythonEnv, compose: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    # Where the two do not agree on a value, they may not agree on where it ends either.
    anything = frozenset(_REFERENCE.findall(text))
    references = dict.fromkeys(python.effective.keys() | compose.keys(), frozenset[str]())
    for entry in python.entries:
        references[entry.name] |= frozenset(_REFERENCE.findall(entry.text))
    agreed = {name for name, entry in python.effective.items() if entry.value == compose.get(name)}
    return {name: found if name in agreed else anything for name, found in references.items()}


def _reaching(references: Mapping[str, frozenset[str]], wanted: Callable[[str], bool]) -> frozenset[str]:
    """Return the names that are `wanted`, and those that refer to one, however many steps away."""
    # By what they refer to, since those on which the readings differ all refer to everything.
    alike: dict[frozenset[str], list[str]] = {}
    for name, referred in references.items():
        alike.setdefault(referred, []).append(name)
    found = {name for name in references.keys() | frozenset().union(*alike) if wanted(name)}
    users: dict[str, list[frozenset[str]]] = {}
    for referred in alike:
        for name in referred:
            users.setdefault(name, []).append(referred)
    pending = [*found]
    while pending:
        for referred in users.get(pending.pop(), ()):
            reached = set(alike.pop(referred, ())) - found
            found |= reached
            pending += reached
    return frozenset(found)


def _read_by_compose(text: str, environ: Mapping[str, str]) -> ComposeEnv | EnvSyntaxError:
    try:
        return compose_grammar.parse(text, environ.get)
    except EnvSyntaxError as error:
        return error
