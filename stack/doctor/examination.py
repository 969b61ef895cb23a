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
class Stage:
    """A step on the way from an engine to data, which several checks look into.

    `explanation` tells someone new what the thing is for. `headline` is the id of the check whose words stand for the
    stage when all of it is well.
    """

    id: str
    title: str
    explanation: str
    headline: str


@dataclass(frozen=True, slots=True)
class Check(Generic[Subject]):
    """One question about a stack.

    `needs` are ids of checks that must have passed first, or warned. `run` returns `Passed`, or raises `Failure` with
    what is wrong.
    """

    id: str
    stage: Stage
    title: str
    needs: tuple[str, ...]
    run: Callable[[Subject], Awaitable[Passed]]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one check ended; `title` says what was seen, or why it was skipped.

    `waits_for` is the id of the failure that a skipped check waits for, `others` are what it found beside `finding`.
    """

    id: str
    stage: Stage
    status: CheckStatus
    title: str
    finding: Finding | None = None
    waits_for: str | None = None
    others: tuple[Finding, ...] = ()

    @property
    def fix(self) -> Fix | None:
        """What can be done about it here, if anything can."""
        return self.finding.automatic_fix if self.finding else None


@dataclass(frozen=True, slots=True)
class StageResult:
    """How one stage stands: as the worst of its `checks` does, which is `shown`, in its words."""

    stage: Stage
    shown: CheckResult
    checks: tuple[CheckResult, ...]

    @property
    def status(self) -> CheckStatus:
        """How it stands."""
        return self.shown.status

    @property
    def title(self) -> str:
        """What was seen."""
        return self.shown.title

    @property
    def others(self) -> tuple[CheckResult, ...]:
        """What else was found in this stage, beside what its title says."""
        found = (check for check in self.checks if check.status in {CheckStatus.FAIL, CheckStatus.WARN})
        return tuple(check for check in found if check is not self.shown)


@dataclass(frozen=True, slots=True)
class Report:
    """The checklist, in the order of the checks."""

    checks: tuple[CheckResult, ...]

    @property
    def stages(self) -> tuple[StageResult, ...]:
        """The stages, in the order in which they first come among the checks."""
        stages = dict.fromkeys(check.stage for check in self.checks)
        return tuple(_stage_result(stage, [c for c in self.checks if c.stage is stage]) for stage in stages)

    @property
    def ok(self) -> bool:
        """Whether nothing is in the way of working."""
        return all(check.status in {CheckStatus.PASS, CheckStatus.WARN} for check in self.checks)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything found, in the order of the checks."""
        return tuple(finding for check in self.checks if check.finding for finding in (check.finding, *check.others))

    @property
    def next(self) -> CheckResult | None:
        """The check to see to next: the first failure, else the first thing that a fix could better."""
        failed = next((check for check in self.checks if check.status is CheckStatus.FAIL), None)
        return failed or next((check for check in self.checks if check.fix), None)


async def examine(subject: Subject, checks: Sequence[Check[Subject]], patience: float = PATIENCE) -> Report:
    """Run all `checks` on `subject`, each as soon as what it needs is known, and return their results in order."""
    results = {check.id: asyncio.get_running_loop().create_future() for check in checks}
    async with asyncio.TaskGroup() as group:
        for check in checks:
            needed = [results[need] for need in check.needs]
            group.create_task(_settle(results[check.id], check, needed, subject, patience))
    return Report(tuple(results[check.id].result() for check in checks))


async def _settle(
    result: "asyncio.Future[CheckResult]",
    check: Check[Subject],
    needed: "Sequence[asyncio.Future[CheckResult]]",
    subject: Subject,
    patience: float,
) -> None:
    for need in needed:
        blocker = await need
        if blocker.status in {CheckStatus.FAIL, CheckStatus.SKIP}:
            failure = blocker.waits_for or blocker.id
            title = f"{check.title}: waits for {failure}"
            result.set_result(CheckResult(check.id, check.stage, CheckStatus.SKIP, title, waits_for=failure))
            return
    result.set_result(await _run(check, subject, patience))


async def _run(check: Check[Subject], subject: Subject, patience: float) -> CheckResult:
    try:
        async with asyncio.timeout(patience):
            passed = await check.run(subject)
    except Failure as failure:
        return _failed(check, *failure.findings)
    except TimeoutError:
        return _failed(check, _gave_up(check.title, patience))
    except Exception as error:  # noqa: BLE001 - one check's mistake is a finding of its own, and the others go on
        return _failed(check, internal_finding(error))
    return CheckResult(check.id, check.stage, CheckStatus.PASS, passed.title, passed.suggestion)


def _failed(check: Check[Subject], finding: Finding, *others: Finding) -> CheckResult:
    status = CheckStatus.FAIL if finding.severity is Severity.ERROR else CheckStatus.WARN
    return CheckResult(check.id, check.stage, status, finding.title, finding, others=others)


_GRAVITY: Final = (CheckStatus.FAIL, CheckStatus.WARN, CheckStatus.SKIP, CheckStatus.PASS)


def _stage_result(stage: Stage, checks: Sequence[CheckResult]) -> StageResult:
    worst = min((check.status for check in checks), key=_GRAVITY.index)
    shown = next((check for check in checks if check.status is worst), checks[0])
    if worst in {CheckStatus.PASS, CheckStatus.SKIP}:
        shown = next((check for check in checks if check.id == stage.headline), shown)
    return StageResult(stage, shown, tuple(checks))


def _gave_up(title: str, patience: float) -> Finding:
    return Finding(
        Code.CHECK_TIMEOUT,
        f"{title}: no answer within {patience:g} s",
        "Something accepts connections and does not answer: an overloaded engine or server, or a firewall.",
        fixes=(Fix("Try again; if it stays, restart the engine or check the way to the server"),),
    )
