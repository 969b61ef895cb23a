"""What is shown, copied and exported, read back, equals what the server holds: every type, the nastiest values."""

import csv
import io
import json
from dataclasses import replace

import psycopg
from psycopg import sql

from stack.findings import silent
from stack.tables.export import file_at
from stack.tables.export_statement import Format
from stack.tables.query import After, PageQuery, Query
from stack.tables.renderings import csv_line, insert_statement, json_object, text_line
from stack.tables.sorting import parse_sort
from stack.tables.values import native
from tests.support.every_type import CLOSED, every_type
from tests.support.tables import run_sql


def raw(url, table, order="id"):
    """Return every row of `table` in the server's own words, which no driver has read."""
    with psycopg.connect(url.reveal()) as connection:
        connection.execute("SET DateStyle = 'ISO'; SET extra_float_digits = 1")
        result = connection.pgconn.exec_(f'SELECT * FROM "{table}" ORDER BY {order}'.encode())
        assert result.error_message == b""
        return [
            tuple(
                None if (value := result.get_value(row, column)) is None else value.decode()
                for column in range(result.nfields)
            )
            for row in range(result.ntuples)
        ]


def boolean(columns, row):
    """Return a row of the server's own words with truth values as SQL spells them."""
    spelt = {"t": "true", "f": "false"}
    return tuple(
        spelt.get(cell, cell) if column.base_type == "boolean" else cell
        for column, cell in zip(columns, row, strict=True)
    )


def empty_copy(url):
    run_sql(
        url,
        'DROP TABLE IF EXISTS "the copy"',
        'CREATE TABLE "the copy" (LIKE "every type" INCLUDING IDENTITY INCLUDING GENERATED)',
    )


async def test_every_type_is_shown_and_taken_away_as_it_is(database, browser, tmp_path):
    kinds = every_type(database)
    table = await browser.find("every type")
    held = raw(database, "every type")
    got = await browser.page(PageQuery(table, limit=1000))
    assert len(held) == len(got.rows) > 20
    assert [column.name for column in got.columns] == [
        "id",
        *(f"{index} {kind}" for index, kind in enumerate(kinds)),
        "select",
    ]
    entered = {
        kind for index, kind in enumerate(kinds, 1) if any(row[index] is not None for row in got.rows)
    }  # nothing is said of a type that no value could be found for
    assert set(kinds) - entered <= CLOSED

    # A page has what the server prints.
    assert list(got.rows) == [boolean(got.columns, row) for row in held]

    # A reader of `rows --json` finds the same text, or the same number.
    for row in got.rows:
        told = json.loads(json.dumps([native(column, cell) for column, cell in zip(got.columns, row, strict=True)]))
        for value, cell in zip(told, row, strict=True):
            assert value == cell if isinstance(value, str) or cell is None else json.dumps(value) == cell

    # The statement that inserts the rows makes the same ones.
    empty_copy(database)
    run_sql(database, insert_statement(replace(table, name="the copy"), got.columns, got.rows))
    assert raw(database, "the copy") == held
    empty_copy(database)
    for row in got.rows:
        with psycopg.connect(database.reveal(), autocommit=True) as connection:
            connection.execute("SET standard_conforming_strings = off; SET escape_string_warning = off")
            connection.execute(insert_statement(replace(table, name="the copy"), got.columns, [row]).encode())
    assert raw(database, "the copy") == held

    # Both exports are read back by Postgres itself.
    by_key = Query(table, sort=(parse_sort("id"),))
    written = await browser.export(by_key, file_at(tmp_path / "a.csv"), format=Format.CSV, progress=silent)
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in got.columns[:-1])
    assert written.rows == len(held)
    exported = (tmp_path / "a.csv").read_bytes()
    copied = "".join(map(csv_line, [[column.name for column in got.columns], *got.rows])).encode()
    texts = "".join(map(text_line, got.rows)).encode()
    for content, options in [
        (exported, "FORMAT csv, HEADER"),
        (copied, "FORMAT csv, HEADER"),
        (texts, "FORMAT text"),
    ]:
        with psycopg.connect(database.reveal()) as connection, connection.cursor() as cursor:
            cursor.execute('CREATE TEMP TABLE "the copy" AS SELECT * FROM "every type" WITH NO DATA')
            with cursor.copy(f'COPY "the copy" FROM STDIN ({options})'.encode()) as copy:
                copy.write(content)
            cursor.execute('DROP TABLE IF EXISTS public."the copy"')
            cursor.execute('CREATE TABLE public."the copy" AS SELECT * FROM pg_temp."the copy"')
        assert raw(database, "the copy") == held
    for content in (exported, copied):
        _, *read = csv.reader(io.StringIO(content.decode(), newline=""))
        assert read == [[cell or "" for cell in row] for row in got.rows]

    await browser.export(by_key, file_at(tmp_path / "a.jsonl"), format=Format.JSONL, progress=silent)
    lines = (tmp_path / "a.jsonl").read_bytes().decode().split("\n")
    assert lines.pop() == ""
    assert [list(json.loads(line)) for line in lines] == [[column.name for column in got.columns]] * len(held)
    assert [list(json.loads(json_object(got.columns, row)))[:3] for row in got.rows] == [
        [column.name for column in got.columns[:3]]
    ] * len(held)
    empty_copy(database)
    with psycopg.connect(database.reveal()) as connection:
        connection.cursor().executemany(
            sql.SQL(
                'INSERT INTO "the copy" ({0}) OVERRIDING SYSTEM VALUE '
                'SELECT {0} FROM json_populate_record(NULL::"every type", %s)'
            ).format(names),
            [(line,) for line in lines],
        )
    # JSON has one null: a value of a JSON column that is `null` comes back as no value.
    of_json = {index for index, column in enumerate(got.columns) if column.base_type in {"json", "jsonb"}}
    without_null = [
        tuple(None if index in of_json and cell == "null" else cell for index, cell in enumerate(row)) for row in held
    ]
    back = raw(database, "the copy")
    differing = {
        (got.columns[index].type, ours, theirs)
        for mine, other in zip(back, without_null, strict=True)
        for index, (ours, theirs) in enumerate(zip(mine, other, strict=True))
        if ours != theirs and not (index in of_json and json.loads(ours) == json.loads(theirs))
    }
    assert differing == set()


