"""One broken thing gives one failure; what depends on it waits; nothing hangs."""

import asyncio

from stack.doctor.examination import Check, CheckStatus, Passed, examine
from stack.findings import Code, Failure, Finding, Fix, Severity


def check(name, *needs, outcome=None):
    async def run(log):
        log.append(name)
        if isinstance(outcome, Finding):
            raise Failure(outcome)
        if outcome == "slip":
            raise ZeroDivisionError("a mistake of ours")
        if outcome == "hang":
            await asyncio.Event().wait()
        return outcome or Passed(f"{name} is well")

    return Check(name, name, f"what {name} is for", needs, run)


async def do(_progress):
    """Be a fix."""


BROKEN = Finding(Code.ENGINE_UNREACHABLE, "broken", "cause", fixes=(Fix("by hand"), Fix("mend", apply=do)))


async def test_what_depends_on_a_failure_is_skipped_and_not_run():
    ran = []
    report = await examine(
        ran, [check("a"), check("b", "a", outcome=BROKEN), check("c", "b"), check("d", "c"), check("e", "a")]
    )
    assert [result.status.value for result in report.checks] == ["pass", "fail", "skip", "skip", "pass"]
    assert sorted(ran) == ["a", "b", "e"]
    assert report.findings == (BROKEN,)
    assert not report.ok
    assert report.next
    assert report.next.id == "b"


async def test_a_warning_stands_in_nobodys_way():
    warning = Finding(Code.ENV_VARIABLE_MISSPELLED, "hm", "cause", Severity.WARNING)
    report = await examine([], [check("a", outcome=warning), check("b", "a")])
    assert [result.status for result in report.checks] == [CheckStatus.WARN, CheckStatus.PASS]
    assert report.ok


async def test_a_suggestion_is_the_next_step_when_all_is_well():
    empty = Finding(Code.BOOKINGS_EMPTY, "empty", "cause", Severity.INFO, fixes=(Fix("seed", apply=do),))
    report = await examine([], [check("a"), check("b", outcome=Passed("b is well", empty))])
    assert report.ok
    assert report.next
    assert report.next.id == "b"


async def test_a_check_that_hangs_gives_up_and_says_so():
    report = await examine([], [check("a", outcome="hang"), check("b")], patience=0.01)
    assert report.checks[0].finding
    assert report.checks[0].finding.code is Code.CHECK_TIMEOUT
    assert report.checks[1].status is CheckStatus.PASS


async def test_a_mistake_in_one_check_is_a_finding_and_the_others_go_on(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    report = await examine([], [check("a", outcome="slip"), check("b")])
    assert report.checks[0].finding
    assert report.checks[0].finding.code is Code.INTERNAL
    assert list(tmp_path.rglob("*.txt"))
    assert report.checks[1].status is CheckStatus.PASS
