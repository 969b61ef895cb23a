"""Filters on a real server: what they select, that their values travel beside the statement, and the SQL they are."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stack.findings import Code, Failure
from stack.tables.catalogue import find_table, list_tables
from stack.tables.description import describe
from stack.tables.filters import Filter, Operator, parse_filter
from stack.tables.names import Name
from stack.tables.pages import page
from stack.tables.query import After, PageQuery
from stack.tables.refusals import try_filter
from stack.tables.sorting import parse_sort
from stack.tables.sql_text import quote_literal, where
from tests.support.tables import engine_for, reader_for, run_sql, statements

SCHEMA = (
    "CREATE TYPE mood AS ENUM ('glad', 'so-so', 'it''s [/] \"bad\"')",
    "CREATE DOMAIN feeling AS mood",
    "CREATE TYPE pair AS (a int, b text)",
    """
    CREATE TABLE "odd %s [/]" (
        id int PRIMARY KEY, "na""me %" text, born date, mood mood, felt feeling, tags text[], moods mood[],
        span int4range, details jsonb, old json, pair pair, code bpchar(5), amount numeric
    )
    """,
    r"""
    INSERT INTO "odd %s [/]" VALUES
        (1, 'Ann', '1990-01-01', 'glad', 'glad', '{a,"b c"}', '{glad}', '[1,5)',
         '{"customer": {"name": "x", "age": 10}, "0": [1, {"y": null}]}', '{"k": 5}', '(1,)', 'ab', 1.50),
        (2, E'it''s \\ 100%\n\x1b[31m', '2000-02-29', 'so-so', 'so-so', '{}', '{so-so,glad}', '[5,9)',
         '{"customer": {"name": "it''s", "age": 9}}', '{"k": "5"}', '(,)', 'abc', 2),
        (3, '', 'infinity', 'it''s [/] "bad"', NULL, '{NULL}', NULL, 'empty', '[]', '[]', NULL, NULL, 'NaN'),
        (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
    """,
)


@pytest.fixture
def odd(database):
    run_sql(database, *SCHEMA)
    return database


async def selected(url, *wheres):
    """The ids that the page has, after seeing that the SQL that is shown selects the same."""
    filters = tuple(parse_filter(each) if isinstance(each, str) else each for each in wheres)
    async with reader_for(url) as reader:
        got = await page(reader, PageQuery(find_table(await list_tables(reader), '"odd %s [/]"'), filters=filters))
    ids = "".join(row[0] for row in got.rows)
    clause = " AND ".join(where(got.columns, filters))
    with psycopg.connect(url.reveal()) as connection:
        for setting in ("on", "off"):
            connection.execute(f"SET standard_conforming_strings = {setting}")
            found = connection.execute(f'SELECT id FROM "odd %s [/]" WHERE {clause} ORDER BY id'.encode()).fetchall()
            assert "".join(str(row[0]) for row in found) == ids, clause
    return ids


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("id between 2 and 3", "23"),
        ("born between 1990-01-01 and 2000-02-29", "12"),
        ("born > '2000-02-29'", "3"),
        ("amount in (1.5, NaN)", "13"),
        ("mood = so-so", "2"),
        ("mood in (glad, 'it''s [/] \"bad\"')", "13"),
        ("mood > glad", "23"),
        ("mood is distinct from glad", "234"),
        ("felt in (so-so)", "2"),
        ("mood is null", "4"),
        ("code in (ab, 'abc  ')", "12"),
        ("tags has a", "1"),
        ("tags has 'b c'", "1"),
        ("tags overlaps {a,z}", "1"),
        ("tags = {}", "2"),
        ("moods has glad", "12"),
        ("moods overlaps {so-so}", "2"),
        ("span overlaps [4,6]", "12"),
        ("span overlaps (5,6)", ""),
        ("details->customer->>name = x", "1"),
        ("details->customer->>name = 'it''s'", "2"),
        ("details->customer->>name is null", "34"),
        ("details->customer->age > 9", "1"),
        ("details->customer->>age > 10", "2"),
        ("details->'0'->0 = 1", "1"),
        ("details->'0'->1->y = null", "1"),
        ("details->customer->>name contains X", "1"),
        ("details->customer->>name in (x, y)", "1"),
        ("details @? '$.customer ? (@.age > 9 && @.name == \"x\")'", "1"),
        ("old @? '$.k'", "12"),
        ("old->k = 5", "1"),
        ("old->>k = 5", "12"),
        ("pair is distinct from '(1,)'", "234"),
        ("pair is null", "34"),
        ("""\"na""me %" contains '100%'""", "2"),
        ("""\"na""me %" contains \\""", "2"),
        ("""\"na""me %" = ''""", "3"),
    ],
)
async def test_what_filters_select(odd, condition, ids):
    assert await selected(odd, condition) == ids


async def test_pages_by_a_domain_over_an_enum(odd):
    async with reader_for(odd) as reader:
        table = find_table(await list_tables(reader), '"odd %s [/]"')
        first = await page(reader, PageQuery(table, sort=(parse_sort("felt"),), limit=1))
        assert (await page(reader, PageQuery(table, position=After(first.next)))).rows[0][0] == "2"


async def test_several_filters_all_hold(odd):
    assert await selected(odd, "id > 1", "mood is not null", "tags = {}") == "2"


async def test_a_value_of_any_column_selects_its_own_row_and_its_opposite_all_others(odd):
    async with reader_for(odd) as reader:
        table = find_table(await list_tables(reader), '"odd %s [/]"')
        got = await page(reader, PageQuery(table))
    for place, column in enumerate(got.columns):
        if column.base_type == "json":  # the server holds no two of these for equal
            continue
        name = Name(column.name, quoted=True)
        for row in got.rows:
            cell = row[place]
            same = {other[0] for other in got.rows if other[place] == cell}
            only = Filter(name, Operator.NULL if cell is None else Operator.EQUAL, cell)
            others = Filter(name, Operator.NOT_NULL if cell is None else Operator.DISTINCT, cell)
            assert set(await selected(odd, only)) == same, (column.name, cell)
            assert set(await selected(odd, others)) == set("1234") - same, (column.name, cell)


@pytest.mark.parametrize(
    "condition",
    [
        "mood = sad",
        "mood in (glad, sad)",
        "id between 1 and soon",
        "id has 1",
        "amount overlaps 1",
        "tags has NULL] || x",
        "details @? $.[",
        "details @? '$ ? (@ like_regex \"(\")'",
        "details->a = x",
        "born->a = 1",
        "old = {}",
        "born in (2000-02-30)",
        "moods has sad",
    ],
)
async def test_the_server_judges_a_filter_without_reading_rows(odd, condition):
    each = parse_filter(condition)
    async with reader_for(odd) as reader:
        table = find_table(await list_tables(reader), '"odd %s [/]"')
        column = (await describe(reader, table)).column(each.column)
        if condition.startswith("tags"):
            await try_filter(reader, column, each)
            return
        with pytest.raises(Failure) as tried:
            await try_filter(reader, column, each)
        with pytest.raises(Failure) as caught:
            await page(reader, PageQuery(table, filters=(each,)))
    for finding in (tried.value.finding, caught.value.finding):
        assert finding.code is Code.FILTER_INVALID
        assert finding.evidence
        assert column.type in finding.cause


@pytest.mark.parametrize("operator", [each for each in Operator if each.takes.value != "nothing"])
async def test_every_value_travels_beside_the_statement(odd, operator):
    column, value = ("tags", "qqxx") if operator in {Operator.HAS, Operator.CONTAINS} else ("id", "12345678")
    value = {Operator.OVERLAPS: "{qqxx}", Operator.MATCHES: "$.qqxx"}.get(operator, value)
    column = {Operator.OVERLAPS: "tags", Operator.MATCHES: "details->qqyy"}.get(operator, column)
    given_values = {
        Operator.BETWEEN: f"{value} and 23456789",
        Operator.ONE_OF: f"({value}, 23456789)",
    }.get(operator, value)
    each = parse_filter(f"{column} {operator} {given_values}")
    async with engine_for(odd) as engine, engine.connect() as connection:
        with statements(engine) as sent:
            await page(
                connection, PageQuery(find_table(await list_tables(connection), '"odd %s [/]"'), filters=(each,))
            )
    statement, parameters = sent[-1]
    bound = {str(each) for each in parameters.values()}
    for text in (*each.values, *map(str, each.path.steps if each.path else ())):
        assert text not in statement
        assert text in bound


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",))), max_size=5))
def test_a_literal_means_exactly_its_text(database, texts):
    with psycopg.connect(database.reveal()) as connection:
        for setting in ("on", "off"):
            connection.execute(f"SET standard_conforming_strings = {setting}")
            for text in [*texts, "\\", "'\\'", "\x1b[31m\u202e\u2028"]:
                assert connection.execute(f"SELECT {quote_literal(text)}".encode()).fetchone() == (text,)
