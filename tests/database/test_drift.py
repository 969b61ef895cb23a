"""Each drift made by hand is reported, and «no drift» is never said of what nobody looked at."""

import asyncio

import pytest
import sqlalchemy as sa

from stack.environment.url import DatabaseURL
from stack.findings import Code
from stack.migrations.configuration import VersionTable
from stack.migrations.drift.aspects import NEVER_LOOKED_AT, OF_THE_CATALOGUE, Aspect
from stack.migrations.drift.catalogue import read_objects
from stack.migrations.drift.difference import differences
from stack.migrations.drift.drift import drift
from stack.migrations.scratch import scratch_database
from stack.migrations.site import Site
from stack.project import Options, open_project
from stack.text import SecretStr
from tests.support.alembic import SYNC_ENV, Step, chain, make_project, write_step
from tests.support.booking import ALEMBIC_INI
from tests.support.migrating import rows, upgrade
from tests.support.tables import engine_for, run_sql

SCHEMA = """
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE SCHEMA side;
CREATE TABLE people (id int PRIMARY KEY, name varchar(50) NOT NULL DEFAULT 'nobody', price numeric(10, 2), mood mood,
    twice int GENERATED ALWAYS AS (id * 2) STORED,
    CONSTRAINT id_positive CHECK (id > 0), CONSTRAINT one UNIQUE (price));
CREATE TABLE visits (id int, person int CONSTRAINT visitor REFERENCES people (id) ON DELETE CASCADE, during tsrange,
    CONSTRAINT apart EXCLUDE USING gist (during WITH &&));
CREATE INDEX by_name ON people (name) INCLUDE (price) WHERE id > 10;
CREATE FUNCTION hello() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER greets BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION hello();
CREATE VIEW named AS SELECT id FROM people;
CREATE MATERIALIZED VIEW kept AS SELECT count(*) FROM people;
CREATE SEQUENCE numbers;
"""

VISITOR = (
    "ALTER TABLE visits DROP CONSTRAINT visitor, ADD CONSTRAINT visitor FOREIGN KEY (person) REFERENCES people (id)"
)

