"""The frame of every screen: what is open stands at the top, keys do what the registry says, failures are shown."""

import asyncio
from dataclasses import replace

import pytest
from textual.css import stylesheet

from stack.environment.report import EnvironmentReport
from stack.findings import Code, Failure, Finding, Fix
from stack.project import RuntimeName
from stack.services.control import State
from stack.services.runtime import RuntimeInUse
from stack.text import MASK
from tests.support.fake_workspace import DB, PGADMIN, SECRET, VARIABLES, FakeWorkspace, checks
from tests.tui.support import deck_over, shown, until
from tui.actions import ACTIONS, Place
from tui.app import Deck
from tui.widgets.confirm import Confirm
from tui.widgets.explanation import Explanation
from tui.widgets.help import Help

SIZE = (80, 24)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


async def test_a_source_of_styles_is_parsed_once_for_a_theme(monkeypatch):
    parsed = []
    parse = stylesheet.parse

    def recorded(scope, css, read_from, **options):
        # A source of the same class may later be of less weight, which is part of its rules.
        parsed.append((read_from, options["tie_breaker"]))
        return parse(scope, css, read_from, **options)

    monkeypatch.setattr(stylesheet, "parse", recorded)
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=SIZE) as pilot:
        for key, words in (("5", "2 pending"), ("2", "postgres:16-alpine"), ("5", "2 pending")):
            await pilot.press(key)
            await until(pilot, lambda words=words: words in shown(deck))
        assert any("migrations.tcss" in path for (path, _), _ in parsed)
        assert len(parsed) == len(set(parsed))
        night = deck.screen.styles.background
        await pilot.press("T")
        await until(pilot, lambda: deck.screen.styles.background != night)


async def test_the_head_says_project_runtime_database_and_revision():
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "0003 +2" in shown(deck))
        head = shown(deck).splitlines()[0]
        assert all(text in head for text in ("bookings", "docker", "--runtime embedded", "127.0.0.1:5432/app"))


@pytest.mark.parametrize(("key", "place"), [(str(n), p) for n, p in enumerate(list(Place)[1:], 1)])
async def test_a_digit_goes_to_each_screen_with_live_data(key, place):
    wanted = {
        Place.DOCTOR: "There are bookings to look at",
        Place.SERVICES: "postgres:16-alpine",
        Place.ENVIRONMENT: "APP_DB_PORT is not a port",
        Place.DATABASE: "PostgreSQL 16.4",
        Place.MIGRATIONS: "Bookings, of which no two overlap",
        Place.TABLES: "Customer 3",
    }[place]
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: wanted in shown(deck))


@pytest.mark.parametrize("size", [(40, 12), (20, 6), (79, 24), (80, 24), (110, 30), (200, 60)])
async def test_every_screen_is_drawn_at_every_size(size):
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=size) as pilot:
        for key in "123456":
            await pilot.press(key)
            await pilot.pause(0.05)
        small = size[0] < 80 or size[1] < 24
        await until(pilot, lambda: ("is too small"[: max(1, size[0] - 9)] in shown(deck)) == small)


async def test_each_key_twice_at_the_start_breaks_nothing():
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=SIZE) as pilot:
        for key in dict.fromkeys(key for action in ACTIONS if action.name != "quit" for key in action.keys.split(",")):
            await pilot.press(key, key)
        for _ in range(6):
            await pilot.press("escape")
        await pilot.press("1")
        await until(pilot, lambda: "There are bookings to look at" in shown(deck))


async def test_a_project_that_cannot_be_opened_says_why_and_is_opened_again_on_r():
    workspace, broken = FakeWorkspace(), True

    async def opener():
        if broken:
            raise Failure(Finding(Code.PROJECT_SETTINGS_INVALID, "pyproject.toml cannot be used", "line 3"))
        return workspace

    deck = Deck(opener)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "pyproject.toml cannot be used" in shown(deck))
        broken = False
        await pilot.press("r")
        await until(pilot, lambda: "There are bookings to look at" in shown(deck))
        assert "cannot be used" not in shown(deck)


async def test_an_error_of_our_own_is_shown_and_the_deck_goes_on():
    workspace = FakeWorkspace()

    async def examine():
        raise RuntimeError(f"postgresql://app:{SECRET}@db/app")

    workspace.examine = examine
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "Something in Stackdeck itself went wrong" in shown(deck))
        assert SECRET not in shown(deck)
        await pilot.press("2")
        await until(pilot, lambda: "postgres:16-alpine" in shown(deck))


