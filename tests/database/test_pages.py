"""Pages of any table: every row exactly once, in the server's order, forwards and backwards, in few statements."""

import asyncio
import string

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from stack.database.access import Database
from stack.environment.pool import PoolSettings
from stack.findings import Code, Failure
from stack.tables.browser import TableBrowser
from stack.tables.catalogue import find_table, list_tables
from stack.tables.cursors import OffsetCursor
from stack.tables.filters import parse_filter
from stack.tables.names import Name
from stack.tables.pages import Ordering, page
from stack.tables.query import After, Before, Edge, PageQuery
from stack.tables.reading import reading
from stack.tables.sorting import Direction, Sort, parse_sort
from tests.support.tables import engine_for, reader_for, run_sql, statements

# A type, values of it as literals, NULLs and duplicates on purpose.
TYPES = {
    "int4": ["0", "1", "-5", "2147483647"],
    "text": ["", "a", "B", "NULL", "ä", "a b"],
    'text COLLATE "C"': ["", "a", "B", "ä", "Z"],
    "numeric(10,2)": ["0", "1.005", "-1", "NaN"],
    "timestamptz": ["infinity", "-infinity", "2024-03-31 02:30+01", "0044-03-15 BC"],
    "float8": ["NaN", "Infinity", "0.1", "-0"],
    "bool": ["true", "false"],
    "bpchar(3)": ["a", "ab", "b"],
    "inet": ["10.0.0.1", "10.0.0.1/8", "::1"],
    "interval": ["1 day", "24:00:00", "-1 mon"],
    "int4[]": ["{}", "{1,NULL}", "{1,2}"],
    "jsonb": ["{}", "[1]", '"a"'],
    "int4range": ["empty", "[1,5)", "(,3]"],
}


@st.composite
def tables(draw):
    types = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=3))
    key = draw(st.sampled_from([("int4",), ("int4", "text"), ("text",), ()]))
    cells = [st.none() | st.sampled_from(TYPES[each]) for each in types]
    keys = {"int4": st.integers(0, 9).map(str), "text": st.sampled_from(string.ascii_letters)}
    rows = draw(
        st.lists(
            st.tuples(st.tuples(*(keys[each] for each in key)), st.tuples(*cells)),
            max_size=14,
            unique_by=(lambda row: row[0]) if key else None,
        )
    )
    names = [f"c{index}" for index in range(len(types))] + [f"k{index}" for index in range(len(key))]
    order = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(list(Direction))), max_size=3))
    return types, key, rows, order, draw(st.integers(1, 5))


def create(connection, types, key, rows):
    columns = [sql.SQL("{} {}").format(sql.Identifier(f"c{i}"), sql.SQL(each)) for i, each in enumerate(types)]
    columns += [sql.SQL("{} {} NOT NULL").format(sql.Identifier(f"k{i}"), sql.SQL(each)) for i, each in enumerate(key)]
    if key:
        names = sql.SQL(", ").join(sql.Identifier(f"k{i}") for i in range(len(key)))
        columns.append(sql.SQL("PRIMARY KEY ({})").format(names))
    connection.execute("DROP TABLE IF EXISTS t")
    connection.execute(sql.SQL("CREATE TABLE t ({})").format(sql.SQL(", ").join(columns)))
    with connection.cursor() as cursor:
        for keys, cells in rows:
            values = sql.SQL(", ").join([sql.Literal(value) for value in (*cells, *keys)])
            cursor.execute(sql.SQL("INSERT INTO t VALUES ({})").format(values))
        cursor.execute("ANALYZE t")


async def walk(reader, table, sort, limit, *, forwards):
    """Page from one end to the other and return the rows in the table's order."""
    found, pages = [], 0
    position = Edge.FIRST if forwards else Edge.LAST
    while True:
        got = await page(reader, PageQuery(table, sort=sort, limit=limit, position=position))
        found = [*found, *got.rows] if forwards else [*got.rows, *found]
        pages += 1
        assert pages < 30
        cursor = got.next if forwards else got.previous
        back = got.previous if forwards else got.next
        assert (back is None) == (pages == 1)
        if cursor is None:
            return found
        position = After(cursor) if forwards else Before(cursor)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=tables())
