"""What is said of a table's structure is whole: run in an empty database, its statements make the same table."""

import psycopg
import pytest

from stack.findings import Code, Failure
from stack.tables.catalogue import Kind, Table, find_table, list_tables
from stack.tables.definition import statements as definitions
from stack.tables.reading import reading
from stack.tables.structure import ConstraintKind, structure
from tests.support.tables import engine_for, reader_for, run_sql, statements

# What tables stand on, and what their definitions do not make.
GROUND = (
    'CREATE SCHEMA "sch[/]ema"',
    "CREATE EXTENSION btree_gist",
    "CREATE TYPE mood AS ENUM ('well', 'it''s bad')",
    "CREATE DOMAIN positive AS numeric(8, 2) CHECK (value > 0)",
    'CREATE COLLATION blunt FROM "C"',
    "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
    "CREATE FOREIGN DATA WRAPPER nothing",
    'CREATE SERVER "far away" FOREIGN DATA WRAPPER nothing',
)

MADE = (
    "CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL)",
    """
    CREATE TABLE "sch[/]ema"."select" (
        id bigint GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY -2 MAXVALUE 100 CACHE 5 CYCLE) PRIMARY KEY,
        gone int,
        "a ""b"" %s" text COLLATE blunt DEFAULT E'it''s\\n\\\\',
        "ORDER" serial,
        small smallserial,
        feeling mood NOT NULL DEFAULT 'it''s bad',
        price positive[],
        twice numeric GENERATED ALWAYS AS (1 + 1) STORED,
        at timestamptz(3) DEFAULT now(),
        during tstzrange,
        person int REFERENCES people ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
        parent bigint REFERENCES "sch[/]ema"."select",
        CONSTRAINT "at least" CHECK ("ORDER" > 0) NO INHERIT,
        UNIQUE (small, at) INCLUDE (feeling),
        EXCLUDE USING gist (person WITH =, during WITH &&) WHERE (feeling <> 'well')
    ) WITH (fillfactor = 70)
    """,
    'ALTER TABLE "sch[/]ema"."select" DROP COLUMN gone',
    'ALTER TABLE "sch[/]ema"."select" ADD CONSTRAINT "later on" CHECK (small > 1) NOT VALID',
    'CREATE INDEX "by [b]" ON "sch[/]ema"."select" (lower("a ""b"" %s") DESC NULLS LAST) WHERE feeling = \'well\'',
    """
    CREATE TRIGGER "touch it" BEFORE UPDATE OF at ON "sch[/]ema"."select"
    FOR EACH ROW WHEN (old.at IS DISTINCT FROM new.at) EXECUTE FUNCTION touch()
    """,
    'CREATE TRIGGER resting AFTER INSERT ON "sch[/]ema"."select" EXECUTE FUNCTION touch()',
    'ALTER TABLE "sch[/]ema"."select" DISABLE TRIGGER resting',
    'ALTER TABLE "sch[/]ema"."select" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "sch[/]ema"."select" FORCE ROW LEVEL SECURITY',
    """
    CREATE POLICY "own rows" ON "sch[/]ema"."select" AS RESTRICTIVE FOR UPDATE TO PUBLIC
    USING (person = 1) WITH CHECK (person > 0)
    """,
    """COMMENT ON TABLE "sch[/]ema"."select" IS 'it''s a \\ table'""",
    """COMMENT ON COLUMN "sch[/]ema"."select"."ORDER" IS 'which' """,
    "CREATE TABLE parts (id int, at date, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at, id)",
    "CREATE INDEX ON parts (note)",
    "CREATE TABLE part1 (note text, at date NOT NULL, id int NOT NULL)",
    "ALTER TABLE parts ATTACH PARTITION part1 FOR VALUES FROM ('2026-01-01', MINVALUE) TO ('2027-01-01', MAXVALUE)",
    "CREATE TABLE part2 PARTITION OF parts DEFAULT PARTITION BY LIST (id)",
    "CREATE TABLE refers (part int, at date, FOREIGN KEY (part, at) REFERENCES parts)",
    "CREATE UNLOGGED TABLE fast (id int)",
    "CREATE TABLE nothing ()",
    "CREATE TABLE older (id int, CHECK (id > 0))",
    "CREATE TABLE child (more text) INHERITS (older)",
    'CREATE VIEW seen WITH (security_barrier=true) AS SELECT id, name AS "Name" FROM people WHERE id > 1',
    "CREATE MATERIALIZED VIEW kept AS SELECT count(*) AS n FROM people",
    "CREATE UNIQUE INDEX ON kept (n)",
    "CREATE MATERIALIZED VIEW empty AS SELECT 1 AS one WITH NO DATA",
    "COMMENT ON MATERIALIZED VIEW kept IS 'now and then'",
    "CREATE FOREIGN TABLE beyond (id int OPTIONS (col 'x') NOT NULL) SERVER \"far away\" OPTIONS (path '/it''s')",
)

