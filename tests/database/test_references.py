"""References are followed, labelled and counted, however many columns they have and however many rows refer."""

import pytest

from stack.findings import Code, Failure
from stack.tables.description import ForeignKey
from stack.tables.filters import parse_filter
from stack.tables.labels import Candidate, choose
from stack.tables.query import At, Before, PageQuery, Query
from stack.tables.references import MOST, Uncounted
from stack.tables.rows import equal
from tests.support.tables import browser_for, run_sql, statements

SCHEMA = (
    "CREATE TABLE people (id int PRIMARY KEY, email text UNIQUE, full_name text, about text)",
    "CREATE TABLE rooms (house int, number int, title text, PRIMARY KEY (house, number))",
    "CREATE TABLE codes (code text PRIMARY KEY, n int)",
    """
    CREATE TABLE "Visits [/]" (
        id int PRIMARY KEY, person int REFERENCES people, guest int REFERENCES people, house int, "room no" int,
        code text REFERENCES codes, FOREIGN KEY (house, "room no") REFERENCES rooms
    )
    """,
    'CREATE INDEX ON "Visits [/]" (person, id)',
    "CREATE TABLE parts (id int PRIMARY KEY, person int REFERENCES people) PARTITION BY RANGE (id)",
    "CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE notes (part int REFERENCES parts)",
    "INSERT INTO people VALUES (1, 'ada@x', 'Ada', 'a'), (2, 'bob@x', NULL, 'b'), (3, 'c@x', 'Cleo [/]', 'c')",
    "INSERT INTO rooms VALUES (1, 1, 'The blue room'), (1, 2, 'The red room')",
    "INSERT INTO codes VALUES ('c', 1)",
    """INSERT INTO "Visits [/]" VALUES (1, 1, 3, 1, 2, 'c'), (2, 2, 1, NULL, 1, NULL), (3, NULL, NULL, 1, 1, 'c')""",
    f'INSERT INTO "Visits [/]" (id, guest) SELECT n, 2 FROM generate_series(10, {MOST + 20}) n',
    "INSERT INTO parts VALUES (1, 1)",
    "INSERT INTO notes VALUES (1), (1)",
)
VISITS = '"Visits [/]"'


async def test_labels_of_a_page_take_one_statement_once_it_is_known_what_they_are(database):
    run_sql(database, *SCHEMA)
    async with browser_for(database) as (browser, access):
        shown = await browser.page(PageQuery(await browser.find(VISITS), limit=4))
        before = await browser.labels(shown)
        with statements(access.engine) as sent:
            found = await browser.labels(shown)
        assert (sent, found) == ([], before)
        # What was altered, or a connection that was ended, is looked at anew.
        run_sql(
            database,
            "ALTER TABLE rooms RENAME title TO name",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND query = 'ROLLBACK'",
        )
        assert await browser.labels(shown) == before
        run_sql(database, "ALTER TABLE rooms RENAME name TO label", "ALTER TABLE people DROP full_name")
        assert (await browser.labels(shown))[0, 3] == "The red room"
        none = await browser.page(PageQuery(await browser.find(VISITS), (parse_filter("id = 3"),)))
        assert set((await browser.labels(none)).values()) == {"The blue room"}
    names = [column.name for column in shown.columns]
    assert {(row, names[column]): label for (row, column), label in found.items()} == {
        (0, "person"): "Ada",
        (0, "guest"): "Cleo [/]",
        (0, "house"): "The red room",
        (0, "room no"): "The red room",
        (1, "guest"): "Ada",
        (2, "house"): "The blue room",
        (2, "room no"): "The blue room",
    }


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ("about email! title name", "name"),
        ("name -id", None),
        ("about email! title", "title"),
        ("about reference! street_name", "street_name"),
        ("about reference!", "reference"),
        ("about", None),
        ("", None),
    ],
)
def test_which_column_is_the_label(candidates, chosen):
    given = [Candidate(each.rstrip("!"), each.endswith("!")) for each in candidates.split()]
    given += [] if "-id" in candidates else [Candidate("id", unique=True, text=False)]
    assert choose(given, ["id"]) == chosen


async def test_what_refers_to_a_row_is_counted_up_to_a_limit(database):
    run_sql(database, *SCHEMA)
    async with browser_for(database) as (browser, access):
        people = await browser.find("people")
        shown = await browser.page(PageQuery(people))
        with statements(access.engine) as sent:
            first = await browser.uses(people, shown, 0)
        second = await browser.uses(people, shown, 1)
        part = await browser.find("part1")
        through = await browser.uses(part, await browser.page(PageQuery(part)), 0)
        seen = {(use.table, use.key.columns): (use.rows, use.indexed) for use in first}
        rows = await browser.page(PageQuery(await browser.find(VISITS), filters=equal(first[1].key.columns, ("1",))))
    assert seen == {
        ("Visits [/]", ("guest",)): (1, False),
        ("Visits [/]", ("person",)): (1, True),
        ("parts", ("person",)): (1, False),
    }
    assert [row[0] for row in rows.rows] == ["1"]
    assert {use.key.columns: use.rows for use in second}[("guest",)] == MOST + 1
    assert [(use.table, use.rows) for use in through] == [("notes", 2)]
    counting = [text for text, _ in sent if "count(" in text]
    assert len(counting) == 3
    assert all("LIMIT" in text for text in counting)