def test_both_ways_see_every_row_once_in_the_servers_order(database, case):
    types, key, rows, order, limit = case
    first = dict(reversed(order))  # what is said of a column first holds
    seen = dict.fromkeys(name for name, _ in order)
    with psycopg.connect(database.reveal(), autocommit=True) as connection:
        create(connection, types, key, rows)
        last = first[list(seen)[-1]] if order else Direction.ASCENDING
        by = [(name, first[name]) for name in seen]
        if key:
            by += [(f"k{i}", last) for i in range(len(key)) if f"k{i}" not in seen]
        elif order:
            by += [(f"c{i}::text", Direction.ASCENDING) for i in range(len(types))]
        # Named with the table: a bare name would sort by the text that is selected under it.
        clause = "ORDER BY " + ", ".join(f"t.{name} {way}" for name, way in by) if by else ""
        columns = [f"c{i}" for i in range(len(types))] + [f"k{i}" for i in range(len(key))]
        kinds = [*types, *key]
        shown = ", ".join(
            name if kind.startswith(("bpchar", "inet")) else f"{name}::text"
            for name, kind in zip(columns, kinds, strict=True)
        )
        # Without `::text`, psycopg would read inet as Python's; its text loader shows what the server prints.
        connection.adapters.register_loader("inet", psycopg.types.string.TextLoader)
        expected = connection.execute(f"SELECT {shown} FROM t {clause}".encode()).fetchall()

    async def pages():
        sort = tuple(Sort(Name(name), way) for name, way in order)
        async with reader_for(database) as reader:
            (table,) = await list_tables(reader)
            forwards = await walk(reader, table, sort, limit, forwards=True)
            backwards = await walk(reader, table, sort, limit, forwards=False)
            return forwards, backwards

    forwards, backwards = asyncio.run(pages())
    assert forwards == expected
    assert backwards == expected


async def one_page(url, name, **options):
    async with reader_for(url) as reader:
        return await page(reader, PageQuery(find_table(await list_tables(reader), name), **options))


async def failure(url, name, **options):
    with pytest.raises(Failure) as caught:
        await one_page(url, name, **options)
    return caught.value.finding


def removed(plan):
    """Return how many rows a plan read and threw away."""
    match plan:
        case dict():
            return plan.get("Rows Removed by Filter", 0) + sum(map(removed, plan.values()))
        case list():
            return sum(map(removed, plan))
        case _:
            return 0


async def test_a_page_takes_two_statements_however_deep(database):
    run_sql(
        database,
        "CREATE TABLE t (id int PRIMARY KEY, at timestamptz NOT NULL, gone timestamptz)",
        "INSERT INTO t SELECT n, now() + n * interval '1 s', CASE WHEN n % 3 = 0 THEN now() + n * interval '1 s' END "
        "FROM generate_series(1, 3000) n",
        "CREATE INDEX ON t (at)",
        "CREATE INDEX ON t (gone, id)",
        "ANALYZE t",
    )
    async with engine_for(database) as engine:
        for sort in ((), (parse_sort("at:desc"),), (parse_sort("gone"),), (parse_sort("gone:desc"),)):
            position = Edge.FIRST
            for _ in range(5):
                async with reading(engine, database) as reader:
                    (table,) = await list_tables(reader)
                    with statements(engine) as sent:
                        got = await page(reader, PageQuery(table, sort=sort, limit=100, position=position))
                assert len(sent) == 2
                assert len(got.rows) == 100
                position = After(got.next)
            with psycopg.connect(database.reveal()) as connection:
                statement, parameters = sent[-1]
                (plan,), *_ = connection.execute(
                    f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode(), parameters
                ).fetchall()
            # An index finds the page, and nothing before it is read and thrown away but the cursor's own row.
            assert "Index" in str(plan)
            assert removed(plan) <= 1


