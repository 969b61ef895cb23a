"""Filters on the Tables screen, on a real server: built, taken from cells, shown as SQL, taken away."""

from stack.tables.filters import parse_filter
from tests.database.test_tables_screen import deck_on, open_table, title
from tests.support.tables import run_sql
from tests.tui.support import shown, until

SCHEMA = (
    "CREATE TYPE mood AS ENUM ('glad', 'so-so', 'it''s, [/] \"bad\"')",
    "CREATE TABLE homes (id int PRIMARY KEY, name text)",
    """
    CREATE TABLE people (
        id int PRIMARY KEY, mood mood, "no[/]te %" text, born date, details jsonb, old json, home int REFERENCES homes
    )
    """,
    "INSERT INTO homes SELECT n, 'Home ' || n FROM generate_series(1, 3) n",
    """
    INSERT INTO people
    SELECT n, (enum_range(NULL::mood))[n % 4], CASE WHEN n % 3 > 0 THEN '[/red] it''s ' || n % 3 END,
        date '2024-01-01' + n, jsonb_build_object('who', jsonb_build_object('name', 'P' || n % 5)), '{}', 1 + n % 3
    FROM generate_series(1, 200) n
    """,
    "INSERT INTO people (id, \"no[/]te %\") VALUES (900, repeat('long ', 400)), (901, repeat('long ', 400) || 'er')",
    "CREATE VIEW seen AS SELECT * FROM people",
    "ANALYZE",
)


def ids(deck):
    rows = deck.front.rows
    return [int(rows.cell_at(number, 0).plain) for number in range(rows.row_count)]


def where(deck):
    return " AND ".join(deck.front.filtering.bar.conditions)


def outcome(deck):
    return next((str(found.content) for found in deck.screen.query("#outcome")), "")


async def begin(deck, pilot, name="people"):
    await open_table(deck, pilot, name)
    await until(pilot, lambda: deck.front.rows.row_count > 0)


