"""The Doctor screen: it follows the world, shows what a step does before it is done, and never flashes."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from stack.doctor.examination import CheckResult, CheckStatus, Report, Stage
from stack.findings import Code, Failure, Finding, Fix, Gauge, Loss, Severity
from stack.services.control import State
from tests.support.fake_workspace import DB, FakeWorkspace, checks
from tests.tui.support import deck_over, shown, until
from tui.actions import Place
from tui.widgets.checklist import rows
from tui.widgets.plan_question import PlanQuestion

SIZE = (80, 24)

DOCKER = Stage("runtime", "Docker", "Docker runs Postgres in a container.", headline="runtime")
SERVER = Stage("services", "Database server", "The Compose file says which servers there are.", headline="services")


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


async def do(_progress):
    """Be a fix."""


def found(title, *fixes, severity=Severity.ERROR, code=Code.DATABASE_PASSWORD):
    return Finding(code, title, f"Why {title}.", severity, evidence="what was seen", fixes=fixes)


def result(name, stage, finding=None, *, others=()):
    status = CheckStatus.PASS
    if finding:
        status = CheckStatus.FAIL if finding.severity is Severity.ERROR else CheckStatus.WARN
    return CheckResult(name, stage, status, finding.title if finding else f"{name} is well", finding, others=others)


def report(server=None, clock=None):
    """Two stages of two checks; what `server` and `clock` find, if anything."""
    return Report(
        (
            result("runtime", DOCKER),
            result("clock", DOCKER, clock),
            result("ports", SERVER),
            result("services", SERVER, server),
        )
    )


def test_a_stage_is_one_row_until_it_is_unfolded_but_for_what_did_not_pass():
    skewed = found("the clock is wrong", severity=Severity.WARNING)
    now = report(server=found("db is not well"), clock=skewed)
    assert [row.key for row in rows(now, frozenset())] == ["runtime", "services"]
    assert [row.check.title for row in rows(now, frozenset())] == ["the clock is wrong", "db is not well"]
    assert [row.key for row in rows(now, frozenset({"services"}))] == [
        "runtime",
        "services",
        "services/ports",
        "services/services",
    ]


def test_a_suggestion_beside_its_stages_headline_has_a_row():
    seed = found("no bookings", Fix("Seed", apply=do), severity=Severity.INFO)
    passed = CheckResult("data", SERVER, CheckStatus.PASS, "no bookings", seed)
    now = Report((result("services", SERVER), passed))
    assert now.next is passed
    assert [row.key for row in rows(now, frozenset())] == ["services", "services/data"]


async def test_the_list_changes_by_itself_as_services_do():
    workspace = FakeWorkspace()
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "All is well" in shown(deck))
        workspace.report = checks("services", Fix("Start db", apply=do))
        services = workspace.fake_services
        services.status_now = replace(services.status_now, services=(replace(DB, state=State.EXITED),))
        await until(pilot, lambda: "▶ ✗ services is not well" in shown(deck) and "Start db" in shown(deck))
        assert "All is well" not in shown(deck)


async def test_space_unfolds_a_stage_and_the_arrows_look_at_other_lines():
    workspace = FakeWorkspace()
    workspace.report = report(server=found("db is not well", Fix("Start db", "stackdeck up db", apply=do)))
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "▶ ✗ db is not well" in shown(deck))
        assert "ports is well" not in shown(deck)
        await pilot.press("space")
        await until(pilot, lambda: "ports is well" in shown(deck) and "Database server" in shown(deck))
        await pilot.press("space")
        await until(pilot, lambda: "ports is well" not in shown(deck))
        await pilot.press("up")
        await until(pilot, lambda: "This check" in shown(deck) and "Docker runs Postgres" in shown(deck))
        assert "Start db" not in shown(deck)
        await pilot.press("down")
        await until(pilot, lambda: "Next step" in shown(deck) and "Start db" in shown(deck))


async def test_what_was_picked_gives_way_to_the_next_step_when_it_is_mended():
    workspace = FakeWorkspace()
    skewed = found("the clock is wrong", severity=Severity.WARNING)
    workspace.report = report(server=found("db is not well", Fix("Start db", apply=do)), clock=skewed)
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "▶ ✗ db is not well" in shown(deck))
        await pilot.press("up")
        await until(pilot, lambda: "Why the clock is wrong." in shown(deck))
        workspace.report = replace(report(server=found("db is not well", Fix("Start db", apply=do))))
        deck.screen.look()
        await until(pilot, lambda: "Why db is not well." in shown(deck))


async def test_a_key_chooses_among_several_ways_out_and_enter_does_that_one():
    workspace, done = FakeWorkspace(), []

    def way(name):
        async def apply(_progress):
            done.append(name)

        return Fix(name, f"stackdeck {name}", apply=apply)

    workspace.report = report(server=found("db is not well", way("first"), Fix("by hand"), way("second")))
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: " ⏎  first" in shown(deck))
        assert "$ stackdeck first" in shown(deck)
        assert "→  by hand" in shown(deck)
        assert "a Another way" in shown(deck)
        await pilot.press("a")
        await until(pilot, lambda: " ⏎  second" in shown(deck) and "$ stackdeck second" in shown(deck))
        await pilot.press("enter")
        await until(pilot, lambda: bool(done) and not deck.busy)
        assert done == ["second"]


async def test_what_was_chosen_stays_chosen_while_the_ways_out_are_the_same():
    workspace = FakeWorkspace()

    def ways(*titles):
        return report(server=found("db is not well", *(Fix(title, apply=do) for title in titles)))

    workspace.report = ways("Start db", "Delete the volume (17.1 MB)")
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: " ⏎  Start db" in shown(deck))
        await pilot.press("a")
        await until(pilot, lambda: " ⏎  Delete the volume (17.1 MB)" in shown(deck))
        # It has grown since, by itself.
        workspace.report = ways("Start db", "Delete the volume (18 MB)")
        deck.screen.look()
        await until(pilot, lambda: " ⏎  Delete the volume (18 MB)" in shown(deck))
        workspace.report = ways("Pull the image", "Delete the volume (18 MB)")
        deck.screen.look()
        await until(pilot, lambda: " ⏎  Pull the image" in shown(deck))


async def test_several_findings_of_one_check_are_all_told():
    workspace = FakeWorkspace()
    other = found("a second thing")
    workspace.report = Report((result("services", SERVER, found("db is not well"), others=(other,)),))
    assert [finding.title for finding in workspace.report.findings] == ["db is not well", "a second thing"]
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "Also: a second thing" in shown(deck))
        assert "what was seen" not in shown(deck)
        await pilot.press("w")
        await until(pilot, lambda: "Why a second thing." in shown(deck) and "what was seen" in shown(deck))


async def test_old_results_stay_while_a_step_is_done_and_its_gauges_are_shown_in_place():
    workspace, gate = FakeWorkspace(), asyncio.Event()

    async def apply(progress):
        progress("pulling", (Gauge("postgres", 5_000_000, 10_000_000),))
        await gate.wait()
        workspace.report = checks()

    workspace.report = checks("services", Fix("Start db", "stackdeck up db", apply=apply))
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "▶ ✗ services is not well" in shown(deck))
        await pilot.press("enter")
        await until(pilot, lambda: "50 %" in shown(deck))
        assert "▶ ✗ services is not well" in shown(deck)
        seen = set()
        gate.set()
        await until(pilot, lambda: seen.add(shown(deck)) or "All is well" in shown(deck))
        assert not any("Looking at the project" in each for each in seen)


async def test_a_fix_that_fails_says_why_and_the_list_stays():
    workspace = FakeWorkspace()

    async def apply(_progress):
        raise Failure(found("the port is taken"))

    workspace.report = checks("services", Fix("Start db", apply=apply))
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "Start db" in shown(deck))
        await pilot.press("enter")
        await until(pilot, lambda: "the port is taken" in shown(deck) and "failed after" in shown(deck))
        assert "▶ ✗ services is not well" in shown(deck)


async def test_a_destructive_fix_says_how_much_is_lost_and_needs_the_projects_name():
    workspace, done = FakeWorkspace(), asyncio.Event()

    async def destroy(_progress):
        done.set()

    losses = (Loss("The volume bookings_data is deleted", 48_000_000),)
    workspace.report = checks("services", Fix("Begin anew", destructive=True, losses=losses, apply=destroy))
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "Begin anew" in shown(deck) and "bookings" in shown(deck))
        assert "✗ The volume bookings_data is deleted (48.0 MB)" in shown(deck)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        assert "(48.0 MB)" in shown(deck)
        await pilot.press("y", "enter")
        await pilot.pause(0.05)
        assert isinstance(deck.screen, PlanQuestion)
        assert not done.is_set()
        await pilot.press(*"bookings", "enter")
        await asyncio.wait_for(done.wait(), 5)
        assert not [asked for asked in workspace.fake_services.asked if asked[0] == "dump"]


@pytest.mark.parametrize("dump_works", [True, False])
async def test_the_database_is_dumped_first_and_nothing_is_destroyed_without_the_dump(dump_works):
    workspace = FakeWorkspace()
    asked = workspace.fake_services.asked

    async def destroy(_progress):
        asked.append(("destroy",))

    async def no_dump(_file, *, progress):
        raise Failure(found("there is no room", code=Code.DUMP_FAILED))

    if not dump_works:
        workspace.fake_services.dump = no_dump
    workspace.report = checks("services", Fix("Begin anew", destructive=True, apply=destroy))
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "✗ destroys data" in shown(deck) and deck.vitals.project == "bookings")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        await pilot.press("d")
        await until(pilot, lambda: "/nowhere/bookings-" in shown(deck))
        await pilot.press(*"bookings", "enter")
        await until(pilot, lambda: deck.job is not None and not deck.job.running)
        told = [entry[0] for entry in asked if entry[0] in {"dump", "destroy"}]
        assert told == (["dump", "destroy"] if dump_works else [])
        await until(pilot, lambda: ("there is no room" in shown(deck)) != dump_works)


async def test_when_all_is_well_it_is_an_overview_with_sizes_that_are_measured_once():
    workspace = FakeWorkspace()
    workspace.fake_services.status_now = replace(
        workspace.fake_services.status_now,
        services=(DB, replace(DB, service="pgadmin", image="dpage/pgadmin4:9", ports=("127.0.0.1:5050->80/tcp",))),
    )
    deck = deck_over(workspace)
    async with deck.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "bookings_data, 48.0 MB" in shown(deck))
        for text in ("PostgreSQL 16.4, 0.6 ms, 8.4 MB", "bookings 134 MB", "http://127.0.0.1:5050", "0003 +2"):
            assert text in shown(deck)
        for _ in range(3):
            deck.screen.look()
            await until(pilot, lambda: not deck.screen._awaits)
        assert workspace.measured == 1


async def test_a_warning_that_only_a_person_can_mend_leaves_the_overview_and_can_be_read():
    workspace = FakeWorkspace()
    workspace.report = report(clock=found("the clock is wrong", Fix("Set the clock"), severity=Severity.WARNING))
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "Nothing is in the way" in shown(deck))
        await pilot.press("down")
        await until(pilot, lambda: "→  Set the clock" in shown(deck))
        await pilot.press("enter")
        await until(pilot, lambda: deck.front.place is Place.TABLES)


async def test_a_click_looks_at_a_line():
    workspace = FakeWorkspace()
    workspace.report = report(server=found("db is not well", Fix("Start db", apply=do)))
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "▶ ✗ db is not well" in shown(deck))
        await pilot.click(deck.screen.checklist, offset=(6, 0))
        await until(pilot, lambda: "This check" in shown(deck))


async def test_a_key_writes_a_bug_report_and_says_where():
    workspace = FakeWorkspace()
    deck = deck_over(workspace)
    async with deck.run_test(size=(100, 30), notifications=True) as pilot:
        await until(pilot, lambda: "All is well" in shown(deck))
        await pilot.press("b")
        await until(pilot, lambda: str(Path("/nowhere/report.md")) in shown(deck))
