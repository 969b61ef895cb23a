"""The lock that is announced is the one that is held, and a rewrite or a scan is one: read back from a real server."""

import psycopg
import pytest

from stack.database.access import Database
from stack.environment.pool import PoolSettings
from stack.migrations.risks.effects import Known, Work, effects
from stack.migrations.risks.facts import read_catalogue
from stack.migrations.risks.locks import Lock
from stack.migrations.risks.statements import read_statements

SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, name text);
INSERT INTO people SELECT n, 'p' || n FROM generate_series(1, 1000) n;
CREATE TABLE bookings (
  id int PRIMARY KEY, person int CONSTRAINT of_person REFERENCES people, other int, note varchar(50),
  price numeric(10, 2), at timestamptz(3), small smallint NOT NULL, plain text,
  filled text CONSTRAINT set CHECK (filled IS NOT NULL)
);
INSERT INTO bookings SELECT n, n, n, 'n', n % 1000, now(), 1, 'x', 'x' FROM generate_series(1, 1000) n;
ALTER TABLE bookings ADD CONSTRAINT positive CHECK (id > 0) NOT VALID;
ALTER TABLE bookings ADD CONSTRAINT of_other FOREIGN KEY (other) REFERENCES people NOT VALID;
CREATE INDEX by_note ON bookings (note);
CREATE UNIQUE INDEX once ON bookings (other);
CREATE TABLE parts (id int) PARTITION BY LIST (id);
CREATE TABLE part1 (id int);
INSERT INTO part1 SELECT 1 FROM generate_series(1, 1000);
CREATE TABLE part2 PARTITION OF parts FOR VALUES IN (2);
CREATE MATERIALIZED VIEW seen AS SELECT * FROM people;
CREATE UNIQUE INDEX ON seen (id);
CREATE TYPE mood AS ENUM ('good');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION lucky() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 7; END';
CREATE FUNCTION steady() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 7; END';
ANALYZE;
"""

STATEMENTS = [
    "ALTER TABLE bookings ADD COLUMN c text",
    "ALTER TABLE bookings ADD COLUMN c text DEFAULT 'x' NOT NULL",
    "ALTER TABLE bookings ADD COLUMN c timestamptz DEFAULT now()",
    "ALTER TABLE bookings ADD COLUMN c float DEFAULT random()",
    "ALTER TABLE bookings ADD COLUMN c int DEFAULT lucky()",
    "ALTER TABLE bookings ADD COLUMN c int DEFAULT steady()",
    "ALTER TABLE bookings ADD COLUMN c serial",
    "ALTER TABLE bookings ADD COLUMN c int GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE bookings ADD COLUMN c int GENERATED ALWAYS AS (id * 2) STORED",
    "ALTER TABLE bookings ADD COLUMN c int UNIQUE",
    "ALTER TABLE bookings ADD COLUMN c int CHECK (c > 0)",
    "ALTER TABLE bookings ADD COLUMN c int REFERENCES people",
    "ALTER TABLE bookings DROP COLUMN note",
    "ALTER TABLE bookings ALTER COLUMN note TYPE varchar(80)",
    "ALTER TABLE bookings ALTER COLUMN note TYPE text",
    "ALTER TABLE bookings ALTER COLUMN note TYPE text USING note::text",
    "ALTER TABLE bookings ALTER COLUMN note TYPE varchar(20)",
    "ALTER TABLE bookings ALTER COLUMN note TYPE text USING upper(note)",
    "ALTER TABLE bookings ALTER COLUMN plain TYPE varchar",
    "ALTER TABLE bookings ALTER COLUMN price TYPE numeric(12, 2)",
    "ALTER TABLE bookings ALTER COLUMN price TYPE numeric",
    "ALTER TABLE bookings ALTER COLUMN price TYPE numeric(12, 4)",
    "ALTER TABLE bookings ALTER COLUMN price TYPE numeric(8, 2)",
    "ALTER TABLE bookings ALTER COLUMN at TYPE timestamptz(6)",
    "ALTER TABLE bookings ALTER COLUMN at TYPE timestamptz(0)",
    "ALTER TABLE bookings ALTER COLUMN other TYPE bigint",
    "ALTER TABLE bookings ALTER COLUMN plain SET NOT NULL",
    "ALTER TABLE bookings ALTER COLUMN filled SET NOT NULL",
    "ALTER TABLE bookings ALTER COLUMN small SET NOT NULL",
    "ALTER TABLE bookings ALTER COLUMN small DROP NOT NULL",
    "ALTER TABLE bookings ALTER COLUMN plain SET DEFAULT 'x'",
    "ALTER TABLE bookings ALTER COLUMN plain SET STATISTICS 100",
    "ALTER TABLE bookings SET (fillfactor = 80)",
    "ALTER TABLE bookings SET UNLOGGED",
    "ALTER TABLE bookings ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE bookings DISABLE TRIGGER touched",
    "ALTER TABLE bookings RENAME COLUMN note TO notes",
    "ALTER TABLE bookings RENAME TO booked",
    "ALTER TABLE bookings RENAME CONSTRAINT positive TO above_zero",
    "ALTER TABLE bookings ADD CONSTRAINT c CHECK (other > 0)",
    "ALTER TABLE bookings ADD CONSTRAINT c CHECK (other > 0) NOT VALID",
    "ALTER TABLE bookings VALIDATE CONSTRAINT positive",
    "ALTER TABLE bookings VALIDATE CONSTRAINT of_other",
    "ALTER TABLE bookings ADD CONSTRAINT c FOREIGN KEY (other) REFERENCES people",
    "ALTER TABLE bookings ADD CONSTRAINT c FOREIGN KEY (other) REFERENCES people NOT VALID",
    "ALTER TABLE bookings ADD CONSTRAINT c UNIQUE (other)",
    "ALTER TABLE bookings ADD CONSTRAINT c UNIQUE USING INDEX once",
    "ALTER TABLE bookings ADD CONSTRAINT c EXCLUDE (other WITH =)",
    "ALTER TABLE bookings DROP CONSTRAINT positive",
    "ALTER TABLE bookings DROP CONSTRAINT of_person",
    "CREATE INDEX i ON bookings (other)",
    "DROP INDEX by_note",
    "ALTER INDEX by_note RENAME TO by_notes",
    "REINDEX TABLE bookings",
    "CREATE TABLE more (id int PRIMARY KEY, person int REFERENCES people)",
    "CREATE TABLE part3 PARTITION OF parts FOR VALUES IN (3)",
    "ALTER TABLE parts ATTACH PARTITION part1 FOR VALUES IN (1)",
    "ALTER TABLE parts DETACH PARTITION part2",
    "DROP TABLE bookings",
    "TRUNCATE bookings",
    "UPDATE bookings SET other = 1 - other WHERE id < 0",
    "DELETE FROM bookings WHERE id < 0",
    "CLUSTER bookings USING by_note",
    "REFRESH MATERIALIZED VIEW seen",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY seen",
    "CREATE TRIGGER t AFTER INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION touch()",
    "DROP TRIGGER touched ON bookings",
    "CREATE POLICY p ON bookings USING (true)",
    "COMMENT ON TABLE bookings IS 'x'",
    "COMMENT ON COLUMN bookings.note IS 'x'",
    "LOCK TABLE bookings IN SHARE ROW EXCLUSIVE MODE",
    "ALTER TYPE mood ADD VALUE 'bad'",
]

_HELD = """
SELECT relation, array_agg(mode) FROM pg_locks
WHERE pid = pg_backend_pid() AND granted AND relation IS NOT NULL GROUP BY 1
"""
_TABLES = """
SELECT oid, relname FROM pg_class WHERE relkind IN ('r', 'p', 'm') AND relnamespace = 'public'::regnamespace
"""
_FILES = """
SELECT c.oid, pg_relation_filenode(c.oid), s.seq_tup_read FROM pg_class c LEFT JOIN pg_stat_xact_all_tables s
  ON s.relid = c.oid WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'm')
