"""The Tables screen on a real server: the tree, references and the way back, whole rows, keys, counts, and Esc."""

import contextlib

import psycopg
import pytest
from textual.content import Content

from tests.support.fake_workspace import FakeWorkspace
from tests.support.tables import browser_for, run_sql
from tests.tui.support import deck_over, shown, until

SIZE = (120, 36)
SCHEMA = (
    "CREATE SCHEMA other",
    "CREATE TABLE people (id int PRIMARY KEY, name text)",
    "CREATE TABLE rooms (house int, number int, title text, PRIMARY KEY (house, number))",
    """
    CREATE TABLE "visits [/]" (
        id int PRIMARY KEY, person int REFERENCES people, house int, number int, note text,
        FOREIGN KEY (house, number) REFERENCES rooms
    )
    """,
    "CREATE TABLE parts (id int) PARTITION BY LIST (id)",
    "CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1)",
    "CREATE VIEW seen AS SELECT * FROM people",
    "CREATE TABLE other.hidden (id int)",
    "INSERT INTO people SELECT n, 'Person ' || n FROM generate_series(1, 200) n",
    "INSERT INTO rooms VALUES (1, 1, 'The blue room'), (1, 2, 'The red room')",
    """INSERT INTO "visits [/]" SELECT n, n, 1, 1 + n % 2, repeat('long ', 400) FROM generate_series(1, 200) n""",
    "ANALYZE",
)


@contextlib.asynccontextmanager
async def deck_on(url):
    """A deck that shows the tables of the database at `url`."""
    async with browser_for(url) as (browser, _):
        workspace = FakeWorkspace()
        workspace.fake_tables = browser
        deck = deck_over(workspace)
        async with deck.run_test(size=SIZE) as pilot:
            await pilot.press("6")
            yield deck, pilot


def title(deck):
    return Content.from_markup(str(deck.front.rows_panel.border_title)).plain


async def open_table(deck, pilot, name):
    """Find a table by its name, and go to its rows."""
    await until(pilot, lambda: deck.front.list.selected is not None)
    await pilot.press("t", *name, "enter")
    await until(pilot, lambda: title(deck).startswith(name) or title(deck).startswith(f'"{name}'))
    await until(pilot, lambda: deck.focused is deck.front.rows)