async def test_only_where_nulls_begin_a_page_takes_one_statement_more(database):
    run_sql(
        database,
        "CREATE TABLE t (id int PRIMARY KEY, v int)",
        "INSERT INTO t SELECT n, CASE WHEN n <= 4 THEN n END FROM generate_series(1, 8) n",
    )
    async with engine_for(database) as engine, reading(engine, database) as reader:
        (table,) = await list_tables(reader)
        first = await page(reader, PageQuery(table, sort=(parse_sort("v"),), limit=3))
        with statements(engine) as sent:
            second = await page(reader, PageQuery(table, limit=3, position=After(first.next)))
        assert second.rows == (("4", "4"), ("5", None), ("6", None))
        assert len(sent) == 3


@st.composite
def changing_tables(draw):
    """A table with a key, which of its rows stay, and which of the others come or go after each page."""
    types, key, rows, order, limit = draw(tables().filter(lambda case: case[1] and len(case[2]) > 2))
    stays = draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    turns = st.sets(st.sampled_from([index for index, stay in enumerate(stays) if not stay] or [-1]))
    return types, key, rows, order, limit, stays, draw(st.lists(turns, min_size=30, max_size=30))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=changing_tables(), forwards=st.booleans())
def test_rows_that_others_write_are_neither_skipped_nor_shown_twice(database, case, forwards):
    types, key, rows, order, limit, stays, turns = case
    sort = tuple(Sort(Name(name, quoted=True), way) for name, way in order)
    with psycopg.connect(database.reveal(), autocommit=True) as other:
        create(other, types, key, rows)
        there = dict.fromkeys(range(len(rows)), True)

        def turn(index):
            """Have a row come or go; whatever the page beside it was found by."""
            keys, cells = rows[index]
            where = sql.SQL(" AND ").join(
                sql.SQL("{} = {}").format(sql.Identifier(f"k{i}"), sql.Literal(value)) for i, value in enumerate(keys)
            )
            values = sql.SQL(", ").join(map(sql.Literal, (*cells, *keys)))
            other.execute(
                sql.SQL("DELETE FROM t WHERE {}").format(where)
                if there[index]
                else sql.SQL("INSERT INTO t VALUES ({})").format(values)
            )
            there[index] = not there[index]

        async def pages():
            seen = []
            access = Database(database, PoolSettings(size=2, max_overflow=0))
            browser = TableBrowser(access)
            table = await browser.find("t")
            position = Edge.FIRST if forwards else Edge.LAST
            for turned in turns:
                got = await browser.page(PageQuery(table, sort=sort, limit=limit, position=position))
                seen = [*seen, *got.rows] if forwards else [*got.rows, *seen]
                for index in turned - {-1}:
                    turn(index)
                cursor = got.next if forwards else got.previous
                if cursor is None:
                    break
                position = After(cursor) if forwards else Before(cursor)
            everything = await browser.page(PageQuery(table, sort=sort, limit=100))
            await browser.close()
            await access.close()
            return [row[-len(key) :] for row in seen], [row[-len(key) :] for row in everything.rows]

        seen, now = asyncio.run(pages())
    stable = {keys for (keys, _), stay in zip(rows, stays, strict=True) if stay}
    assert [keys for keys in seen if keys in stable] == [keys for keys in now if keys in stable]


async def test_back_from_a_page_whose_rows_are_gone(database):
    run_sql(database, "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 6)")
    first = await one_page(database, "t", limit=3)
    run_sql(database, "DELETE FROM t WHERE id > 2")
    empty = await one_page(database, "t", limit=3, position=After(first.next))
    assert (empty.rows, empty.next) == ((), None)
    assert (await one_page(database, "t", limit=3, position=Before(empty.previous))).rows == (("1",), ("2",))