async def test_composite_keys_and_nulls(database):
    run_sql(database, *SCHEMA)
    async with browser_for(database) as (browser, _):
        rooms = await browser.find("rooms")
        (use,) = await browser.uses(rooms, await browser.page(PageQuery(rooms)), 1)
        visit = (await browser.page(PageQuery(await browser.find(VISITS)))).columns[4]
    assert use.key == visit.references == ForeignKey(("house", "room no"), "public", "rooms", ("house", "number"))
    assert (use.rows, use.indexed) == (1, False)
    run_sql(database, "CREATE TABLE t (id int PRIMARY KEY, u int UNIQUE)", "CREATE TABLE r (u int REFERENCES t (u))")
    run_sql(database, "INSERT INTO t VALUES (1, NULL)")
    async with browser_for(database) as (browser, _):
        table = await browser.find("t")
        (use,) = await browser.uses(table, await browser.page(PageQuery(table)), 0)
    assert use.rows is Uncounted.NULL


async def test_what_cannot_be_counted_is_said_and_the_rest_is_counted(database, postgres, monkeypatch):
    monkeypatch.setattr("stack.tables.references.EACH", 0.3)
    run_sql(
        database,
        *SCHEMA,
        "CREATE TABLE long_notes (person int REFERENCES people)",
        "INSERT INTO long_notes VALUES (1)",
        "ALTER TABLE long_notes ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY slow ON long_notes USING (pg_sleep(60) IS NOT NULL)",
        "DROP ROLE IF EXISTS half_seeing",
        f"CREATE ROLE half_seeing LOGIN PASSWORD '{postgres.password}'",
        "GRANT SELECT ON people, parts, long_notes TO half_seeing",
    )
    url = type(database)(database.host, database.port, database.database, "half_seeing", database.password)
    async with browser_for(url) as (browser, _):
        people = await browser.find("people")
        found = await browser.uses(people, await browser.page(PageQuery(people)), 0)
        parts = await browser.find("parts")
        seen = await browser.labels(await browser.page(PageQuery(parts)))
        run_sql(
            database, "REVOKE SELECT ON people FROM half_seeing", "GRANT SELECT (full_name) ON people TO half_seeing"
        )
        assert await browser.labels(await browser.page(PageQuery(parts))) == {}
    assert {use.table: use.rows for use in found} == {
        "Visits [/]": Uncounted.FORBIDDEN,
        "long_notes": Uncounted.SLOW,
        "parts": 1,
    }
    assert seen == {(0, 1): "Ada"}
    run_sql(database, "REVOKE ALL ON people, parts, long_notes FROM half_seeing", "DROP ROLE half_seeing")


async def test_a_row_is_read_whole_by_its_key(database):
    run_sql(database, "CREATE TABLE long (k text PRIMARY KEY, t text, b bytea)", "CREATE TABLE keyless (t text)")
    run_sql(
        database,
        "INSERT INTO long VALUES (repeat('k', 700), repeat('x', 1000000), '\\x00ff')",
        "INSERT INTO keyless VALUES (repeat('x', 1000))",
    )
    async with browser_for(database) as (browser, _):
        table, keyless = await browser.find("long"), await browser.find("keyless")
        shown = await browser.page(PageQuery(table, longest=500))
        assert shown.cut == {(0, 0), (0, 1)}
        row = await browser.row(table, shown, 0)
        assert (row.cells, row.cut, row.key) == (("k" * 700, "x" * 1_000_000, "\\x00ff"), frozenset(), ("k",))
        part = await browser.row(keyless, await browser.page(PageQuery(keyless, longest=500)), 0)
        assert (part.cells, part.cut, part.key) == (("x" * 500,), {0}, ())
        run_sql(database, "DELETE FROM long")
        with pytest.raises(Failure) as caught:
            await browser.row(table, shown, 0)
    assert caught.value.finding.code is Code.ROW_GONE


async def test_a_page_begins_at_a_key_or_where_it_would_be(database):
    run_sql(
        database,
        "CREATE TABLE t (a int, b text, PRIMARY KEY (a, b))",
        "INSERT INTO t SELECT n, m FROM generate_series(0, 90, 10) n, unnest(ARRAY['x', 'y']) m",
    )
    async with browser_for(database) as (browser, _):
        table = await browser.find("t")

        async def at(*values, limit=3):
            return await browser.page(PageQuery(table, position=At(values), limit=limit))

        there, absent = await at("50", "y"), await at("55", "")
        assert list(there.rows) == [("50", "y"), ("60", "x"), ("60", "y")]
        assert absent.rows[0] == ("60", "x")
        before = await browser.page(PageQuery(table, position=Before(there.previous), limit=2))
        assert before.rows == (("40", "y"), ("50", "x"))
        beginning, end = await at("-5", "a"), await at("91", "")
        assert (beginning.rows[0], beginning.previous) == (("0", "x"), None)
        assert (end.rows[-1], end.next) == (("90", "y"), None)
        for values in (("1",), ("one", "x"), ("1", "\0")):
            with pytest.raises(Failure) as caught:
                await at(*values)
            assert caught.value.finding.code is Code.KEY_INVALID
        run_sql(database, "TRUNCATE t")
        assert (await at("5", "x")).rows == ()


async def test_rows_are_counted_exactly_on_demand(database):
    run_sql(database, *SCHEMA)
    async with browser_for(database) as (browser, _):
        table = await browser.find(VISITS)
        assert await browser.count(Query(table)) == 3 + MOST + 11
        assert await browser.count(Query(table, equal(("person",), ("1",)))) == 1
