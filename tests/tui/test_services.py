"""The Services screen: it follows the engine, asks before anything costs, and lends the terminal."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from stack.findings import Code, Failure, Finding, Gauge, Loss
from stack.project import RuntimeName
from stack.services.control import Action, Health, LogLine, PlanStep, ProbeRun, State, UpResult, Usage
from stack.services.runtime import RuntimeInUse
from tests.support.fake_workspace import DB, PGADMIN, FakeWorkspace
from tests.tui.support import deck_over, shown, until
from tui.widgets.choice import ChoiceMenu
from tui.widgets.plan_question import PlanPreview, PlanQuestion

NARROW = (80, 24)
WIDE = (120, 40)
MARKUP = "[@click=app.quit]x[/] [/] \x1b]52;c;AA\x07"

WEB = replace(
    PGADMIN,
    container="bookings-pgadmin-1",
    state=State.RUNNING,
    health=Health.HEALTHY,
    ports=("127.0.0.1:5050->5050/tcp",),
)
RECREATE = PlanStep(Action.RECREATED, "container bookings-db-1", 'environment.POSTGRES_DB: "app" → "bookings"')
LOSE = replace(RECREATE, losses=(Loss("The anonymous volume at /data is left behind", 48_000_000),))
KEEP = PlanStep(Action.KEPT, "volume bookings_data", "it is there")


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@contextlib.asynccontextmanager
async def services_screen(workspace, size=NARROW):
    """The Services screen of a deck over `workspace`, once it shows the services and knows who manages them."""
    deck = deck_over(workspace)
    async with deck.run_test(size=size, notifications=True) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: "postgres:16-alpine" in shown(deck) and deck.vitals.managed)
        yield deck, pilot


def done(workspace, *kinds):
    """What was asked of the services, of these kinds."""
    return [asked for asked in workspace.fake_services.asked if asked[0] in kinds]


# -- The watch


async def test_a_change_is_shown_without_being_asked_for():
    workspace = FakeWorkspace()
    services, asked = workspace.fake_services, []
    status = services.status

    async def counted():
        asked.append(1)
        return await status()

    services.status = counted
    async with services_screen(workspace) as (deck, pilot):
        assert "● healthy" in shown(deck)
        services.status_now = replace(
            services.status_now, services=(replace(DB, state=State.EXITED, health=Health.NONE), PGADMIN)
        )
        await until(pilot, lambda: "● exited" in shown(deck))
        assert not asked


async def test_a_lost_engine_is_said_what_was_seen_stays_as_old_and_comes_back():
    workspace = FakeWorkspace()
    services = workspace.fake_services
    well = services.status_now
    async with services_screen(workspace) as (deck, pilot):
        lost = Finding(Code.ENGINE_UNREACHABLE, "The engine has gone away", "Since 12:00:00; reconnecting.")
        services.status_now = replace(well, engine=replace(well.engine, reachable=False), findings=(lost,))
        await until(pilot, lambda: "The engine has gone away" in shown(deck))
        assert "○ healthy" in shown(deck)
        assert "reconnecting…" in shown(deck)
        services.status_now = well
        await until(pilot, lambda: "● healthy" in shown(deck) and "reconnecting" not in shown(deck))
        assert "The engine has gone away" not in shown(deck)


async def test_a_watch_that_failed_is_taken_up_again():
    workspace, broken = FakeWorkspace(), True
    services = workspace.fake_services

    async def gone():
        raise Failure(Finding(Code.ENGINE_CONTEXT_MISSING, "There is no context «prod»", "DOCKER_CONTEXT names it."))

    async def maybe():
        return await gone() if broken else services

    workspace.services = maybe
    deck = deck_over(workspace)
    async with deck.run_test(size=NARROW) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: "There is no context «prod»" in shown(deck))
        broken = False
        deck.look_at_vitals()
        await until(pilot, lambda: "● healthy" in shown(deck))
        assert "There is no context" not in shown(deck)


# -- The details


async def test_details_tell_the_engine_the_probes_and_the_use_and_stand_in_the_logs_place_on_a_narrow_terminal():
    workspace = FakeWorkspace()
    services = workspace.fake_services
    at = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    services.probes_now["db"] = (ProbeRun(at, 1, f"no {MARKUP}"), ProbeRun(at, 0, "accepting\nconnections\n"))
    async with services_screen(workspace) as (deck, pilot):
        await until(pilot, lambda: "Log of db" in shown(deck))
        assert not done(workspace, "usage")
        await pilot.press("i")
        await until(pilot, lambda: ("usage", "db") in services.asked)
        sample = Usage("db", "bookings-db-1", 0.125, 48_000_000, 2**31, 1000.0, 2000.0, 0.0, 4e6)
        services.samples.put_nowait((sample,))
        await until(pilot, lambda: "12.5 % of a core" in shown(deck))
        text = shown(deck)
        assert "Log of db" not in text
        assert "Docker Engine 28.0, from default" in text
        assert "48.0 MB of 2.1 GB" in text
        assert "w 4.0 MB/s" in text
        assert "exit 0  accepting" in text
        assert "exit 1  no [@click=app.quit]x[/] [/] ␛]52;c;AA␇" in text
        await pilot.press("i")
        await until(pilot, lambda: "Log of db" in shown(deck) and ("usage ends", "db") in services.asked)


async def test_on_a_wide_terminal_details_stand_beside_and_use_is_sampled_only_while_the_screen_is_in_front():
    workspace = FakeWorkspace()
    services = workspace.fake_services
    async with services_screen(workspace, WIDE) as (deck, pilot):
        await until(pilot, lambda: ("usage", "db") in services.asked)
        assert "Log of db" in shown(deck)
        assert "bookings-db-1" in shown(deck)
        await pilot.press("4")
        await until(pilot, lambda: ("usage ends", "db") in services.asked)
        await pilot.press("2")
        await until(pilot, lambda: done(workspace, "usage") == [("usage", "db")] * 2)
        await pilot.press("down")
        await until(pilot, lambda: "there is none" in shown(deck))
        await until(pilot, lambda: len(done(workspace, "usage ends")) == 2)


async def test_probes_are_asked_when_the_health_changes():
    workspace = FakeWorkspace()
    services = workspace.fake_services
    async with services_screen(workspace, WIDE) as (deck, pilot):
        await until(pilot, lambda: done(workspace, "probes") == [("probes", "db")])
        services.probes_now["db"] = (ProbeRun(datetime.now(UTC), 2, "no response"),)
        services.status_now = replace(services.status_now, services=(replace(DB, health=Health.UNHEALTHY), PGADMIN))
        await until(pilot, lambda: "exit 2  no response" in shown(deck))
        assert len(done(workspace, "probes")) == 2


async def test_what_is_outdated_says_so_field_by_field():
    workspace = FakeWorkspace()
    services = workspace.fake_services
    services.status_now = replace(
        services.status_now, services=(replace(DB, causes=("image: the tag moved", f"command: {MARKUP}")),)
    )
    async with services_screen(workspace, WIDE) as (deck, _):
        text = shown(deck)
        assert "(outdated)" in text
        assert "image: the tag moved" in text
        assert "command: [@click=app.quit]x[/] [/] ␛]52;c;AA␇" in text


# -- The plan


async def test_nothing_to_recreate_is_no_question():
    workspace = FakeWorkspace()
    workspace.fake_services.planned = (PlanStep(Action.STARTED, "container bookings-db-1", "it is exited"), KEEP)
    async with services_screen(workspace) as (deck, pilot):
        await pilot.press("u")
        await until(pilot, lambda: ("up",) in workspace.fake_services.asked and not deck.busy)
        assert not isinstance(deck.screen, PlanQuestion)
        await until(pilot, lambda: "$ docker compose up --detach --wait" in shown(deck))


async def test_what_would_be_recreated_is_asked_first_with_its_cause_and_composes_command():
    workspace = FakeWorkspace()
    workspace.fake_services.planned = (RECREATE, KEEP)
    async with services_screen(workspace) as (deck, pilot):
        await pilot.press("u")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        text = shown(deck)
        assert 'environment.POSTGRES_DB: "app" → "bookings"' in text
        assert "$ docker compose up" in text
        assert "LOSES" not in text
        await pilot.press("n")
        await until(pilot, lambda: "stopped after" in shown(deck))
        assert ("up",) not in workspace.fake_services.asked
        await pilot.press("u")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        await pilot.press("y")
        await until(pilot, lambda: ("up",) in workspace.fake_services.asked and not deck.busy)


async def test_what_would_be_lost_is_said_loudly_and_needs_the_projects_name():
    workspace = FakeWorkspace()
    workspace.fake_services.planned = (LOSE, KEEP)
    async with services_screen(workspace) as (deck, pilot):
        await pilot.press("u")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        assert "THIS LOSES DATA" in shown(deck)
        assert "The anonymous volume at /data is left behind (48.0 MB)" in shown(deck)
        await pilot.press("y", "enter")
        await until(pilot, lambda: "Type bookings to do it" in shown(deck))
        assert ("up",) not in workspace.fake_services.asked
        await pilot.press(*"bookings", "enter")
        await until(pilot, lambda: ("up",) in workspace.fake_services.asked and not deck.busy)
        assert not done(workspace, "dump")


async def test_a_dump_is_written_before_anything_is_lost():
    workspace = FakeWorkspace()
    async with services_screen(workspace) as (deck, pilot):
        await pilot.press("D")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        await pilot.press("d")
        await until(pilot, lambda: "The database is dumped to" in shown(deck))
        await pilot.press(*"bookings", "enter")
        await until(pilot, lambda: ("down", "remove") in workspace.fake_services.asked)
        (dump, down) = done(workspace, "dump", "down")
        assert dump[1].startswith("/nowhere/bookings-")
        assert down == ("down", "remove")


async def test_a_dump_that_fails_keeps_everything():
    workspace = FakeWorkspace()

    async def dump(file, *, progress):
        raise Failure(Finding(Code.ENGINE_DISK_FULL, "The disk is full", "No space for the dump."))

    workspace.fake_services.dump = dump
    async with services_screen(workspace) as (deck, pilot):
        await pilot.press("D")
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        await pilot.press("d", *"bookings", "enter")
        await until(pilot, lambda: "The disk is full" in shown(deck))
        assert not done(workspace, "down")


async def test_the_plan_can_be_looked_at_without_doing_anything():
    workspace = FakeWorkspace()
    workspace.fake_services.planned = (LOSE, KEEP)
    async with services_screen(workspace) as (deck, pilot):
        await pilot.press("v")
        await until(pilot, lambda: isinstance(deck.screen, PlanPreview))
        assert "Nothing is done." in shown(deck)
        assert "volume bookings_data" in shown(deck)
        await pilot.press("y", "escape")
        await until(pilot, lambda: not isinstance(deck.screen, PlanPreview))
        assert not done(workspace, "up")


async def test_a_fix_of_the_doctors_asks_before_it_recreates_too():
    workspace = FakeWorkspace()
    async with services_screen(workspace) as (deck, pilot):

        async def work(progress):
            await workspace.approval((RECREATE,))
            workspace.fake_services.asked.append(("mended",))

        deck.start_job("Start db", work, lambda _none: None)
        await until(pilot, lambda: isinstance(deck.screen, PlanQuestion))
        await pilot.press("y")
        await until(pilot, lambda: ("mended",) in workspace.fake_services.asked)


# -- Progress


async def test_a_pull_is_drawn_as_bars_the_whole_first():
    workspace, gate = FakeWorkspace(), asyncio.Event()

    async def up(services, *, pull, timeout, progress, approve):
        parts = [Gauge(f"layer{number:02}", 10**6 * number, 10**7) for number in range(12)]
        progress("Pulling postgres", [Gauge("postgres", 66 * 10**6, 12 * 10**7, rate=2e6), *parts])
        await gate.wait()
        return UpResult((), (), 1.0)

    workspace.up = up
    async with services_screen(workspace) as (deck, pilot):
        await pilot.press("u")
        await until(pilot, lambda: "55 %  66.0 MB of 120 MB  2.0 MB/s" in shown(deck))
        assert shown(deck).count("layer") == 2
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: shown(deck).count("layer") == 9)
        gate.set()
        await until(pilot, lambda: "done in" in shown(deck))
        assert "layer" not in shown(deck)


# -- The ways out of the deck


async def test_psql_gets_the_terminal_and_the_deck_comes_back(monkeypatch):
    workspace = FakeWorkspace()
    services, events = workspace.fake_services, []

    @contextlib.contextmanager
    def suspend():
        events.append("handed over")
        yield
        events.append("taken back")

    async def psql(arguments):
        events.append("psql")
        services.status_now = replace(services.status_now, services=(replace(DB, state=State.EXITED), PGADMIN))
        return 3

    services.psql = psql
    async with services_screen(workspace) as (deck, pilot):
        monkeypatch.setattr(deck, "suspend", suspend)
        await pilot.press("p")
        await until(pilot, lambda: "psql ended with status 3" in shown(deck))
        assert events == ["handed over", "psql", "taken back"]
        await until(pilot, lambda: "● exited" in shown(deck))


async def test_the_terminal_comes_back_whatever_psql_raises(monkeypatch):
    workspace, events = FakeWorkspace(), []

    @contextlib.contextmanager
    def suspend():
        yield
        events.append("taken back")

    async def psql(arguments):
        raise Failure(Finding(Code.SERVICE_NOT_RUNNING, "db does not run", "There is no container."))

    workspace.fake_services.psql = psql
    async with services_screen(workspace) as (deck, pilot):
        monkeypatch.setattr(deck, "suspend", suspend)
        await pilot.press("p")
        await until(pilot, lambda: "db does not run" in shown(deck))
        assert events == ["taken back"]


async def test_where_the_terminal_cannot_be_lent_it_says_so():
    async with services_screen(FakeWorkspace()) as (deck, pilot):
        await pilot.press("p")
        await until(pilot, lambda: "cannot be handed over" in shown(deck))


async def test_a_published_port_opens_in_the_browser(monkeypatch):
    workspace, opened = FakeWorkspace(), []
    services = workspace.fake_services
    two = replace(WEB, ports=("127.0.0.1:5050->5050/tcp", "0.0.0.0:8080->80/tcp"))
    services.status_now = replace(services.status_now, services=(DB, WEB))
    monkeypatch.setattr("tui.reach.has_browser", lambda *_: True)
    async with services_screen(workspace) as (deck, pilot):
        monkeypatch.setattr(deck, "open_url", opened.append)
        await pilot.press("o")
        await pilot.pause(0.05)
        assert not opened  # a Postgres port is nothing for a browser
        await pilot.press("down", "o")
        await until(pilot, lambda: opened == ["http://127.0.0.1:5050"])
        services.status_now = replace(services.status_now, services=(DB, two))
        await until(pilot, lambda: "8080" in shown(deck))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(deck.screen, ChoiceMenu))
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(opened) == 2 and "8080" in opened[1])


async def test_without_a_browser_the_address_is_copied(monkeypatch):
    workspace = FakeWorkspace()
    workspace.fake_services.status_now = replace(workspace.fake_services.status_now, services=(DB, WEB))
    monkeypatch.setattr("tui.reach.has_browser", lambda *_: False)
    async with services_screen(workspace) as (deck, pilot):
        await pilot.press("down", "o")
        await until(pilot, lambda: deck.clipboard == "http://127.0.0.1:5050")


async def test_pgadmin_opens_once_it_answers(monkeypatch):
    workspace, opened, answers = FakeWorkspace(), [], []
    services = workspace.fake_services

    async def answered(address):
        return bool(answers)

    monkeypatch.setattr("tui.reach.has_browser", lambda *_: True)
    monkeypatch.setattr("tui.reach.pings", answered)
    monkeypatch.setattr("tui.reach.ASK_AGAIN", 0.01)
    async with services_screen(workspace) as (deck, pilot):
        monkeypatch.setattr(deck, "open_url", opened.append)
        await pilot.press("g")
        await until(pilot, lambda: "pgAdmin does not run" in shown(deck))
        services.status_now = replace(services.status_now, services=(DB, WEB))
        await until(pilot, lambda: shown(deck).count("● healthy") == 2)
        await pilot.press("g")
        await until(pilot, lambda: "until http://127.0.0.1:5050/misc/ping answers" in shown(deck))
        assert not opened
        answers.append(1)
        await until(pilot, lambda: opened == ["http://127.0.0.1:5050"])


async def test_names_are_copied():
    async with services_screen(FakeWorkspace()) as (deck, pilot):
        await pilot.press("c")
        await until(pilot, lambda: isinstance(deck.screen, ChoiceMenu))
        await pilot.press("enter")
        await until(pilot, lambda: deck.clipboard == "bookings-db-1")


# -- Other runtimes


async def test_somebody_elses_server_says_why_nothing_can_be_started():
    workspace = FakeWorkspace()
    workspace.in_use = RuntimeInUse(RuntimeName.EXTERNAL, "the settings point at db.example.com", "take APP_DB_URL out")
    workspace.fake_services.status_now = replace(workspace.fake_services.status_now, services=())
    deck = deck_over(workspace)
    async with deck.run_test(size=NARROW) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: "Nothing to start or stop here: the settings point at" in shown(deck))
        await pilot.press("x", "u", "d", "D", "v")
        await pilot.pause(0.05)
        assert not workspace.fake_services.asked
        offered = {action.id for action in deck.available_actions()}
        assert "services.psql" in offered
        assert "services.start_all" not in offered


async def test_logs_are_followed():
    workspace = FakeWorkspace()
    services = workspace.fake_services
    async with services_screen(workspace) as (deck, pilot):
        await until(pilot, lambda: ("follow", "db") in services.asked)
        services.log.put_nowait(LogLine("db", "bookings-db-1", None, "ready [@click=app.quit]x[/] \x1b[31m"))
        await until(pilot, lambda: "ready [@click=app.quit]x[/] ␛[31m" in shown(deck))