CELLS = {
    "bool": "true",
    "int8": "9223372036854775807",
    "numeric": "0.1000",
    "float4": "0.1",
    "float8": "NaN",
    "money": "$1,234.50",
    "text": "[/red]\x1b[31m\u202e\n\ttwo",
    "varchar(3)": "äöü",
    "char(4)": "a   ",
    '"char"': "x",
    "name": "n",
    "bytea": "\\x00ff",
    "date": "0044-03-15 BC",
    "time": "24:00:00",
    "timetz": "10:00:00+02",
    "timestamp": "infinity",
    "timestamptz": "-infinity",
    "interval": "1 year 2 mons -3 days +04:05:06.789",
    "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "json": '{"a" :  [1,2]}',
    "jsonb": '{"a": [1, 2]}',
    "xml": "<a/>",
    "inet": "10.0.0.1",
    "cidr": "10.0.0.0/8",
    "macaddr": "08:00:2b:01:02:03",
    "bit(3)": "101",
    "varbit": "10101",
    "point": "(1,2)",
    "box": "(2,2),(1,1)",
    "tsvector": "'a':1 'b'",
    "tsquery": "'a' & 'b'",
    "int4range": "[1,5)",
    "int4multirange": "{[1,5),[7,9)}",
    "text[]": '{a,"b c",NULL,"NULL"}',
    "bpchar[]": '{"a ",b}',
    "regclass": "pg_class",
    "oid": "4294967295",
    "pg_lsn": "16/B374D848",
    "mood": 'it\'s "fine"',
    "pair": "(1,)",
    "small": "7",
}


async def test_values_come_back_as_postgres_prints_them(database):
    run_sql(
        database,
        "CREATE TYPE mood AS ENUM ('it''s \"fine\"', 'b')",
        "CREATE TYPE pair AS (a int, b text)",
        "CREATE DOMAIN smaller AS int CHECK (value < 10)",
        "CREATE DOMAIN small AS smaller",
        "SET lc_monetary = 'C'",
    )
    types = list(CELLS)
    with psycopg.connect(database.reveal(), autocommit=True) as connection:
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(f"c{i}"), sql.SQL(each)) for i, each in enumerate(types)
        )
        connection.execute(sql.SQL("CREATE TABLE t (id int PRIMARY KEY, {})").format(columns))
        values = sql.SQL(", ").join(sql.Literal(value) for value in CELLS.values())
        connection.execute(sql.SQL("INSERT INTO t VALUES (1, {})").format(values))
        connection.execute("INSERT INTO t VALUES (2)")
    got = await one_page(database, "t")
    assert dict(zip(types, got.rows[0][1:], strict=True)) == CELLS
    assert set(got.rows[1][1:]) == {None}
    for index, kind in enumerate(types):
        if kind in {"json", "xml", "point", "box"}:  # the server has no order, or no equality, for these
            continue
        sort = (parse_sort(f"c{index}:desc"),)
        both = await one_page(database, "t", sort=sort, limit=1)
        after = await one_page(database, "t", sort=sort, limit=1, position=After(both.next))
        assert (both.rows[0][0], after.rows[0][0]) == ("2", "1"), kind
        again = await one_page(database, "t", sort=(parse_sort(f"c{index}"),), limit=1)
        assert (await one_page(database, "t", limit=1, position=After(again.next))).rows[0][0] == "2", kind
        same = await one_page(
            database, "t", filters=(parse_filter(f"c{index} = '{CELLS[kind].replace(chr(39), chr(39) * 2)}'"),)
        )
        assert [row[0] for row in same.rows] == ["1"], kind