async def test_a_megabyte_on_one_line_and_on_a_hundred_thousand(database, browser, tmp_path):
    run_sql(
        database,
        "CREATE TABLE long (id int PRIMARY KEY, v text)",
        """INSERT INTO long VALUES (1, repeat('"é,', 250000)), (2, repeat(E'a line\t"\n', 100000)), (3, '')""",
    )
    table = await browser.find("long")
    held = raw(database, "long")
    cut = await browser.page(PageQuery(table, longest=500))
    assert [row[1] for row in cut.rows] == [row[1][:500] for row in held]
    assert cut.cut == {(0, 1), (1, 1)}
    whole = await browser.page(PageQuery(table))
    assert list(whole.rows) == held
    for kind in Format:
        written = await browser.export(Query(table), file_at(tmp_path / kind), format=kind, progress=silent)
        assert written.bytes == (tmp_path / kind).stat().st_size
    csv.field_size_limit(10_000_000)
    _, *rows = csv.reader(io.StringIO((tmp_path / "csv").read_bytes().decode(), newline=""))
    lines = (tmp_path / "jsonl").read_bytes().decode().split("\n")
    assert [tuple(row) for row in rows] == held
    assert [(str(made["id"]), made["v"]) for made in map(json.loads, lines[:-1])] == held
    assert list(csv.reader(io.StringIO("".join(map(csv_line, whole.rows)), newline=""))) == [list(row) for row in held]


async def test_the_zone_that_times_are_printed_in_is_named(database, browser):
    run_sql(
        database,
        f"ALTER DATABASE {database.database} SET TimeZone = 'America/St_Johns'",
        "CREATE DOMAIN moment AS timestamptz",
        "CREATE TABLE zoned (id int PRIMARY KEY, at moment)",
        "CREATE TABLE ranged (id int PRIMARY KEY, during tstzrange[])",
        "CREATE TABLE plain (id int PRIMARY KEY, at timestamp, day date, clock timetz)",
        "INSERT INTO zoned VALUES (1, '2026-01-01 12:00+00'), (2, '2026-07-01 12:00+00')",
    )
    shown = await browser.page(PageQuery(await browser.find("zoned"), limit=1))
    assert (shown.time_zone, shown.rows) == ("America/St_Johns", (("1", "2026-01-01 08:30:00-03:30"),))
    beside = await browser.page(PageQuery(await browser.find("zoned"), limit=1, position=After(shown.next)))
    assert (beside.time_zone, beside.rows) == ("America/St_Johns", (("2", "2026-07-01 09:30:00-02:30"),))
    assert (await browser.page(PageQuery(await browser.find("ranged")))).time_zone == "America/St_Johns"
    assert (await browser.page(PageQuery(await browser.find("plain")))).time_zone is None