async def test_only_these_and_not_these_are_taken_from_a_cell(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await begin(deck, pilot)
        await pilot.press("right", "o")
        await until(pilot, lambda: ids(deck)[:3] == [1, 5, 9])
        assert where(deck) == "\"mood\" = 'glad'::mood"
        assert "WHERE \"mood\" = 'glad'::mood ✕" in shown(deck)
        assert title(deck) == "people: mood = 'glad'"
        await pilot.press("right", "O")
        await until(pilot, lambda: ids(deck)[:3] == [5, 9, 17])
        assert """AND "no[/]te %" IS DISTINCT FROM '[/red] it''s 1'""" in where(deck)
        # NULL is not what the cell had, and can be left out itself.
        await pilot.press("down", "O")
        await until(pilot, lambda: ids(deck)[:3] == [5, 17, 29])
        await pilot.press("x", "down", "enter")
        await until(pilot, lambda: "mood" not in where(deck))
        await until(pilot, lambda: ids(deck)[:3] == [2, 5, 8])
        await pilot.press("pagedown")
        await until(pilot, lambda: ids(deck)[0] > 60)
        await pilot.press("s")
        await until(pilot, lambda: "↑" in shown(deck))
        assert "IS DISTINCT FROM" in where(deck)
        # However long they are, each has its cross.
        bar = deck.front.filtering.bar
        assert bar.render().plain.count("✕") == 2
        await pilot.click(bar, offset=(bar.render().plain.index("✕") + 1, 0))
        await until(pilot, lambda: where(deck) == '"no[/]te %" IS NOT NULL')
        await pilot.press("x")
        await until(pilot, lambda: not deck.front.filtering.bar.display)
        await until(pilot, lambda: "people" in title(deck) and ":" not in title(deck))


async def test_null_is_a_value_to_narrow_by(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await begin(deck, pilot)
        await pilot.press("down", "down", "right", "right", "o")
        await until(pilot, lambda: ids(deck)[:3] == [3, 6, 9])
        assert where(deck) == '"no[/]te %" IS NULL'
        await pilot.press("x")
        await until(pilot, lambda: ids(deck)[:3] == [1, 2, 3])


async def narrow_to_the_cut_value(deck, pilot):
    await begin(deck, pilot)
    await pilot.press("end")
    await until(pilot, lambda: ids(deck)[-1] == 901)
    await pilot.press("right", "right", "o")
    await until(pilot, lambda: ids(deck) == [901])


async def test_a_value_that_was_cut_is_read_whole_or_it_says_why_not(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await narrow_to_the_cut_value(deck, pilot)
        await begin(deck, pilot, "seen")
        await pilot.press("end")
        await until(pilot, lambda: ids(deck)[-1] == 901)
        await pilot.press("right", "right", "o")
        await until(pilot, lambda: "No key tells its row apart" in shown(deck))
        assert len(ids(deck)) > 1


async def test_a_filter_that_comes_late_is_put_on_no_other_table(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await begin(deck, pilot)
        homes = next(table for table in await deck.workspace.fake_tables.list() if table.name == "homes")
        deck.front.filtering.add(homes, parse_filter("name = x"))
        await pilot.press("right", "o")
        await until(pilot, lambda: where(deck) == "\"mood\" = 'glad'::mood")


async def test_a_type_without_equality_says_so_and_nothing_changes(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await begin(deck, pilot)
        await pilot.press(*["right"] * 5, "o")
        await until(pilot, lambda: "cannot be used" in shown(deck))
        assert title(deck) == "people"
        assert ids(deck)[:2] == [1, 2]


async def test_a_filter_is_built_and_judged_at_every_key(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await begin(deck, pilot)
        await pilot.press("slash")
        await until(pilot, lambda: "Rows where id" in shown(deck))
        await pilot.press("1", "x")
        await until(pilot, lambda: 'invalid input syntax for type integer: "1x"' in shown(deck))
        await pilot.press("enter", "backspace")
        await until(pilot, lambda: """WHERE "id" = '1'::integer""" in shown(deck))
        await pilot.press("down", *"0 and 12")
        await until(pilot, lambda: """WHERE "id" BETWEEN '10'::integer AND '12'::integer""" in shown(deck))
        await pilot.press("enter")
        await until(pilot, lambda: ids(deck) == [10, 11, 12])


async def test_values_of_an_enum_are_picked(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await begin(deck, pilot)
        await pilot.press("right", "slash")
        await until(pilot, lambda: 'it\'s, [/] "bad"' in shown(deck))
        await pilot.press("down", "enter")
        await until(pilot, lambda: ids(deck)[:3] == [2, 6, 10])
        await pilot.press("x", "slash")
        await until(pilot, lambda: "so-so" in shown(deck) and "Rows where mood" in shown(deck))
        await pilot.press("space", "down", "down", "space")
        await until(pilot, lambda: """IN ('glad'::mood, 'it''s, [/] "bad"'::mood)""" in shown(deck))
        await pilot.press("enter")
        await until(pilot, lambda: ids(deck)[:4] == [1, 3, 5, 7])


async def test_paths_lead_into_json(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await begin(deck, pilot)
        await pilot.press(*["right"] * 4, "slash")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "a path into it" in shown(deck) and "Esc Leave" in shown(deck))
        await pilot.press("shift+tab", "shift+tab", *"->who->>name", "tab", "tab", *"p4")
        await until(pilot, lambda: "LIKE" in shown(deck))
        await pilot.press("enter")
        await until(pilot, lambda: ids(deck)[:3] == [4, 9, 14])
        # References and the way back go on working.
        await pilot.press(*["right"] * 2, "enter")
        await until(pilot, lambda: title(deck).endswith("▸ homes: id = '2'"))
        await pilot.press("backspace")
        await until(pilot, lambda: ids(deck)[:3] == [4, 9, 14] and "->>" in where(deck))


async def test_a_filter_is_changed_in_the_form_that_built_it(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await begin(deck, pilot)
        assert "edit_filter" not in {action.name for action in deck.available_actions()}
        await pilot.press("right", "o")
        await until(pilot, lambda: ids(deck)[:3] == [1, 5, 9])
        await pilot.press("right", "O")
        await until(pilot, lambda: ids(deck)[:3] == [5, 9, 17])
        # Of several one is picked; of an enum's values the one that was asked for is under the cursor.
        await pilot.press("E")
        await until(pilot, lambda: "Change which filter?" in shown(deck))
        await pilot.press("enter")
        await until(pilot, lambda: "Rows where mood" in shown(deck) and "so-so" in shown(deck))
        await pilot.press("down", "enter")
        await until(pilot, lambda: ids(deck)[:3] == [2, 6, 14])
        assert where(deck).startswith("\"mood\" = 'so-so'::mood AND ")
        # A click on a condition does the same, with its operator and its value as they are.
        bar = deck.front.filtering.bar
        await pilot.click(bar, offset=(bar.render().plain.index("IS DISTINCT"), 0))
        await until(pilot, lambda: "IS DISTINCT FROM '[/red] it''s 1'" in shown(deck) and "Rows where" in shown(deck))
        await pilot.press("end", "backspace", "backspace", *"2'", "enter")
        await until(pilot, lambda: ids(deck)[:3] == [6, 10, 18])
        assert where(deck).endswith("IS DISTINCT FROM '[/red] it''s 2'")
        await pilot.press("x", "enter")
        await until(pilot, lambda: where(deck) == "")
        # A path, and what takes no value; left with Esc, nothing changes.
        await pilot.press("left", *["right"] * 4)
        deck.front.filtering.add(deck.front.filtering._asked().table, parse_filter("details->who->>name is null"))
        await until(pilot, lambda: ids(deck) == [900, 901])
        await pilot.press("E")
        await until(pilot, lambda: outcome(deck).endswith("IS NULL"))
        await pilot.press("escape")
        assert where(deck).endswith("IS NULL")
        await pilot.press("E")
        await until(pilot, lambda: outcome(deck).endswith("IS NULL"))
        await pilot.press("down", "enter")
        await until(pilot, lambda: where(deck).endswith("IS NOT NULL"))


async def test_a_value_that_no_line_has_room_for_is_typed_anew(database):
    run_sql(database, *SCHEMA)
    async with deck_on(database) as (deck, pilot):
        await narrow_to_the_cut_value(deck, pilot)
        await pilot.press("E")
        await until(pilot, lambda: "Type a value" in shown(deck))
        await pilot.press("1", "enter")
        await until(pilot, lambda: where(deck).endswith("= '1'"))
        assert ids(deck) == []