"""
MODES = {lock.mode: lock for lock in Lock}


def strongest(modes):
    return max((MODES[mode] for mode in modes), key=lambda lock: lock.strength)


async def announced(url, statement):
    """What is said of `statement`: the strongest lock of each table, and the work on each."""
    database = Database(url, PoolSettings())
    try:
        (read,) = read_statements([statement])
        async with database.connection() as connection:
            known = Known(await read_catalogue(connection, read.operations))
    finally:
        await database.close()
    locks, works = {}, {}
    for operation in read.operations:
        for effect in effects(operation, known):
            name = effect.table.name
            locks[name] = max(locks.get(name, effect.lock), effect.lock, key=lambda lock: lock.strength)
            works[name] = effect.work
    return locks, works


def held(url, statement):
    """What `statement` really locks before its transaction ends, what it wrote anew, and what it read."""
    with psycopg.connect(url.reveal()) as connection:
        connection.execute("SET TIME ZONE 'Europe/Berlin'")
        names = dict(connection.execute(_TABLES).fetchall())
        before = {oid: (node, read or 0) for oid, node, read in connection.execute(_FILES).fetchall()}
        connection.rollback()
        connection.execute(statement)
        modes = dict(connection.execute(_HELD).fetchall())
        after = {oid: (node, read or 0) for oid, node, read in connection.execute(_FILES).fetchall()}
        connection.rollback()
    rewritten = {names[oid] for oid, (node, _) in after.items() if oid in before and before[oid][0] != node}
    read = {names[oid] for oid, (_, rows) in after.items() if oid in before and rows > before[oid][1]}
    return {names[oid]: strongest(found) for oid, found in modes.items() if oid in names}, rewritten, read


@pytest.fixture(scope="module")
def template(postgres):
    with postgres.database() as url:
        with psycopg.connect(url.reveal(), autocommit=True) as connection:
            connection.execute(SCHEMA)
        yield url


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_the_announced_lock_is_the_one_that_is_held(template, statement):
    await compare(template, statement)


async def compare(template, statement):
    """Hold what is announced of `statement` against what it does."""
    locks, works = await announced(template, statement)
    really, rewritten, read = held(template, statement)
    # A weaker lock that a statement takes on tables it only looks at blocks nobody but DROP and the like.
    strong = {name: lock for name, lock in really.items() if lock.strength > Lock.ROW_SHARE.strength}
    assert {name: lock for name, lock in locks.items() if lock.strength > Lock.ROW_SHARE.strength} == strong
    written = {name for name, work in works.items() if work is Work.REWRITE}
    # TRUNCATE has a new and empty file, which takes no time; a concurrent refresh changes rows in the old one.
    if not statement.startswith("TRUNCATE") and "CONCURRENTLY" not in statement:
        assert written == rewritten
    if statement.startswith(("ALTER", "CREATE")):
        # A foreign key is validated by a join with the other table, of which the announcement speaks once.
        worked = {name for name, work in works.items() if work is not Work.NONE}
        assert worked == read - ({"people"} if "of_other" in statement or "REFERENCES" in statement else set())