async def test_null_the_empty_text_and_the_word_null_differ(database):
    run_sql(
        database,
        "CREATE TABLE t (id int PRIMARY KEY, v text)",
        "INSERT INTO t VALUES (1, NULL), (2, ''), (3, 'NULL')",
    )
    assert (await one_page(database, "t")).rows == (("1", None), ("2", ""), ("3", "NULL"))
    for where, ids in [("v is null", "1"), ("v = ''", "2"), ("v = NULL", "3"), ("v is not null", "23")]:
        got = await one_page(database, "t", filters=(parse_filter(where),))
        assert "".join(row[0] for row in got.rows) == ids


async def test_long_values_are_cut_on_request_and_said_to_be(database):
    run_sql(
        database,
        "CREATE TABLE t (id int PRIMARY KEY, v text)",
        "INSERT INTO t VALUES (1, repeat('ä', 5)), (2, repeat('x', 1000000)), (3, NULL)",
    )
    got = await one_page(database, "t", longest=5)
    assert got.rows == (("1", "ä" * 5), ("2", "xxxxx"), ("3", None))
    assert got.cut == {(1, 1)}
    assert len((await one_page(database, "t")).rows[1][1]) == 1_000_000


NASTY = ['a"b', "a b", "select", "a%b", "a%(b)s", "a:b", "a.b", "ü", "a'b", "$1", "[/x]", "A" * 63, "a{b}", "-- x"]


async def test_any_name_will_do(database):
    with psycopg.connect(database.reveal(), autocommit=True) as connection:
        for name in NASTY:
            each = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(each))
            connection.execute(sql.SQL("CREATE TYPE {} AS ENUM ('x')").format(sql.Identifier(name, f"t{name[:60]}")))
            connection.execute(
                sql.SQL("CREATE TABLE {} ({} int PRIMARY KEY, v {})").format(
                    sql.Identifier(name, name), each, sql.Identifier(name, f"t{name[:60]}")
                )
            )
            connection.execute(
                sql.SQL("INSERT INTO {} SELECT n, 'x' FROM generate_series(1, 3) n").format(sql.Identifier(name, name))
            )
    for name in NASTY:
        doubled = '"' + name.replace('"', '""') + '"'
        async with reader_for(database) as reader:
            table = find_table(await list_tables(reader), f"{doubled}.{doubled}")
            first = await page(reader, PageQuery(table, sort=(parse_sort("v"), parse_sort(f"{doubled}:desc")), limit=2))
            assert first.rows == (("3", "x"), ("2", "x"))
            rest = await page(reader, PageQuery(table, position=After(first.next), filters=(parse_filter("v = x"),)))
            assert rest.rows == (("1", "x"),)


async def test_no_columns_and_as_many_as_there_can_be(database):
    columns = ", ".join(f"c{n} int" for n in range(1600))
    run_sql(
        database,
        "CREATE TABLE none ()",
        "INSERT INTO none DEFAULT VALUES",
        "INSERT INTO none DEFAULT VALUES",
        f"CREATE TABLE wide ({columns}, PRIMARY KEY (c7, c3))".replace("c7 int,", "c7 int,", 1),
        "INSERT INTO wide (c3, c7) VALUES (1, 2), (2, 1)",
    )
    assert (await one_page(database, "none")).rows == ((), ())
    got = await one_page(database, "wide", limit=1)
    assert (len(got.rows[0]), got.rows[0][7]) == (1600, "1")
    assert (await one_page(database, "wide", position=After(got.next))).rows[0][7] == "2"