async def test_old_data_stays_while_new_data_is_awaited_and_is_marked():
    workspace = FakeWorkspace()
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "There are bookings to look at" in shown(deck))
        workspace.examine = asyncio.Event().wait
        await until(pilot, lambda: "refreshing" in shown(deck))
        assert "There are bookings to look at" in shown(deck)


async def test_enter_does_the_next_step_and_its_progress_is_shown():
    workspace, gate = FakeWorkspace(), asyncio.Event()

    async def apply(progress):
        progress("pulling [red]postgres[/]")
        await gate.wait()
        workspace.report = checks()

    workspace.report = checks("services", Fix("Start db", "stackdeck up db", apply=apply))
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "▶ ✗ services is not well" in shown(deck))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: "pulling [red]postgres[/]" in shown(deck))
        gate.set()
        await until(pilot, lambda: "There are bookings to look at" in shown(deck))


async def test_when_all_is_well_enter_goes_to_the_rows():
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "All is well" in shown(deck) and "Look at the rows" in shown(deck))
        await pilot.press("enter")
        await until(pilot, lambda: "Customer 3" in shown(deck))


async def test_escape_stops_a_long_action():
    workspace, cancelled = FakeWorkspace(), asyncio.Event()

    async def apply(progress):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    workspace.report = checks("services", Fix("Start db", apply=apply))
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "Start db" in shown(deck))
        await pilot.press("enter")
        await until(pilot, lambda: deck.busy)
        await pilot.press("escape")
        await asyncio.wait_for(cancelled.wait(), 5)
        await until(pilot, lambda: "stopped after" in shown(deck))


async def test_a_failed_action_says_why_with_the_key_that_mends_it():
    workspace, mended = FakeWorkspace(), asyncio.Event()

    async def mend(progress):
        mended.set()

    async def up(services, **options):
        fix = Fix("Use port 5433", "stackdeck env set APP_DB_PORT=5433", apply=mend)
        raise Failure(
            Finding(Code.PORT_TAKEN, "Port 5432 is taken", "By postgres (pid 812).", evidence="x", fixes=(fix,))
        )

    workspace.up = up
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: "postgres:16-alpine" in shown(deck))
        await pilot.press("u")
        await until(pilot, lambda: "Port 5432 is taken" in shown(deck))
        assert "By postgres (pid 812)." in shown(deck)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(deck.screen, Explanation))
        assert "stackdeck env set APP_DB_PORT=5433" in shown(deck)
        await pilot.press("escape", "f")
        await asyncio.wait_for(mended.wait(), 5)


async def test_the_help_lists_every_key_of_the_screen():
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=(100, 72)) as pilot:
        await pilot.press("2", "question_mark")
        await until(pilot, lambda: isinstance(deck.screen, Help))
        assert all(text in shown(deck) for text in ("A service is one server", "Down with data", "On every screen"))
        await pilot.press("question_mark")
        await until(pilot, lambda: not isinstance(deck.screen, Help))


async def test_the_palette_offers_what_can_be_done_and_does_it():
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "0003 +2" in shown(deck))
        await pilot.press("ctrl+p", *"migrations")
        await until(pilot, lambda: "Migrations  (5)" in shown(deck))
        await pilot.press("enter")
        await until(pilot, lambda: deck.front.place is Place.MIGRATIONS)
        offered = {action.id for action in deck.available_actions()}
        assert {"migrations.apply_all", "everywhere.quit"} <= offered
        assert "everywhere.abandon" not in offered


async def test_services_of_somebody_elses_server_cannot_be_stopped():
    workspace = FakeWorkspace()
    workspace.in_use = RuntimeInUse(RuntimeName.EXTERNAL, "it is elsewhere", "take APP_DB_URL out")
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: "external" in shown(deck) and "postgres:16-alpine" in shown(deck))
        await pilot.press("x", "u", "d")
        await pilot.pause(0.05)
        assert not isinstance(deck.screen, Confirm)
        assert {asked[0] for asked in workspace.fake_services.asked} <= {"follow", "probes"}


async def test_services_are_started_stopped_and_followed():
    workspace = FakeWorkspace()
    services = workspace.fake_services
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: ("follow", "db") in services.asked)
        await until(pilot, lambda: deck.vitals.managed)
        await pilot.press("x")
        await until(pilot, lambda: ("stop", "db") in services.asked and not deck.busy)
        services.status_now = replace(services.status_now, services=(replace(DB, state=State.EXITED), PGADMIN))
        await until(pilot, lambda: "exited" in shown(deck))
        await pilot.press("down", "s")
        await until(pilot, lambda: ("up", "pgadmin") in services.asked and not deck.busy)


