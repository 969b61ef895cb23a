"""`env check` and the Environment screen: every variable with where it comes from, and all that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.environment.assignments import Source
from stack.environment.checks import CHECKS
from stack.environment.model import SETTINGS
from stack.environment.readings import Readings, read
from stack.environment.secrecy import is_placeholder
from stack.findings import Failure, Finding, Severity
from stack.project import Project
from stack.text import MASK, SecretStr

Value = str | SecretStr | None
"""A variable's value: text, a secret that must be asked for, or none."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, in both grammars and beside its template.

    `value` is what is in use: the shell's, else the file's, else the setting's default. `line` is the file's, from 1,
    also where the shell hides it. `as_compose` and `as_python` are the file's readings, None where it has none.
    `problem` is the worst that is wrong with it, in a sentence.
    """

    name: str
    value: Value
    secret: bool
    source: Source
    line: int | None
    template_value: Value
    as_compose: Value
    as_python: Value
    description: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class EnvironmentReport:
    """One look at a project's environment; `file` is where its `.env` is or belongs."""

    file: Path
    variables: tuple[Variable, ...]
    findings: tuple[Finding, ...]


def check_environment(project: Project, environ: Mapping[str, str]) -> EnvironmentReport:
    """Read the project's `.env` and template in both grammars, and return what is there and what is wrong.

    A file that cannot be read is among the findings, the worst of which come first; nothing is raised. A healthy
    project has none.
    """
    try:
        readings = read(project, environ)
    except Failure as failure:
        return EnvironmentReport(project.env_file, (), failure.findings)
    rank = list(Severity).index
    faults = sorted(
        (fault for check in CHECKS for fault in check(readings)), key=lambda fault: rank(fault.finding.severity)
    )
    problems: dict[str, str] = {}
    for fault in faults:
        for name in fault.names:
            problems.setdefault(name, fault.finding.title)
    return EnvironmentReport(
        file=project.env_file,
        variables=tuple(_variable(readings, name, problems.get(name)) for name in readings.names),
        findings=tuple(fault.finding for fault in faults),
    )


def masked(value: Value) -> str | None:
    """Return `value` as it may be shown: a secret is hidden, whatever its length."""
    return MASK if isinstance(value, SecretStr) else value


def _variable(readings: Readings, name: str, problem: str | None) -> Variable:
    assignment, setting = readings.assignment(name), SETTINGS.get(name)
    default = setting.default if setting else None
    value = (assignment.value or None if setting else assignment.value) if assignment else None
    source = assignment.source if assignment and (value is not None or default is None) else None
    secret = readings.is_secret(name)

    example = readings.template.get(name)

    def wrap(text: str | None) -> Value:
        return SecretStr(text) if secret and text is not None else text

    return Variable(
        name=name,
        value=wrap(default if value is None else value),
        secret=secret,
        source=source or (Source.TEMPLATE if name in readings.template and default is None else Source.DEFAULT),
        line=readings.line(name),
        template_value=example if example is None or is_placeholder(example) else wrap(example),
        as_compose=wrap(readings.compose_values.get(name)),
        as_python=wrap(readings.as_python(name)),
        description=setting.meaning if setting else "",
        problem=problem,
    )
