"""``doctor``: the checklist from an engine to data, and its fixes."""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.cli.command import add_command
from stack.cli.output import Console, Outcome, finding_json
from stack.doctor.examination import CheckStatus, Report
from stack.findings import Code, Failure, Finding, Fix

if TYPE_CHECKING:
    from stack.cli.command import Commands
    from stack.workspace import Workspace

MARKS = {CheckStatus.PASS: "✓", CheckStatus.WARN: "!", CheckStatus.FAIL: "✗", CheckStatus.SKIP: "·"}


@dataclass(frozen=True, slots=True)
class Examine:
    """Run every check."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Run them."""
        return _outcome(await workspace.examine())


@dataclass(frozen=True, slots=True)
class Mend:
    """Apply the first fix of the finding called `code`, then run every check again."""

    code: Code
    confirmed: bool

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Find it, mend it, look again."""
        finding = next((f for f in (await workspace.examine()).findings if f.code is self.code), None)
        if finding is None:
            raise Failure(
                Finding(
                    self.code,
                    f"There is no finding {self.code.value} to fix",
                    "The doctor does not find it now.",
                    fixes=(Fix("See what it finds", "stackdeck doctor"),),
                )
            )
        fix = finding.automatic_fix
        if fix is None:
            raise Failure(finding)
        if fix.destructive and not self.confirmed:
            raise Failure(
                Finding(
                    Code.CONFIRMATION_NEEDED,
                    f"«{fix.title}» destroys data",
                    "It is done only when asked for twice.",
                    fixes=(Fix(fix.title, f"stackdeck doctor --fix {self.code.value} --yes", destructive=True),),
                )
            )
        console.progress(fix.title)
        await workspace.mend(fix, console.progress)
        return _outcome(await workspace.examine())


def _outcome(report: Report) -> Outcome:
    lines = [
        line
        for stage in report.stages
        for line in (
            f"{MARKS[stage.status]} {stage.title}",
            *(f"    {MARKS[check.status]} {check.title}" for check in stage.others),
        )
    ]
    return Outcome(
        {
            "checks": [
                {
                    "id": check.id,
                    "status": check.status.value,
                    "title": check.title,
                    "finding": finding_json(check.finding) if check.finding else None,
                }
                for check in report.checks
            ],
            "ok": report.ok,
        },
        "\n".join(lines),
        report.findings,
    )


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    doctor = add_command(
        commands,
        "doctor",
        "the checklist from an engine to data, and its fixes",
        lambda a: Mend(Code(a.fix), bool(a.yes)) if a.fix else Examine(),
    )
    doctor.add_argument("--fix", metavar="CODE", type=_code, help="apply the fix of this finding")
    doctor.add_argument("--yes", action="store_true", help="also where the fix destroys data")


def _code(text: str) -> str:
    if text not in set(Code):
        raise argparse.ArgumentTypeError(f"there is no finding called {text!r}")
    return text