async def test_a_secret_is_shown_only_when_asked_for_and_hidden_again():
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=(110, 30)) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: MASK in shown(deck))
        assert SECRET not in shown(deck)
        await pilot.press("down", "v")
        await until(pilot, lambda: SECRET in shown(deck))
        await pilot.press("v")
        await until(pilot, lambda: SECRET not in shown(deck))


async def test_the_cursor_stays_on_its_row_when_rows_come_and_go():
    workspace = FakeWorkspace()
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: MASK in shown(deck))
        await pilot.press("down", "down")
        grid = deck.front.grid
        assert grid.selected_key == "APP_DB_PORT"
        workspace.environment_now = EnvironmentReport(workspace.project.env_file, VARIABLES[1:], ())
        await pilot.press("r")
        await until(pilot, lambda: grid.row_count == 3)
        assert grid.selected_key == "APP_DB_PORT"


async def test_rows_are_paged_by_key_to_both_ends():
    workspace = FakeWorkspace()
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "Customer 0 " in shown(deck))
        assert "about 1,000,000 rows (an estimate)" in shown(deck)
        await pilot.press("pagedown")
        await until(pilot, lambda: "Customer 17 " in shown(deck))
        await pilot.press("pageup")
        await until(pilot, lambda: "Customer 0 " in shown(deck))
        await pilot.press("end")
        await until(pilot, lambda: "Customer 999 " in shown(deck))
        await pilot.press("home")
        await until(pilot, lambda: "Customer 0 " in shown(deck))


async def test_the_arrows_walk_over_the_edge_of_a_page_and_between_the_grids():
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "Customer 0 " in shown(deck))
        rows = deck.front.rows
        await pilot.press("right")
        await until(pilot, lambda: deck.focused is rows)
        await pilot.press(*["down"] * rows.row_count)
        await until(pilot, lambda: "Customer 17 " in shown(deck))
        assert rows.place[0] == 0
        await pilot.press("up")
        await until(pilot, lambda: "Customer 16 " in shown(deck))
        assert rows.place[0] == rows.row_count - 1
        await pilot.press("left")
        await until(pilot, lambda: deck.focused is deck.front.list)


async def test_null_the_empty_text_and_the_word_are_told_apart():
    workspace = FakeWorkspace()
    workspace.fake_tables.numbered = lambda number: (str(number), (None, "", "NULL")[number % 3], "n", "1.50", "t")
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("6")
        rows = deck.screen.rows
        await until(pilot, lambda: rows.row_count > 3)
        null, empty, word = (rows.cell_at(row, 1) for row in range(3))
        assert (null.plain, empty.plain, word.plain) == ("NULL", "''", "NULL")
        assert "italic" in str(null.style)
        assert "italic" in str(empty.style)
        assert not str(word.style)
        assert rows.cell_at(0, 3).justify == "right"


async def test_a_slow_table_never_lands_in_the_place_of_another():
    workspace = FakeWorkspace()
    tables, gate = workspace.fake_tables, asyncio.Event()
    page = tables.page

    async def slow(query):
        if query.table.name == "bookings":
            while not gate.is_set():
                try:
                    await gate.wait()
                except asyncio.CancelledError:
                    continue
        return await page(query)

    tables.page = slow
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: "alembic_version" in shown(deck))
        await pilot.press("down")
        await until(pilot, lambda: "about 20,000 rows" in shown(deck))
        gate.set()
        await pilot.pause(0.1)
        assert "about 20,000 rows" in shown(deck)


async def test_the_theme_switches_between_night_and_paper():
    deck = deck_over(FakeWorkspace())
    async with deck.run_test(size=SIZE) as pilot:
        assert deck.current_theme.dark
        await pilot.press("T")
        assert not deck.current_theme.dark
        await pilot.press("T")
        assert deck.current_theme.dark


async def test_a_file_that_changes_outside_opens_the_project_again(tmp_path):
    workspace, opened = FakeWorkspace(), []
    workspace.project = replace(workspace.project, env_file=tmp_path / ".env")

    async def opener():
        opened.append(1)
        return workspace

    deck = Deck(opener)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: deck.workspace is not None)
        (tmp_path / ".env").write_text("A=1")
        await until(pilot, lambda: len(opened) == 2)


@pytest.mark.parametrize(("started", "stopped"), [(True, [("stop",)]), (False, [])])
async def test_a_server_that_this_deck_started_is_stopped_on_leaving(started, stopped):
    workspace = FakeWorkspace()
    deck = deck_over(workspace)
    async with deck.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: deck.workspace is not None)
        workspace.started_server = started
        await pilot.press("r")
        await until(pilot, workspace.closed.is_set)
        workspace.started_server = False
    await deck.let_go()
    assert workspace.fake_services.asked == stopped
