"""``env check``, ``show``, ``diff``, ``init`` and ``set``: the variables and their file."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stack.cli.asking import ask_value
from stack.cli.command import add_command
from stack.cli.output import JSON, Console, Outcome, align
from stack.findings import Code, Failure, Finding, Fix, Severity

if TYPE_CHECKING:
    from stack.cli.command import Commands
    from stack.environment.comparison import Difference
    from stack.environment.diff import LineChange
    from stack.environment.report import EnvironmentReport, Variable
    from stack.services.in_use import StaleUse
    from stack.text import SecretStr
    from stack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Check:
    """Say what each variable is, where it comes from, and what is wrong with it."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Read the file and judge it."""
        from stack.environment.report import masked

        report = workspace.environment()
        rows = [("VARIABLE", "VALUE", "FROM", "PROBLEM")]
        rows += [(v.name, masked(v.value) or "", _origin(v), v.problem or "") for v in report.variables]
        return Outcome(
            {"file": str(report.file), "variables": [_variable_json(variable) for variable in report.variables]},
            align(rows),
            report.findings,
        )


@dataclass(frozen=True, slots=True)
class Show:
    """Say what is in use: each variable's value, its type and its meaning; secrets only where they are `revealed`."""

    revealed: tuple[str, ...]

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Read the file."""
        from stack.environment.report import masked, plain

        report = _readable(workspace)
        for name in self.revealed:
            if name not in {variable.name for variable in report.variables}:
                raise Failure(_unknown(report, name))
        values = {v.name: plain(v.value) if v.name in self.revealed else masked(v.value) for v in report.variables}
        rows = [("VARIABLE", "VALUE", "FROM", "TYPE", "MEANING")]
        rows += [(v.name, values[v.name] or "", _origin(v), v.type, v.description) for v in report.variables]
        return Outcome(
            {
                "file": str(report.file),
                "variables": [
                    {
                        "name": v.name,
                        "value": values[v.name],
                        "secret": v.secret,
                        "source": v.source.value,
                        "line": v.line,
                        "type": v.type,
                        "meaning": v.description,
                    }
                    for v in report.variables
                ],
            },
            align(rows),
        )


@dataclass(frozen=True, slots=True)
class Diff:
    """Compare `.env` with its template, and what is in use with what is written."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Read the files and ask the engine."""
        report = _readable(workspace)
        unseen: tuple[Finding, ...] = ()
        try:
            stale = await workspace.stale_uses()
        except Failure as failure:
            # The files can be compared all the same.
            unseen, stale = tuple(replace(it, severity=Severity.WARNING) for it in failure.findings), ()
        template = workspace.project.template
        variables = {variable.name: variable for variable in report.variables}
        return Outcome(
            {
                "file": str(report.file),
                "template": str(template) if template else None,
                "differences": [_difference_json(it, variables[it.name]) for it in report.differences],
                "in_use": [
                    {
                        "service": use.service,
                        "name": use.name,
                        "key": use.key,
                        "change": use.change,
                        "in_volume": use.in_volume,
                    }
                    for use in stale
                ],
            },
            _comparison(report, template.name if template else None, stale),
            unseen,
        )


@dataclass(frozen=True, slots=True)
class Init:
    """Make `.env` from the template, with passwords of its own."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Write the file, unless there is one."""
        made = workspace.init_environment()
        lines = [f"wrote {made.path}, readable by you alone"]
        lines += [f"  {name}: generated" for name in made.generated]
        lines += [f"  {port.name}={port.chosen}, because {port.taken} is taken" for port in made.ports]
        return Outcome(
            {
                "file": str(made.path),
                "generated": list(made.generated),
                "ports": [{"name": p.name, "taken": p.taken, "chosen": p.chosen} for p in made.ports],
            },
            "\n".join(lines),
        )


