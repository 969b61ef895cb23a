"""``doctor``: the checklist from an engine to data, its fixes, and a report for a bug tracker."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stack.amounts import size
from stack.cli.command import UsageError, add_command
from stack.cli.output import Console, Outcome, finding_json
from stack.doctor.examination import CheckStatus, Report
from stack.findings import Code, Failure, Finding, Fix
from stack.services.approval import lose_all, losses_text

if TYPE_CHECKING:
    from stack.cli.command import Command, Commands
    from stack.workspace import Workspace

MOST: Final = 20
"""Fixes that one command carries out, should each of them turn up something new."""

MARKS = {CheckStatus.PASS: "✓", CheckStatus.WARN: "!", CheckStatus.FAIL: "✗", CheckStatus.SKIP: "·"}


@dataclass(frozen=True, slots=True)
class Examine:
    """Run every check."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Run them."""
        return _outcome(await workspace.examine())


@dataclass(frozen=True, slots=True)
class Mend:
    """Mend all that is called `code`, each by its first fix that needs no person, then run every check again.

    Where a `way` is given it is that one of each, counted from 1, and only of what is found at first: what comes to
    light by it has other ways. Where `dump` names a file, the database is written to it before anything is done. What
    destroys data is done only where it is `confirmed`.
    """

    code: Code
    confirmed: bool
    dump: Path | None
    way: int | None = None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Mend one finding after the other, looking again after each: what mends one may mend, or change, the next."""
        done: list[_Done] = []
        report = await workspace.examine()
        offered = [self._to_do(finding) for finding in self._found(report)]
        if self.confirmed:
            workspace.approval = lose_all
        while (found := self._found(report)) and len(done) < MOST:
            left = (it for finding in found if (it := self._to_do(finding)) and it not in done)
            todo = next((it for it in left if self.way is None or it in offered), None)
            if todo is None:
                break
            try:
                await self._apply(todo.fix, workspace, console, is_first=not done)
            except Failure as failure:
                return _outcome(await workspace.examine(), *map(str, done), before=failure.findings)
            done.append(todo)
            report = await workspace.examine()
        if not done and not found:
            return _outcome(report, f"{self.code.value} is not found: there is nothing to fix.")
        return _outcome(
            report, *map(str, done), *(self._still_there(finding, done) for finding in found), failed=bool(found)
        )

    def _found(self, report: Report) -> list[Finding]:
        return [finding for finding in report.findings if finding.code is self.code]

    def _to_do(self, finding: Finding) -> "_Done | None":
        number = self.way or 1
        return _Done(finding.title, finding.ways[number - 1]) if number <= len(finding.ways) else None

    def _still_there(self, finding: Finding, done: Sequence["_Done"]) -> str:
        """Say why `finding` is there in the end."""
        if not finding.ways:
            return f"Only a person can mend this: {finding.title}"
        todo = self._to_do(finding)
        if todo is None:
            return f"It has no way {self.way}, but {len(finding.ways)}: {finding.title}"
        return f"{'It is still found after that' if todo in done else 'Left'}: {finding.title}"

    async def _apply(self, fix: Fix, workspace: "Workspace", console: Console, *, is_first: bool) -> None:
        if fix.destructive and not self.confirmed:
            raise Failure(self._destroys(fix))
        if self.dump and is_first:
            written = await (await workspace.services()).dump(self.dump, progress=console.progress)
            console.progress(f"Dumped the database to {self.dump}: {size(written)}")
        console.progress(fix.title)
        await workspace.mend(fix, console.progress)

    def _destroys(self, fix: Fix) -> Finding:
        command = f"stackdeck doctor --fix {self.code.value}{f' --way {self.way}' if self.way else ''}"
        return Finding(
            Code.CONFIRMATION_NEEDED,
            f"«{fix.title}» destroys data",
            f"{losses_text(fix.losses) or 'It cannot be brought back.'} Nothing has been touched.",
            fixes=(
                Fix("Write a dump of the database first, then do it", f"{command} --dump FILE --yes", destructive=True),
                Fix("Do it without one", f"{command} --yes", destructive=True),
            ),
        )


@dataclass(frozen=True, slots=True)
class PrintReport:
    """Print a report for a bug tracker."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Write it on stdout."""
        text = await workspace.write_report()
        return Outcome({"report": text, "file": None}, text.rstrip("\n"))


@dataclass(frozen=True, slots=True)
class SaveReport:
    """Save a report for a bug tracker to a new file."""

    file: Path

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Write it there."""
        path = str(await workspace.save_report(self.file))
        return Outcome({"report": None, "file": path}, f"The report is in {path}. Look it through before you send it.")


@dataclass(frozen=True, slots=True)
class _Done:
    """A fix with the title of what it is for."""

    finding: str
    fix: Fix

    def __str__(self) -> str:
        return f"Done: {self.fix.title}"


def _outcome(report: Report, *said: str, before: tuple[Finding, ...] = (), failed: bool = False) -> Outcome:
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
        "\n".join([*said, *([""] if said else []), *lines]),
        tuple(dict.fromkeys((*before, *report.findings))),
        failed=failed or bool(before),
    )


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    doctor = add_command(commands, "doctor", "the checklist from an engine to data, and its fixes", _command)
    doctor.add_argument("--fix", metavar="CODE", type=_code, help="apply the fix of this finding")
    doctor.add_argument(
        "--way", metavar="N", type=int, choices=range(1, MOST + 1), help="not the first way to fix it, but the N-th"
    )
    doctor.add_argument("--yes", action="store_true", help="also where the fix destroys data")
    doctor.add_argument("--dump", type=Path, metavar="FILE", help="write a dump of the database to FILE first")
    doctor.add_argument(
        "--report", type=Path, metavar="FILE", help="write a report for a bug tracker to FILE, or to stdout for -"
    )


def _command(arguments: argparse.Namespace) -> "Command":
    if arguments.fix is None and (arguments.yes or arguments.dump or arguments.way):
        raise UsageError("--way, --yes and --dump are about what --fix does")
    if arguments.fix and arguments.report:
        raise UsageError("--report changes nothing, so --fix has no part in it")
    if arguments.fix:
        return Mend(Code(arguments.fix), bool(arguments.yes), arguments.dump, arguments.way)
    if arguments.report is None:
        return Examine()
    return PrintReport() if str(arguments.report) == "-" else SaveReport(arguments.report)


def _code(text: str) -> str:
    if text not in set(Code):
        raise argparse.ArgumentTypeError(f"there is no finding called {text!r}")
    return text
