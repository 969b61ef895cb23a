"""Every table is listed with its size and key, whatever its kind, whoever asks, and whatever locks it."""

import psycopg
import pytest

from stack.findings import Code, Failure
from stack.tables.catalogue import Kind, Table, find_table, list_tables
from stack.tables.description import Family, ForeignKey, describe
from stack.tables.reading import reading
from tests.support.tables import engine_for, reader_for, run_sql, statements

SCHEMA = (
    "CREATE SCHEMA other",
    "CREATE TABLE zebra (b int, a int, PRIMARY KEY (a, b) INCLUDE (c), c text)",
    "CREATE TABLE bookings (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, note text)",
    "INSERT INTO bookings (note) SELECT 'x' FROM generate_series(1, 100)",
    "ANALYZE bookings",
    "CREATE VIEW seen AS SELECT * FROM bookings",
    "CREATE MATERIALIZED VIEW kept AS SELECT * FROM bookings",
    "CREATE TABLE parts (id int) PARTITION BY LIST (id)",
    "CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1) PARTITION BY LIST (id)",
    "CREATE TABLE part11 PARTITION OF part1 FOR VALUES IN (1)",
    "CREATE TABLE part2 PARTITION OF parts FOR VALUES IN (2)",
    "INSERT INTO parts VALUES (1), (2), (2)",
    "ANALYZE part11",
    "ANALYZE part2",
    "CREATE TABLE other.zebra (id int)",
)


async def test_tables_of_every_kind_in_one_statement(database):
    run_sql(database, *SCHEMA)
    async with engine_for(database) as engine, reading(engine, database) as reader:
        with statements(engine) as sent:
            tables = await list_tables(reader, first=["bookings", "nothing"])
    assert len(sent) == 1
    assert [(table.schema, table.name, table.kind) for table in tables] == [
        ("public", "bookings", Kind.TABLE),
        ("public", "kept", Kind.MATERIALISED),
        ("public", "part1", Kind.PARTITIONED),
        ("public", "part11", Kind.TABLE),
        ("public", "part2", Kind.TABLE),
        ("public", "parts", Kind.PARTITIONED),
        ("public", "seen", Kind.VIEW),
        ("public", "zebra", Kind.TABLE),
        ("other", "zebra", Kind.TABLE),
    ]
    named = {table.path: table for table in tables}
    assert named["bookings"].estimated_rows == 100
    assert named["bookings"].primary_key == ("id",)
    assert named["zebra"].primary_key == ("a", "b")
    assert (named["parts"].estimated_rows, named["part1"].estimated_rows) == (3, 1)
    assert named["parts"].bytes == named["part11"].bytes + named["part2"].bytes > 0
    assert (named["seen"].bytes, named["seen"].estimated_rows) == (None, None)
    assert named["other.zebra"].visible is False
    assert {name: table.partition_of for name, table in named.items() if table.partition_of} == {
        "part1": ("public", "parts"),
        "part11": ("public", "part1"),
        "part2": ("public", "parts"),
    }


async def test_rows_that_were_never_analysed_are_known_from_the_statistics(database):
    run_sql(database, "CREATE TABLE t (id int)", "INSERT INTO t SELECT generate_series(1, 7)")
    async with reader_for(database) as reader:
        (table,) = await list_tables(reader)
    assert table.estimated_rows == 7


async def test_a_table_that_a_migration_has_locked_is_listed_at_once(database):
    run_sql(database, "CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE u (id int PRIMARY KEY)")
    with psycopg.connect(database.reveal()) as migrating:
        migrating.execute("ALTER TABLE t ADD COLUMN v int")
        async with engine_for(database) as engine:
            async with reading(engine, database) as reader:
                locked, free = await list_tables(reader)
            assert (locked.bytes, free.bytes) == (None, 8192)
            with pytest.raises(Failure) as caught:
                async with reading(engine, database) as reader:
                    await reader.exec_driver_sql("SELECT * FROM t")
    assert caught.value.finding.code is Code.DATABASE_TIMEOUT


async def test_a_role_without_rights_sees_the_list(database, postgres):
    run_sql(
        database,
        *SCHEMA,
        "DROP ROLE IF EXISTS nobody_much",
        f"CREATE ROLE nobody_much LOGIN PASSWORD '{postgres.password}'",
    )
    url = type(database)(database.host, database.port, database.database, "nobody_much", database.password)
    async with reader_for(url) as reader:
        tables = await list_tables(reader)
    assert len(tables) == 9
    run_sql(database, "DROP ROLE nobody_much")


async def test_a_description(database):
    run_sql(
        database,
        "CREATE DOMAIN positive AS numeric(8, 2) CHECK (value > 0)",
        "CREATE TABLE customers (a int, b int, PRIMARY KEY (a, b))",
        "CREATE TABLE bookings ("
        "  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, gone int, price positive,"
        "  first int, second int, paid bool NOT NULL DEFAULT false, twice int GENERATED ALWAYS AS (first * 2) STORED,"
        "  code varchar(3) UNIQUE, parent bigint REFERENCES bookings,"
        "  FOREIGN KEY (second, first) REFERENCES customers (a, b))",
        "ALTER TABLE bookings DROP COLUMN gone",
    )
    async with engine_for(database) as engine, reading(engine, database) as reader:
        table = find_table(await list_tables(reader), "bookings")
        with statements(engine) as sent:
            description = await describe(reader, table)
    assert len(sent) == 1
    assert description.key == ("id",)
    columns = {column.name: column for column in description.columns}
    assert list(columns) == ["id", "price", "first", "second", "paid", "twice", "code", "parent"]
    assert (columns["price"].type, columns["price"].base_type) == ("positive", "numeric")
    assert (columns["code"].type, columns["code"].base_type) == ("character varying(3)", "character varying")
    assert [column.family for column in columns.values()][:5] == [
        Family.INTEGER,
        Family.NUMBER,
        Family.INTEGER,
        Family.INTEGER,
        Family.BOOLEAN,
    ]
    assert [name for name, column in columns.items() if not column.nullable] == ["id", "paid"]
    assert columns["paid"].default == "false"
    assert columns["id"].default == "generated as identity"
    assert columns["twice"].default == "(first * 2)"
    both = ForeignKey(("second", "first"), "public", "customers", ("a", "b"))
    assert columns["second"].references == columns["first"].references == both
    assert both.other("first") == "b"
    assert columns["parent"].references == ForeignKey(("parent",), "public", "bookings", ("id",))
    assert columns["paid"].references is None


async def test_a_table_that_went_away(database):
    with pytest.raises(Failure) as caught:
        async with reader_for(database) as reader:
            await describe(reader, Table("public", "gone", Kind.TABLE))
    assert caught.value.finding.code is Code.TABLE_MISSING


async def test_nothing_can_be_written_while_reading(database):
    run_sql(database, "CREATE TABLE t (id int)")
    with pytest.raises(Failure) as caught:
        async with reader_for(database) as reader:
            await reader.exec_driver_sql("INSERT INTO t VALUES (1)")
    assert "read-only" in caught.value.finding.evidence