ORDER = (
    *("people", "sch[/]ema.select", "parts", "part1", "part2", "refers", "fast", "nothing", "older", "child"),
    *("seen", "kept", "empty", "beyond"),
)


async def structures(url):
    async with reader_for(url) as reader:
        tables = {f"{table.schema}.{table.name}".removeprefix("public."): table for table in await list_tables(reader)}
        return {name: await structure(reader, table) for name, table in tables.items()}


def comparable(found):
    """What must be the same in another database: all but sizes, and estimates of rows."""
    table = found.table
    return (
        (table.schema, table.name, table.kind, table.primary_key, table.partition_of),
        found.comment,
        found.columns,
        found.constraints,
        [(index.name, index.definition, index.valid, index.constraint) for index in found.indexes],
        found.triggers,
        found.policies,
        (found.view, found.partition_key, found.partition_bound, found.parents, found.options, found.server),
        (found.unlogged, found.populated, found.row_security, found.row_security_forced),
    )


async def test_definitions_run_in_an_empty_database_make_the_same_tables(database, postgres):
    run_sql(database, *GROUND, *MADE)
    before = await structures(database)
    assert sorted(before) == sorted(ORDER)
    with postgres.database() as empty:
        run_sql(empty, *GROUND, *(each for name in ORDER for each in definitions(before[name])))
        after = await structures(empty)
    for name in ORDER:
        assert comparable(after[name]) == comparable(before[name]), name


async def test_the_booking_tables_are_defined_as_their_migrations_made_them(booking_database, postgres):
    before = await structures(booking_database)
    names = ["users", "customers", "resources", "bookings", "booking_events"]
    with postgres.database() as empty:
        with psycopg.connect(booking_database.reveal()) as connection:
            enums = connection.execute(
                "SELECT format('CREATE TYPE %s AS ENUM (%s)', enumtypid::regtype,"
                " string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)) FROM pg_enum GROUP BY enumtypid"
            ).fetchall()
        types = ("CREATE EXTENSION btree_gist", *(statement for (statement,) in enums))
        run_sql(empty, *types, *(each for name in names for each in definitions(before[name])))
        after = await structures(empty)
    assert [comparable(after[name]) for name in names] == [comparable(before[name]) for name in names]


async def test_what_a_structure_says(database):
    run_sql(database, *GROUND, *MADE)
    async with engine_for(database) as engine, reading(engine, database) as reader:
        table = find_table(await list_tables(reader), '"sch[/]ema".select')
        with statements(engine) as sent:
            found = await structure(reader, table)
    assert len(sent) == 7
    kinds = {each.name: each.kind for each in found.constraints}
    assert kinds["later on"] is ConstraintKind.CHECK
    assert [each.name for each in found.constraints if not each.validated] == ["later on"]
    assert set(kinds.values()) >= {ConstraintKind.PRIMARY, ConstraintKind.FOREIGN, ConstraintKind.EXCLUSION}
    index = next(each for each in found.indexes if each.name == "by [b]")
    assert (index.valid, index.constraint, index.bytes) == (True, False, 8192)
    assert [(each.name, each.enabled) for each in found.triggers] == [("resting", False), ("touch it", True)]


async def test_a_role_without_rights_sees_structures_and_a_lock_keeps_nobody_waiting(database, postgres):
    run_sql(
        database,
        "CREATE SCHEMA hidden",
        "CREATE TABLE hidden.t (id int PRIMARY KEY)",
        "DROP ROLE IF EXISTS outsider",
        f"CREATE ROLE outsider LOGIN PASSWORD '{postgres.password}'",
    )
    url = type(database)(database.host, database.port, database.database, "outsider", database.password)
    found = (await structures(url))["hidden.t"]
    assert [(each.name, each.bytes) for each in found.indexes] == [("t_pkey", 8192)]
    with psycopg.connect(database.reveal()) as holding:
        holding.execute("LOCK TABLE hidden.t IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Failure) as caught:
            await structures(url)
        holding.rollback()
    assert caught.value.finding.code is Code.DATABASE_TIMEOUT
    run_sql(database, "DROP ROLE outsider")


async def test_a_table_that_went_away(database):
    with pytest.raises(Failure) as caught:
        async with reader_for(database) as reader:
            await structure(reader, Table("public", "gone", Kind.TABLE))
    assert caught.value.finding.code is Code.TABLE_MISSING