DRIFTS = {
    # Seen by autogenerate as it comes
    "varchar length": ("ALTER TABLE visits ADD c varchar(9)", "column public.visits.c"),
    "int to bigint": ("ALTER TABLE visits ALTER id TYPE bigint", "column public.visits.id is «bigint»"),
    "numeric scale": ("ALTER TABLE people ALTER price TYPE numeric(12, 4)", "«numeric(12,4)»"),
    "nullability": ("ALTER TABLE people ALTER name DROP NOT NULL", "column public.people.name"),
    "FK ondelete": (
        VISITOR,
        "constraint visitor of public.visits is «FOREIGN KEY (person) REFERENCES public.people(id)»",
    ),
    "FK deferrable": ("ALTER TABLE visits ALTER CONSTRAINT visitor DEFERRABLE", "DEFERRABLE» in the database"),
    "unique dropped": ("ALTER TABLE people DROP CONSTRAINT one", "constraint one of public.people is made by"),
    "index dropped": ("DROP INDEX by_name", "index by_name of public.people is made by the migrations, and is not"),
    "index added": ("CREATE INDEX more ON visits (id)", "index more of public.visits is in the database, and no"),
    "table added": ("CREATE TABLE more (id int)", "table public.more is in the database, and no migration makes it"),
    "table dropped": ("DROP TABLE visits", "table public.visits is made by the migrations, and is not in the database"),
    "table comment": ("COMMENT ON TABLE people IS 'Who comes'", "comment of public.people"),
    "column renamed": ("ALTER TABLE visits RENAME id TO number", "column public.visits.number"),
    "table renamed": ("ALTER TABLE visits RENAME TO stays", "table public.stays"),
    # Seen with every option
    "server default changed": ("ALTER TABLE people ALTER name SET DEFAULT 'x'", "DEFAULT 'x'"),
    "server default dropped": ("ALTER TABLE people ALTER name DROP DEFAULT", "column public.people.name"),
    "identity": ("ALTER TABLE people ALTER id ADD GENERATED ALWAYS AS IDENTITY", "GENERATED ALWAYS AS IDENTITY"),
    "CHECK added": ("ALTER TABLE visits ADD CONSTRAINT small CHECK (id < 9)", "constraint small of public.visits"),
    "CHECK dropped": ("ALTER TABLE people DROP CONSTRAINT id_positive", "constraint id_positive of public.people"),
    "table in another schema": ("CREATE TABLE side.more (id int)", "table side.more"),
    # Missed with every option
    "CHECK expression": (
        "ALTER TABLE people DROP CONSTRAINT id_positive, ADD CONSTRAINT id_positive CHECK (id > 5)",
        "«CHECK ((id > 5))» in the database, and «CHECK ((id > 0))» by the migrations",
    ),
    "enum value added": ("ALTER TYPE mood ADD VALUE 'sad'", "enum type public.mood is «'calm', 'cross', 'sad'»"),
    "PK dropped": ("ALTER TABLE people DROP CONSTRAINT people_pkey CASCADE", "constraint people_pkey of public.people"),
    "FK NOT VALID": (
        f"{VISITOR} ON DELETE CASCADE NOT VALID",
        "NOT VALID» in the database",
    ),
    "FK renamed": ("ALTER TABLE visits RENAME CONSTRAINT visitor TO guest", "constraint guest of public.visits is in"),
    "EXCLUDE constraint": ("ALTER TABLE visits DROP CONSTRAINT apart", "constraint apart of public.visits"),
    "index method": (
        "DROP INDEX by_name; CREATE INDEX by_name ON people USING hash (name) WHERE id > 10",
        "USING hash (name)",
    ),
    "partial-index predicate": (
        "DROP INDEX by_name; CREATE INDEX by_name ON people (name) INCLUDE (price) WHERE id > 11",
        "WHERE (id > 11)",
    ),
    "INCLUDE columns": (
        "DROP INDEX by_name; CREATE INDEX by_name ON people (name) WHERE id > 10",
        "index by_name of public.people",
    ),
    "invalid index": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'by_name'::regclass",
        "index by_name of public.people",
    ),
    "trigger added": (
        "CREATE TRIGGER more AFTER UPDATE ON people FOR EACH ROW EXECUTE FUNCTION hello()",
        "trigger more of public.people",
    ),
    "triggers disabled": ("ALTER TABLE people DISABLE TRIGGER greets", "trigger greets of public.people"),
    "all triggers disabled": ("ALTER TABLE visits DISABLE TRIGGER ALL", "checking of foreign keys of public.visits"),
    "view": ("CREATE OR REPLACE VIEW named AS SELECT id FROM people WHERE id > 1", "view public.named"),
    "matview": (
        "DROP MATERIALIZED VIEW kept; CREATE MATERIALIZED VIEW kept AS SELECT sum(id) FROM people",
        "materialized view public.kept",
    ),
    "sequence": ("ALTER SEQUENCE numbers INCREMENT 5", "sequence public.numbers is «bigint START 1 INCREMENT 5"),
    "function": (
        "CREATE OR REPLACE FUNCTION hello() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "function public.hello() is defined otherwise",
    ),
    "RLS": ("ALTER TABLE people ENABLE ROW LEVEL SECURITY", "row-level security of public.people is «enabled»"),
    "policy": ("CREATE POLICY mine ON people FOR SELECT USING (id = 1)", "policy mine of public.people"),
    "grants": ("GRANT SELECT ON people TO pg_monitor", "grants of relation public.people is «SELECT to pg_monitor»"),
    "column grants": ("GRANT SELECT (name) ON people TO pg_monitor", "grants of column public.people.name"),
    "owner": ("ALTER TABLE people OWNER TO pg_monitor", "owner of relation public.people is «pg_monitor»"),
    "unlogged": ("ALTER TABLE visits SET UNLOGGED", "storage of public.visits is «unlogged»"),
    "generated expression": (
        "ALTER TABLE people DROP twice, ADD twice int GENERATED ALWAYS AS (id * 3) STORED",
        "GENERATED ALWAYS AS (id * 3)",
    ),
    "collation": ('ALTER TABLE people ALTER name TYPE varchar(50) COLLATE "C"', 'COLLATE "C"'),
    "column order": (
        "ALTER TABLE visits DROP id, ADD id int",
        "columns of the table public.visits are in another order: person, during, id in the database, and id, person",
    ),
    "fillfactor": ("ALTER TABLE people SET (fillfactor = 70)", "storage of public.people is «fillfactor=70»"),
    "statistics": ("CREATE STATISTICS pair (ndistinct) ON name, price FROM people", "statistics pair of public.people"),
    "statistics target": ("ALTER TABLE people ALTER price SET STATISTICS 900", "STATISTICS 900"),
    "domain": ("CREATE DOMAIN small AS int CHECK (value < 9)", "domain public.small"),
    "extension": ("CREATE EXTENSION btree_gist", "extension btree_gist"),
    "rule": ("CREATE RULE quiet AS ON DELETE TO visits DO INSTEAD NOTHING", "rule quiet of public.visits"),
    "schema": ("CREATE SCHEMA more", "schema more"),
    "aggregate": (
        "CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0')",
        "function public.total(integer)",
    ),
}


@pytest.fixture
async def connection(database):
    run_sql(database, SCHEMA)
    async with engine_for(database) as engine, engine.connect() as connection:
        yield connection


async def read(connection):
    return await read_objects(connection, VersionTable())


async def test_each_drift_made_by_hand_is_reported(connection):
    made = await read(connection)
    assert differences(made, await read(connection)) == ()
    await connection.rollback()
    unseen = {}
    for name, (statements, words) in DRIFTS.items():
        await connection.execute(sa.text("SET LOCAL allow_system_table_mods = on"))
        for statement in statements.split("; ") if "$$" not in statements else [statements]:
            await connection.exec_driver_sql(statement)
        told = [each.sentence for each in differences(made, await read(connection))]
        await connection.rollback()
        if not any(words in sentence for sentence in told) or len(told) > 4:
            unseen[name] = told
    assert unseen == {}


MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("r0001", metadata, sa.Column("id", sa.BigInteger, server_default="7"), sa.Column("more", sa.Text))
""" + SYNC_ENV.replace("connection=connection)", "connection=connection, target_metadata=metadata)")


async def test_models_migrations_and_database_are_compared_and_the_scratch_is_dropped(database, tmp_path):
    project = make_project(tmp_path, chain(2), MODELS)
    await upgrade(project, database)
    run_sql(database, "DROP TABLE r0002", "CREATE VIEW extra AS SELECT 1 AS one")
    found = await drift(Site(project, database))
    told = [each.sentence for each in found.differences]
    for sentence in (
        "The column r0001.id has the type INTEGER in the database and BIGINT in the models.",
        "The column r0001.id has the server default none in the database and 7 in the models.",
        "The column r0001.more is in the models and not in the database.",
        "The table public.r0002 is made by the migrations, and is not in the database.",
        "The view public.extra is in the database, and no migration makes it: « SELECT 1 AS one;».",
    ):
        assert sentence in told, told
    assert len(told) == 5
    (finding,) = found.findings
    assert (finding.code, finding.severity) == (Code.MIGRATIONS_DRIFTED, "error")
    assert all(sentence in finding.evidence for sentence in told)
    assert found.looked_at == tuple(Aspect)
    assert tuple(each.what for each in found.not_looked_at) == NEVER_LOOKED_AT
    assert rows(database, "SELECT datname FROM pg_database WHERE datname LIKE 'stackdeck_scratch_%'") == []


async def test_what_cannot_be_looked_at_is_said_with_the_reason(database, tmp_path):
    project = make_project(tmp_path, [*chain(1), Step("hard1", ("r0001",), "CREATE TABLE hard (id int)")], MODELS)
    await upgrade(project, database)
    path = tmp_path / "migrations" / "versions" / "hard1_step.py"
    path.write_text(path.read_text().replace("CREATE TABLE hard (id int)", "ALTER TABLE made_by_hand ADD a int"))
    found = await drift(Site(project, database))
    reasons = {each.what: each.why for each in found.not_looked_at}
    assert found.looked_at == (Aspect.MODELS,)
    assert all("the migrations do not run in an empty database" in reasons[aspect] for aspect in OF_THE_CATALOGUE)
    assert "hard1_step.py" in reasons[Aspect.TRIGGERS]
    # What would change the server of the real database is not run for a comparison.
    path.write_text(path.read_text().replace("ALTER TABLE made_by_hand ADD a int", "CREATE  ROLE somebody"))
    found = await drift(Site(project, database))
    reasons = {each.what: each.why for each in found.not_looked_at}
    assert reasons[Aspect.GRANTS] == "hard1 has «CREATE ROLE», which reaches beyond its database"
    # A role that may not make databases, and models that are ahead.
    path.write_text(path.read_text().replace("CREATE  ROLE somebody", "CREATE TABLE hard (id int)"))
    write_step(tmp_path / "migrations", Step("more1", ("hard1",)))
    run_sql(database, "DROP ROLE IF EXISTS modest", "CREATE ROLE modest LOGIN PASSWORD 'x'")
    run_sql(database, "GRANT SELECT ON alembic_version TO modest")
    modest = DatabaseURL(database.host, database.port, database.database, "modest", SecretStr("x"))
    try:
        found = await drift(Site(project, modest))
    finally:
        run_sql(database, "DROP OWNED BY modest", "DROP ROLE modest")
    reasons = {each.what: each.why for each in found.not_looked_at}
    assert (found.looked_at, found.differences) == ((), ())
    assert "may not create the database" in reasons[Aspect.VIEWS]
    assert reasons[Aspect.MODELS] == "1 migration is not applied, and the models are ahead by that much"


async def test_this_repository_has_none(booking_database):
    # Not even with a session setting that changes how definitions are written.
    run_sql(booking_database, f"ALTER DATABASE {booking_database.database} SET search_path = pg_catalog, public")
    found = await drift(Site(open_project(Options(ALEMBIC_INI.parent)), booking_database))
    assert (found.differences, found.looked_at) == ((), tuple(Aspect))


async def test_a_scratch_database_is_dropped_whatever_happens(database):
    def scratches():
        return {name for (name,) in rows(database, "SELECT datname FROM pg_database WHERE datname LIKE 'stackdeck_%'")}

    ((oid,),) = rows(database, "SELECT oid FROM pg_database WHERE datname = current_database()")
    left = f"stackdeck_scratch_{oid}_0123456789ab"
    run_sql(database, f"CREATE DATABASE {left}")
    async with scratch_database(database) as first:
        # What a killed process left is gone; what another one is using stays.
        assert scratches() == {first.database}
        inside = asyncio.Event()

        async def use():
            async with scratch_database(database) as second:
                assert scratches() == {first.database, second.database}
                inside.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(use())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert scratches() == {first.database}
    assert scratches() == set()