async def test_rows_without_a_key_are_counted_and_the_page_says_so(database):
    run_sql(
        database,
        "CREATE TABLE base (v int)",
        "INSERT INTO base SELECT n / 2 FROM generate_series(1, 10) n",
        "CREATE VIEW shown AS SELECT v, v * 2 AS twice FROM base",
        "CREATE MATERIALIZED VIEW kept AS SELECT * FROM base",
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE child () INHERITS (parent)",
        "INSERT INTO parent VALUES (1)",
        "INSERT INTO child VALUES (1)",
    )
    for name, count in [("base", 10), ("shown", 10), ("kept", 10), ("parent", 2)]:
        got = await one_page(database, name)
        assert (got.ordering, len(got.rows)) == (Ordering.OFFSET, count)
    last = await one_page(database, "shown", sort=(parse_sort("v"),), limit=4, position=Edge.LAST)
    assert [row[0] for row in last.rows] == ["3", "4", "4", "5"]
    assert last.next is None
    middle = await one_page(database, "shown", limit=4, position=Before(last.previous))
    assert [row[0] for row in middle.rows] == ["1", "2", "2", "3"]
    first = await one_page(database, "shown", limit=4, position=Before(middle.previous))
    assert ([row[0] for row in first.rows], first.previous) == (["0", "1"], None)
    assert next(row[0] for row in (await one_page(database, "shown", position=After(first.next))).rows) == "1"


async def test_a_unique_key_without_nulls_will_do(database):
    run_sql(
        database,
        "CREATE TABLE t (a int, b int NOT NULL, c int NOT NULL UNIQUE, UNIQUE (b, c))",
        "INSERT INTO t SELECT n, -n, n FROM generate_series(1, 3) n",
        "CREATE TABLE loose (a int UNIQUE, b int NOT NULL)",
        "CREATE UNIQUE INDEX ON loose (b) WHERE a > 0",
    )
    got = await one_page(database, "t", limit=2)
    assert (got.ordering, got.rows[0]) == (Ordering.KEY, ("1", "-1", "1"))
    assert (await one_page(database, "loose")).ordering is Ordering.OFFSET


async def test_partitioned_tables_page_by_their_key(database):
    run_sql(
        database,
        "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (5)",
        "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (5) TO (10)",
        "INSERT INTO t SELECT generate_series(0, 9)",
        "ANALYZE",
    )
    got = await one_page(database, "t", limit=4)
    assert (got.ordering, got.estimated_rows) == (Ordering.KEY, 10)
    got = await one_page(database, "t", limit=4, position=After(got.next))
    assert [row[0] for row in got.rows] == ["4", "5", "6", "7"]


@pytest.fixture
def people(database):
    run_sql(
        database,
        "CREATE TABLE people "
        "(id int PRIMARY KEY, name text, born date, price numeric(10, 2), tags json, code varchar(3))",
        "INSERT INTO people VALUES (1, 'Ann_', '1990-01-01', 1.00, '{}', 'abc'), "
        "(2, 'Bob%', '2000-01-01', 1.01, '[]', 'ab'), (3, 'ann\\', NULL, NULL, NULL, NULL)",
    )
    return database


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("name contains ANN", "13"),
        ("name ~ _", "1"),
        ("name ~ %", "2"),
        ("name ~ \\", "3"),
        ("id ~ 2", "2"),
        ("tags ~ {", "1"),
        ("born>=1995-01-01", "2"),
        ("born < '2000-01-01'", "1"),
        ("price = 1.005", ""),
        ("price<=1.005", "1"),
        ("price > 1.00", "2"),
        ("code = abcdef", ""),
        ("code != abc", "2"),
        ("NAME = Bob%", "2"),
    ],
)
async def test_filters(people, where, ids):
    got = await one_page(people, "people", filters=(parse_filter(where),))
    assert "".join(row[0] for row in got.rows) == ids
    assert got.estimated_rows is None


async def test_filters_hold_together(people):
    got = await one_page(people, "people", filters=(parse_filter("name ~ ann"), parse_filter("born is not null")))
    assert [row[0] for row in got.rows] == ["1"]


@pytest.mark.parametrize(
    ("where", "words"),
    [("born > soon", "soon"), ("id = 1.5", "1.5"), ("tags = {}", "json"), ("id = 99999999999", "99999999999")],
)
async def test_a_value_that_does_not_fit_is_refused_in_the_servers_words(people, where, words):
    finding = await failure(people, "people", filters=(parse_filter("id > 0"), parse_filter(where)))
    assert finding.code is Code.FILTER_INVALID
    assert finding.title.count(where.split()[0])
    assert words in finding.evidence


