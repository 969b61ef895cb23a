"""One broken thing gives one failure; what depends on it waits; nothing hangs."""

import asyncio

from stack.doctor.checklist import CHECKS
from stack.doctor.examination import Check, CheckStatus, Passed, Stage, examine
from stack.findings import Code, Failure, Finding, Fix, Severity

STAGE = Stage("stage", "Stage", "What the stage is for.", headline="b")


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

    return Check(name, STAGE, name, needs, run)


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


async def test_a_skipped_check_names_the_failure_and_not_another_that_waits():
    report = await examine([], [check("a", outcome=BROKEN), check("b", "a"), check("c", "b")])
    assert [result.waits_for for result in report.checks] == [None, "a", "a"]
    assert report.checks[2].title == "c: waits for a"


async def test_a_stage_stands_as_the_worst_of_its_checks_in_that_checks_words():
    well = await examine([], [check("a"), check("b")])
    assert [(stage.status, stage.title) for stage in well.stages] == [(CheckStatus.PASS, "b is well")]
    warning = Finding(Code.ENV_VARIABLE_MISSPELLED, "hm", "cause", Severity.WARNING)
    ill = await examine([], [check("b"), check("a", outcome=warning), check("c", outcome=BROKEN), check("d", "c")])
    (stage,) = ill.stages
    assert (stage.status, stage.title) == (CheckStatus.FAIL, "broken")
    assert [check.title for check in stage.others] == ["hm"]


async def test_the_order_of_checks_need_not_be_that_of_their_needs():
    ran = []
    report = await examine(ran, [check("a", "b"), check("b")])
    assert ran == ["b", "a"]
    assert [result.id for result in report.checks] == ["a", "b"]


def test_the_checklist_goes_from_an_engine_to_data():
    stages = list(dict.fromkeys(check.stage.id for check in CHECKS))
    assert stages == ["runtime", "environment", "services", "database", "migrations", "data"]
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    assert {need for check in CHECKS for need in check.needs} <= {check.id for check in CHECKS}
