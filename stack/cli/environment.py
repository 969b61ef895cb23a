"""``env check``, ``env init`` and ``env set``: the variables and their file."""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.cli.command import add_command
from stack.cli.output import JSON, Console, Outcome, align

if TYPE_CHECKING:
    from stack.cli.command import Commands
    from stack.environment.report import Variable
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
    """Change one variable where it stands; every other byte of the file stays."""

    name: str
    value: str

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Write it, unless it cannot be used or would be read differently by Compose and Python."""
        from stack.environment.edit import set_value

        file = workspace.project.env_file
        set_value(workspace.project, self.name, self.value)
        return Outcome({"file": str(file), "name": self.name}, f"wrote {self.name} to {file}")


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("must be KEY=VALUE")
    return name, value


def _origin(variable: "Variable") -> str:
    return f"{variable.source.value}:{variable.line}" if variable.line else variable.source.value


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


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    noun = commands.add_parser("env", help="the settings in .env", allow_abbrev=False)
    verbs = noun.add_subparsers(required=True, metavar="VERB")
    add_command(verbs, "check", "say what each variable is and what is wrong with it", lambda _: Check())
    setting = add_command(
        verbs, "set", "change one variable, and nothing else in the file", lambda a: Set(*a.assignment)
    )
    setting.add_argument("assignment", type=_assignment, metavar="KEY=VALUE")
    add_command(verbs, "init", "make .env from the template, with generated passwords", lambda _: Init())
