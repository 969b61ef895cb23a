"""`env check` and the Environment screen: every variable with where it comes from, and all that is wrong."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.environment.assignments import Fault, Source
from stack.environment.checks import CHECKS
from stack.environment.comparison import Difference, against_template
from stack.environment.hygiene import judge, look
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
    `type` is what its value must be, in a person's words, and empty where nobody says. `findings` are what is wrong
    with it, the worst first.
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
    type: str
    findings: tuple[Finding, ...] = ()

    @property
    def problem(self) -> str | None:
        """The worst that is wrong with it, in a sentence."""
        return self.findings[0].title if self.findings else None


@dataclass(frozen=True, slots=True)
class EnvironmentReport:
    """One look at a project's environment; `file` is where its `.env` is or belongs.

    `differences` are those from the template.
    """

    file: Path
    variables: tuple[Variable, ...]
    findings: tuple[Finding, ...]
    differences: tuple[Difference, ...] = ()


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
        (*(fault for check in CHECKS for fault in check(readings)), *_file_faults(readings)),
        key=lambda fault: rank(fault.finding.severity),
    )
    return EnvironmentReport(
        file=project.env_file,
        variables=tuple(
            _variable(readings, name, tuple(fault.finding for fault in faults if name in fault.names))
            for name in readings.names
        ),
        findings=tuple(fault.finding for fault in faults),
        differences=against_template(readings),
    )


def plain(value: Value) -> str | None:
    """Return the text of `value`, be it secret or not: for comparing, and for whoever asked to see it."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def masked(value: Value) -> str | None:
    """Return `value` as it may be shown: a secret is hidden, whatever its length."""
    return MASK if isinstance(value, SecretStr) else value


def _file_faults(readings: Readings) -> Iterator[Fault]:
    state = look(readings.project.env_file)
    if readings.text is not None and state is not None:
        for finding in judge(readings.project, readings.text, state):
            yield Fault((), finding)


def _variable(readings: Readings, name: str, findings: tuple[Finding, ...]) -> Variable:
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
        description=setting.meaning if setting else readings.notes.get(name, ""),
        type=setting.type if setting else "",
        findings=findings,
    )
