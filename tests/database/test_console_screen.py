"""The console's screen on a real server: typing, completing, running, stopping, and what stays when it is left."""

import contextlib

import psycopg
import pytest
from textual.events import Key

from stack.tables.console.console import Console
from stack.tables.console.running import APPLICATION_NAME
from tests.support.fake_workspace import FakeWorkspace
from tests.support.tables import browser_for, run_sql
from tests.tui.support import deck_over, shown, until
from tui.actions import Place
from tui.screens.console import ConsoleScreen
from tui.widgets.sheet import Sheet

SCHEMA = (
    "CREATE TABLE visitors (visitor_id int PRIMARY KEY, note text)",
    "INSERT INTO visitors VALUES (1, NULL), (2, ''), (3, 'NULL'), (4, E'[/b]\\x1b[31m')",
    "INSERT INTO visitors SELECT n, 'x' FROM generate_series(5, 2000) n",
)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@contextlib.asynccontextmanager
async def console_on(url, size=(100, 30)):
    """A deck whose console on the database at `url` is open."""
    async with browser_for(url) as (browser, database):
        workspace = FakeWorkspace()
        workspace.fake_tables, workspace.fake_console = browser, Console(database)
        deck = deck_over(workspace)
        async with deck.run_test(size=size) as pilot:
            await pilot.press("6")
            await open_console(deck, pilot)
            yield deck, pilot


async def open_console(deck, pilot):
    await until(pilot, lambda: deck.workspace is not None and deck.front.place is Place.TABLES)
    await pilot.press("S")
    await until(pilot, lambda: isinstance(deck.screen, ConsoleScreen) and deck.screen.editor.has_focus)


async def write(deck, pilot, text):
    deck.screen.editor.replace_all(text)
    await pilot.pause()


async def test_a_statement_is_typed_completed_and_run(database):
    run_sql(database, *SCHEMA)
    async with console_on(database) as (deck, pilot):
        editor = deck.screen.editor
        await until(pilot, lambda: deck.screen._vocabulary is not None)
        await pilot.press(*"select  from vis")
        await until(pilot, lambda: "⇥ visitors" in shown(deck))
        await pilot.press("tab")
        assert editor.text == "select  from visitors"
        editor.move_cursor((0, 7))
        await pilot.press(*"visi")
        # Its columns are read because the statement names it.
        await until(pilot, lambda: "⇥ visitor_id" in shown(deck))
        await pilot.press("tab")
        assert editor.text == "select visitor_id from visitors"
        await pilot.press("tab")
        assert editor.text == "select visitors from visitors"
        await pilot.press("tab")
        assert editor.text == "select visitor_id from visitors"
        await write(deck, pilot, "select * from visitors order by 1")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "The first 500 rows, there are more" in shown(deck) and "[/b]" in shown(deck))
        lines = shown(deck)
        assert "as pg_read_all_data" in lines
        assert "[/b]␛[31m" in lines
        rows = deck.screen.rows
        null, empty, word = (rows.cell_at(row, 1) for row in range(3))
        assert (null.plain, empty.plain, word.plain) == ("NULL", "''", "NULL")
        assert null.style != word.style
        await pilot.press("tab", "pagedown", "up")
        assert rows.cell_at(rows.place[0], 0).plain == str(rows.row_count)
        await pilot.press("end")
        assert rows.cell_at(rows.place[0], 0).plain == "500"
        await pilot.press("home", "down", "enter")
        await until(pilot, lambda: isinstance(deck.screen, Sheet) and "visitor_id  2" in shown(deck))
        await pilot.press("escape", "up", "up")
        assert editor.has_focus


async def test_an_error_is_marked_in_the_text_and_old_rows_stay(database):
    async with console_on(database) as (deck, pilot):
        await write(deck, pilot, "select 'seen before'")
        await pilot.press("f5")
        await until(pilot, lambda: "1 row" in shown(deck))
        await write(deck, pilot, "select 1,\n  nowhere,\n  2")
        await pilot.press("f5")
        await until(pilot, lambda: 'column "nowhere" does not exist' in shown(deck))
        lines = shown(deck).splitlines()
        marked = next(number for number, each in enumerate(lines) if "2 │   nowhere," in each)
        assert lines[marked + 1].index("▲") == lines[marked].index("nowhere")
        assert deck.screen.editor.selected_text == "nowhere"
        assert any("seen before" in each for each in lines)
        await write(deck, pilot, "select 1; drop table t")
        await pilot.press("f5")
        await until(pilot, lambda: "These are 2 statements" in shown(deck))
        assert deck.screen.editor.selected_text == "drop"


async def test_escape_stops_the_statement_on_the_server_and_then_goes_back(database):
    async with console_on(database) as (deck, pilot):
        await write(deck, pilot, "select pg_sleep(600)")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: sessions(database, "wait_event = 'PgSleep'") == 1)
        await until(pilot, lambda: "Esc stops it" in shown(deck))
        await pilot.press("escape")
        await until(pilot, lambda: "stopped, on the server too" in shown(deck))
        await until(pilot, lambda: sessions(database) == 0)
        await write(deck, pilot, "select 'left here'")
        await pilot.press("f5")
        await until(pilot, lambda: "1 row" in shown(deck))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(deck.screen, ConsoleScreen))
        await pilot.press("S")
        await until(pilot, lambda: isinstance(deck.screen, ConsoleScreen))
        assert deck.screen.editor.text == "select 'left here'"
        await until(pilot, lambda: deck.screen.rows.row_count == 1)


async def test_earlier_statements_come_back_in_the_next_session_too(database):
    async with console_on(database) as (deck, pilot):
        for statement in ("select 1", "select\n2"):
            await write(deck, pilot, statement)
            await pilot.press("f5")
            await until(pilot, lambda: not deck.screen._answering.pending)
    async with console_on(database) as (deck, pilot):
        editor = deck.screen.editor
        await until(pilot, lambda: len(deck.screen._history) == 2)
        await pilot.press("n", "up")
        await until(pilot, lambda: editor.text == "select\n2")
        await pilot.press("up", "up")
        await until(pilot, lambda: editor.text == "select 1")
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: editor.text == "n")


async def test_what_is_typed_right_before_is_run_too(database):
    async with console_on(database) as (deck, pilot):
        # Not one after the other, as Pilot presses keys, but all at once, as a terminal brings them.
        for character in "select 4321":
            deck.post_message(Key(character if character != " " else "space", character))
        deck.post_message(Key("ctrl+r", None))
        await until(pilot, lambda: "1 row" in shown(deck))
        assert deck.screen.rows.cell_at(0, 0).plain == "4321"


async def test_a_plan_is_seen_to_its_ends(database):
    run_sql(database, *SCHEMA)
    async with console_on(database, size=(80, 24)) as (deck, pilot):
        await write(deck, pilot, f"explain (costs off) select * from visitors where note = '{'long' * 30} end'")
        await pilot.press("f5")
        await until(pilot, lambda: "Seq Scan on visitors" in shown(deck))
        assert "end'::text" not in shown(deck)
        await pilot.press("tab", *["right"] * 10)
        await until(pilot, lambda: "end'::text" in shown(deck))


def sessions(url, condition="true"):
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s"
    with psycopg.connect(url.reveal()) as connection:
        return connection.execute(f"{query} AND {condition}", [APPLICATION_NAME]).fetchone()[0]