async def test_a_wrong_column_names_those_that_are_near(people):
    finding = await failure(people, "people", filters=(parse_filter("nmae = x"),))
    assert finding.code is Code.COLUMN_MISSING
    assert [fix.title for fix in finding.fixes] == ["Use the column name"]
    assert (await failure(people, "people", sort=(parse_sort("nmae"),))).code is Code.COLUMN_MISSING


async def test_a_type_without_an_order_cannot_be_sorted_by(people):
    finding = await failure(people, "people", sort=(parse_sort("tags"),))
    assert finding.code is Code.SORT_INVALID
    assert "tags (json)" in finding.cause


async def test_an_error_of_the_rows_themselves_is_the_databases(people):
    run_sql(people, "CREATE VIEW broken AS SELECT 1 / (id - id) AS v FROM people")
    finding = await failure(people, "broken", filters=(parse_filter("v > 1"),))
    assert finding.code is Code.DATABASE_ERROR
    assert "division by zero" in finding.evidence


async def test_cursors_that_do_not_fit(people):
    first = await one_page(people, "people", sort=(parse_sort("name"),), limit=1)
    run_sql(people, "CREATE TABLE other (id int PRIMARY KEY, name text)")
    for name, options in [
        ("other", {"position": After(first.next)}),
        ("people", {"position": After(first.next), "sort": (parse_sort("name:desc"),)}),
        ("people", {"position": Before(OffsetCursor("public.people", (), 1))}),
    ]:
        assert (await failure(people, name, **options)).code is Code.CURSOR_INVALID
    run_sql(people, "ALTER TABLE people ALTER COLUMN name TYPE int USING 1")
    finding = await failure(people, "people", position=After(first.next))
    assert (finding.code, "Ann_" in finding.cause) == (Code.CURSOR_INVALID, True)
    run_sql(people, "ALTER TABLE people DROP COLUMN name")
    assert (await failure(people, "people", position=After(first.next))).code is Code.CURSOR_INVALID


async def test_reading_writes_nothing_and_ends_in_time(people):
    run_sql(
        people,
        "CREATE SEQUENCE s",
        "CREATE FUNCTION slow() RETURNS int LANGUAGE sql AS 'SELECT 1 FROM pg_sleep(30)'",
        "CREATE FUNCTION writes() RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''s'')'",
        "CREATE VIEW waiting AS SELECT slow() AS v",
        "CREATE VIEW writing AS SELECT writes() AS v",
    )
    assert (await failure(people, "writing")).code is Code.DATABASE_ERROR
    async with engine_for(people) as engine:
        with pytest.raises(Failure) as caught:
            async with reading(engine, people, timeout=0.1) as reader:
                await page(reader, PageQuery(find_table(await list_tables(reader), "waiting")))
        assert caught.value.finding.code is Code.DATABASE_TIMEOUT


async def test_a_role_sees_what_it_may_see(people, postgres):
    run_sql(
        people,
        "DROP ROLE IF EXISTS looker",
        f"CREATE ROLE looker LOGIN PASSWORD '{postgres.password}'",
        "GRANT SELECT (id, born) ON people TO looker",
        "CREATE TABLE secret (id int)",
    )
    url = type(people)(people.host, people.port, people.database, "looker", people.password)
    got = await one_page(url, "people", limit=1)
    assert [column.name for column in got.columns] == ["id", "born"]
    assert got.rows == (("1", "1990-01-01"),)
    assert (await failure(url, "secret")).code is Code.DATABASE_PERMISSION
    assert (await failure(url, "people", filters=(parse_filter("name = x"),))).code is Code.DATABASE_PERMISSION
    run_sql(people, "DROP OWNED BY looker", "DROP ROLE looker")