async def test_the_tree_shows_schemas_partitions_and_views(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await until(pilot, lambda: "visits [/]" in shown(deck))
        lines = shown(deck)
        assert "▾ public" in lines
        assert "▸ other" in lines
        assert "▸ parts" in lines
        assert "seen ◇" in lines
        assert "part1" not in lines
        assert "hidden" not in lines
        await pilot.press("t", *"part", "up", "enter")
        await until(pilot, lambda: title(deck) == "part1")
        await until(pilot, lambda: "▾ parts" not in shown(deck) or "part1" in shown(deck))
        await pilot.press("left", "left")
        assert deck.front.list.selected.name == "parts"
        await pilot.press("left")
        await until(pilot, lambda: "part1" not in shown(deck).replace("part1 ", "", 1) or "▸ parts" in shown(deck))


async def test_one_schema_alone_is_no_level_of_its_own(database):
    run_sql(database, "CREATE TABLE alone (id int)")
    async with deck_on(database) as (deck, pilot):
        await until(pilot, lambda: "alone" in shown(deck))
        assert "public" not in shown(deck)


async def test_references_are_followed_there_and_back(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await open_table(deck, pilot, "visits")
        await until(pilot, lambda: "1 Person 1 " in shown(deck))
        assert "The red room" in shown(deck)
        await pilot.press("pagedown")
        await until(pilot, lambda: "Person 1 " not in shown(deck))
        await pilot.press("down", "down", "right", "right")
        screen = deck.front
        place, first = screen.rows.place, screen.rows.cell_at(0, 0).plain
        await pilot.press("enter")
        await until(pilot, lambda: "rooms: house = '1', number = '" in title(deck))
        assert title(deck).startswith('"visits [/]" ▸ ')
        assert screen.list.selected.name == "rooms"
        await until(pilot, lambda: screen.rows.row_count == 1)
        await pilot.press("u")
        await until(pilot, lambda: "100 rows" in shown(deck))
        assert "no index begins with it" in shown(deck)
        await pilot.press("enter")
        await until(pilot, lambda: '"visits [/]": house' in title(deck))
        await pilot.press("backspace")
        await until(pilot, lambda: "rooms: house = '1', number = '" in title(deck))
        await pilot.press("backspace")
        await until(pilot, lambda: title(deck) == '"visits [/]"')
        await until(pilot, lambda: screen.rows.cell_at(0, 0).plain == first)
        assert screen.rows.place == place


async def test_a_row_is_shown_whole_and_a_key_is_gone_to(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await open_table(deck, pilot, "visits")
        await until(pilot, lambda: deck.front.rows.row_count > 0)
        await pilot.press("i")
        await until(pilot, lambda: "2,000 characters" in shown(deck))
        await pilot.press("escape", "k", *"150", "enter")
        await until(pilot, lambda: deck.front.rows.cell_at(0, 0).plain == "150")
        await pilot.press("k", *"x", "enter")
        await until(pilot, lambda: "There is no going to the key 'x'" in shown(deck))


async def test_the_details_of_a_table_have_a_part_for_each_kind_of_thing(database):
    run_sql(
        database,
        *SCHEMA,
        """COMMENT ON TABLE "visits [/]" IS 'who came [/red]'""",
        """COMMENT ON COLUMN "visits [/]".note IS 'free text'""",
    )
    async with deck_on(database) as (deck, pilot):
        await open_table(deck, pilot, "visits")
        await pilot.press("d")
        await until(pilot, lambda: "Constraints  3" in shown(deck))
        lines = shown(deck)
        for text in (
            "who came [/red]",
            "no migration that was found",
            "Columns  5",
            "— free text",
            "REFERENCES public.",
        ):
            assert text in lines
        await pilot.press("end")
        await until(pilot, lambda: "ALTER TABLE public" in shown(deck))


async def test_rows_are_counted_on_demand_and_esc_stops_it_on_the_server(database):
    run_sql(
        database,
        "CREATE TABLE t AS SELECT n AS id FROM generate_series(1, 1234) n",
        "CREATE VIEW slow AS SELECT pg_sleep(600)::text AS s FROM generate_series(1, 600)",
        "CREATE VIEW late AS SELECT n FROM generate_series(1, 500) n WHERE n < 400 OR pg_sleep(600) IS NOT NULL",
    )
    async with deck_on(database) as (deck, pilot):
        await open_table(deck, pilot, "t")
        await pilot.press("number_sign")
        await until(pilot, lambda: "1,234 rows when counted" in shown(deck))
        await open_table(deck, pilot, "late")
        await until(pilot, lambda: "late" in title(deck) and not deck.busy)
        for ask in (("number_sign",), ("t", *"slow", "enter")):
            await pilot.press(*ask)
            await until(pilot, lambda: sleeping(database) == 1)
            await pilot.press("escape")
            await until(pilot, lambda: sleeping(database) == 0)


@pytest.mark.parametrize("keys", [("i",), ("u",)])
async def test_closing_a_sheet_stops_what_it_waits_for(database, keys):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await open_table(deck, pilot, "people")
        await until(pilot, lambda: deck.front.rows.row_count > 0)
        with psycopg.connect(database.reveal()) as holding:
            holding.execute('LOCK TABLE people, "visits [/]" IN ACCESS EXCLUSIVE MODE')
            await pilot.press(*keys)
            await until(pilot, lambda: waiting(database) == 1)
            await pilot.press("escape")
            await until(pilot, lambda: waiting(database) == 0)
            holding.rollback()


async def test_as_many_columns_as_there_can_be_are_walked_through_a_window(database):
    run_sql(database, f"CREATE TABLE wide ({', '.join(f'c{number} int' for number in range(1600))})")
    run_sql(database, "INSERT INTO wide (c0, c1599) VALUES (1, 2)")
    async with deck_on(database) as (deck, pilot):
        await open_table(deck, pilot, "wide")
        rows = deck.front.rows
        await until(pilot, lambda: rows.row_count == 1)
        beyond = rows.window.stop
        assert beyond < 100
        rows.go_to(0, beyond - 1)
        await pilot.press("right")
        assert rows.place == (0, beyond)
        assert rows.window.start == beyond
        rows.go_to(0, 1599)
        assert rows.cell_at(*rows.place).plain == "2"
        await pilot.press("left")
        assert rows.place == (0, 1598)


def sleeping(url):
    return _count(url, "state = 'active' AND wait_event = 'PgSleep'")


def waiting(url):
    return _count(url, "wait_event_type = 'Lock'")


def _count(url, condition):
    with psycopg.connect(url.reveal()) as connection:
        query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {condition}"
        return connection.execute(query).fetchone()[0]
