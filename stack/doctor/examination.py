"""Run checks along what they need, so that one broken thing gives one failure and not ten."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from stack.crash import internal_finding
from stack.findings import Code, Failure, Finding, Fix, Severity

PATIENCE: Final = 2.0
"""Seconds after which a check gives up and says so."""

Subject = TypeVar("Subject")


class CheckStatus(StrEnum):
    """How a check ended. `SKIP` means that it cannot be known yet."""

    PASS = "pass"  # noqa: S105 - a status
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Passed:
    """What a check saw when all was well, in a few words, and perhaps what one could do next."""

    title: str
    suggestion: Finding | None = None


@dataclass(frozen=True, slots=True)
class Check(Generic[Subject]):
    """One question about a stack.

    `explanation` tells someone new what the thing is for. `needs` are ids of checks that must not fail first. `run`
    returns `Passed`, or raises `Failure` with what is wrong.
    """

    id: str
    title: str
    explanation: str
    needs: tuple[str, ...]
    run: Callable[[Subject], Awaitable[Passed]]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one check ended; `title` says what was seen, or why it was skipped."""

    id: str
    status: CheckStatus
    title: str
    explanation: str
    finding: Finding | None = None

    @property
    def fix(self) -> Fix | None:
        """What can be done about it here, if anything can."""
        return self.finding.automatic_fix if self.finding else None


@dataclass(frozen=True, slots=True)
class Report:
    """The checklist, in the order of the checks."""

    checks: tuple[CheckResult, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is in the way of working."""
        return all(check.status in {CheckStatus.PASS, CheckStatus.WARN} for check in self.checks)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything found, in the order of the checks."""
        return tuple(check.finding for check in self.checks if check.finding)

    @property
    def next(self) -> CheckResult | None:
        """The check to see to next: the first failure, else the first thing that a fix could better."""
        failed = next((check for check in self.checks if check.status is CheckStatus.FAIL), None)
        return failed or next((check for check in self.checks if check.fix), None)


async def examine(subject: Subject, checks: Sequence[Check[Subject]], patience: float = PATIENCE) -> Report:
    """Run all `checks` on `subject`, each as soon as what it needs is known, and return their results in order."""
    tasks: dict[str, asyncio.Task[CheckResult]] = {}
    async with asyncio.TaskGroup() as group:
        for check in checks:
            needed = [tasks[need] for need in check.needs]
            tasks[check.id] = group.create_task(_run(check, needed, subject, patience))
    return Report(tuple(task.result() for task in tasks.values()))


async def _run(
    check: Check[Subject], needed: Sequence[asyncio.Task[CheckResult]], subject: Subject, patience: float
) -> CheckResult:
    for task in needed:
        result = await task
        if result.status in {CheckStatus.FAIL, CheckStatus.SKIP}:
            return CheckResult(check.id, CheckStatus.SKIP, f"{check.title}: waits for {result.id}", check.explanation)
    try:
        async with asyncio.timeout(patience):
            passed = await check.run(subject)
    except Failure as failure:
        return _failed(check, failure.finding)
    except TimeoutError:
        return _failed(check, _gave_up(check.title, patience))
    except Exception as error:  # noqa: BLE001 - one check's mistake is a finding of its own, and the others go on
        return _failed(check, internal_finding(error))
    return CheckResult(check.id, CheckStatus.PASS, passed.title, check.explanation, passed.suggestion)


def _failed(check: Check[Subject], finding: Finding) -> CheckResult:
    status = CheckStatus.FAIL if finding.severity is Severity.ERROR else CheckStatus.WARN
    return CheckResult(check.id, status, finding.title, check.explanation, finding)


def _gave_up(title: str, patience: float) -> Finding:
    return Finding(
        Code.CHECK_TIMEOUT,
        f"{title}: no answer within {patience:g} s",
        "Something accepts connections and does not answer: an overloaded engine or server, or a firewall.",
        fixes=(Fix("Try again; if it stays, restart the engine or check the way to the server"),),
    )