@dataclass(frozen=True, slots=True)
class Set:
    """Change one variable where it stands; every other byte of the file stays. Without a `value`, ask for it."""

    name: str
    value: str | None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Write it, unless it cannot be used or would be read differently by Compose and Python."""
        from stack.environment.edit import set_value

        value = ask_value(self.name) if self.value is None else self.value
        edit = set_value(workspace.project, self.name, value)
        done = f"wrote {self.name} to {edit.path}" if edit.changes else f"{edit.path} says so already"
        return Outcome(
            {
                "file": str(edit.path),
                "name": self.name,
                "changes": [{"line": it.line, "before": it.before, "after": it.after} for it in edit.changes],
            },
            "\n".join((done, *_diff_lines(edit.changes))),
        )


def _readable(workspace: "Workspace") -> "EnvironmentReport":
    """Return the variables; what is wrong with the file is `check`'s to say, unless nothing of it can be read."""
    report = workspace.environment()
    if report.findings and not report.variables:
        raise Failure(*report.findings)
    return report


def _unknown(report: "EnvironmentReport", name: str) -> Finding:
    return Finding(
        Code.ENV_VARIABLE_MISSING,
        f"There is no variable {name}",
        f"Neither {report.file}, nor its template, nor the settings have one of that name.",
        fixes=(Fix("See which there are", "stackdeck env show"),),
    )


def _comparison(report: "EnvironmentReport", template: str | None, stale: "tuple[StaleUse, ...]") -> str:
    from stack.environment.report import masked

    variables = {variable.name: variable for variable in report.variables}
    parts = []
    if report.differences:
        rows = [("VARIABLE", f"IN {report.file.name}", f"IN {template}", "")]
        for it in report.differences:
            variable = variables[it.name]
            rows.append((it.name, masked(_written(variable)) or "", masked(variable.template_value) or "", it.kind))
        parts.append(align(rows))
    else:
        parts.append(f"{report.file.name} is as {template}" if template else "There is no template to compare with")
    if stale:
        rows = [("VARIABLE", "SERVICE", "IN USE AND WRITTEN", "")]
        for use in stale:
            note = "kept by the volume" if use.in_volume else "until it is recreated"
            rows.append((use.name, use.service, f"{use.key}: {use.change}", note))
        parts.append(align(rows))
    return "\n\n".join(parts)


def _diff_lines(changes: "tuple[LineChange, ...]") -> Iterator[str]:
    for change in changes:
        for sign, text in (("-", change.before), ("+", change.after)):
            if text is not None:
                yield f"  {change.line:>4} {sign} {text.strip()}"


def _assignment(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    return name, value if equals else None


def _origin(variable: "Variable") -> str:
    return f"{variable.source.value}:{variable.line}" if variable.line else variable.source.value


def _written(variable: "Variable") -> "str | SecretStr | None":
    return variable.as_compose if variable.as_python is None else variable.as_python


def _variable_json(variable: "Variable") -> dict[str, JSON]:
    from stack.environment.report import masked

    return {
        "name": variable.name,
        "value": masked(variable.value),
        "secret": variable.secret,
        "source": variable.source.value,
        "line": variable.line,
        "template_value": masked(variable.template_value),
        "as_compose": masked(variable.as_compose),
        "as_python": masked(variable.as_python),
        "problem": variable.problem,
    }


def _difference_json(difference: "Difference", variable: "Variable") -> dict[str, JSON]:
    from stack.environment.report import masked

    return {
        "name": difference.name,
        "kind": difference.kind.value,
        "value": masked(_written(variable)),
        "template_value": masked(variable.template_value),
    }


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    noun = commands.add_parser("env", help="the settings in .env", allow_abbrev=False)
    verbs = noun.add_subparsers(required=True, metavar="VERB")
    add_command(verbs, "check", "say what each variable is and what is wrong with it", lambda _: Check())
    showing = add_command(verbs, "show", "say what is in use, and what it means", lambda a: Show(tuple(a.reveal)))
    showing.add_argument("--reveal", metavar="NAME", action="append", default=[], help="show this secret")
    add_command(verbs, "diff", "compare .env with its template and with what is in use", lambda _: Diff())
    setting = add_command(
        verbs, "set", "change one variable, and nothing else in the file", lambda a: Set(*a.assignment)
    )
    setting.add_argument(
        "assignment",
        type=_assignment,
        metavar="KEY[=VALUE]",
        help="without a value it is asked for, or read from a pipe, so that a secret is in no list of processes",
    )
    add_command(verbs, "init", "make .env from the template, with generated passwords", lambda _: Init())
