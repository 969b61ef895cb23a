"""The SQL console on a real server: nothing that it is given writes, and what it returns is what Postgres prints."""

import asyncio
import contextlib
import time
from dataclasses import dataclass

import psycopg
import pytest

from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure
from stack.tables.console.names import columns, vocabulary
from stack.tables.console.refusals import Refusal
from stack.tables.console.rights import READER, RUNS_TEXT, SETS, Rights
from stack.tables.console.running import APPLICATION_NAME, CELL, Answer, run
from stack.text import SecretStr
from tests.support.tables import reader_for, run_sql

OWNER, MEMBER = "console_owner", "console_member"
WORLD = (
    f"CREATE ROLE {OWNER} LOGIN PASSWORD 'p'",
    f"CREATE ROLE {MEMBER} LOGIN PASSWORD 'p' IN ROLE {READER}",
    "CREATE TABLE t (id int PRIMARY KEY, note text)",
    "INSERT INTO t VALUES (1, 'one'), (2, NULL), (3, '')",
    "CREATE SEQUENCE s",
    "CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM t",
    "CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'DELETE FROM t; SELECT 1'",
    "CREATE FUNCTION writes_as_owner() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM t; SELECT 1'",
    """
    CREATE FUNCTION unlocks() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN SET TRANSACTION READ WRITE; DELETE FROM t; RETURN 1; END $$
    """,
    "CREATE PROCEDURE erases(INOUT n int) LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; COMMIT; END $$",
    *(f"ALTER {what} OWNER TO {OWNER}" for what in ("TABLE t", "SEQUENCE s", "MATERIALIZED VIEW m")),
    f"GRANT CREATE ON SCHEMA public TO {OWNER}",
)

BACK = "'SELECT set_'||'config(''session_authorization'', ''app'', true)'"
"""A text that takes the rights back, in two pieces."""

CONTINUED = "SELECT E'a' -- so\n 'b\\''"
"""A literal in two pieces, the second of which ends at its last quote only where escapes still count in it."""

ATTEMPTS = (
    # Changes, plain and in disguise
    "DELETE FROM t",
    "INSERT INTO t VALUES (9) RETURNING id",
    "UPDATE t SET note = 'x'",
    "MERGE INTO t USING t o ON t.id = o.id WHEN MATCHED THEN DELETE",
    "TRUNCATE t",
    "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
    "SELECT * FROM (WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone) x",
    "EXPLAIN ANALYZE DELETE FROM t",
    "EXPLAIN (ANALYZE, COSTS OFF) WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
    "EXPLAIN ANALYZE CREATE TABLE made AS SELECT 1 AS n",
    "EXPLAIN ANALYZE EXECUTE p",
    "SELECT 1 AS n INTO made",
    "CREATE TABLE made (n int)",
    "CREATE TEMP TABLE made AS SELECT 1 AS n",
    "DROP TABLE t",
    "REFRESH MATERIALIZED VIEW m",
    "VACUUM t",
    "ANALYZE t",
    "COMMENT ON TABLE t IS 'x'",
    "SELECT * FROM t FOR UPDATE",
    "LOCK TABLE t",
    # Functions
    "SELECT writes()",
    "SELECT writes_as_owner()",
    "SELECT unlocks()",
    "SHOW work_mem; SELECT writes()",
    "CALL erases(1)",
    "DO $$ BEGIN DELETE FROM t; END $$",
    "SELECT nextval('s')",
    "SELECT setval('s', 99)",
    "SELECT lo_create(4711)",
    "SELECT lo_from_bytea(4711, '\\x00')",
    "SELECT lo_export(1, '/tmp/stackdeck-console-attempt')",
    "SELECT pg_notify('attempts', 'x')",
    "SELECT pg_advisory_lock(4711)",
    "SELECT pg_create_physical_replication_slot('attempt', true)",
    "SELECT pg_terminate_backend({victim})",
    "SELECT pg_cancel_backend({victim})",
    "SELECT pg_reload_conf()",
    "SELECT query_to_xml('DELETE FROM t', true, false, '')",
    # Settings, and the rights themselves
    "SET default_transaction_read_only = off",
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    f"ALTER ROLE {OWNER} SET work_mem = '1MB'",
    "RESET SESSION AUTHORIZATION",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('role', 'app', true), pg_terminate_backend({victim})",
    "SELECT pg_catalog.set_config('session_authorization', 'app', true), pg_terminate_backend({victim})",
    "SELECT /* */ \"set_config\" ('session_authorization', 'app', true), pg_terminate_backend({victim})",
    "SELECT U&\"set\\005fconfig\"('session_authorization', 'app', true), pg_terminate_backend({victim})",
    f"{CONTINUED}, set_config('session_authorization', 'app', true), pg_terminate_backend({{victim}}) --'",
    f"{CONTINUED}, query_to_xml('SELECT pg_reload_conf()', true, true, '') --'",
    f"SELECT query_to_xml({BACK}, true, true, ''), pg_terminate_backend({{victim}})",
    f"SELECT ts_stat({BACK}), pg_terminate_backend({{victim}})",
    # Files, programs, other connections
    "COPY t TO '/tmp/stackdeck-console-attempt'",
    "COPY t TO STDOUT",
    "COPY t FROM STDIN",
    "COPY (SELECT 1) TO PROGRAM 'touch /tmp/stackdeck-console-attempt'",
    "COPY t FROM PROGRAM 'echo 7'",
    "SELECT dblink_exec('dbname=postgres', 'CREATE TABLE made (n int)')",
    # Several at once, and ways out of the transaction
    "SELECT 1; DELETE FROM t",
    "SELECT 1; COMMIT; DROP TABLE t",
    "COMMIT; DROP TABLE t",
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
    "BEGIN READ WRITE; DELETE FROM t; COMMIT",
    "SAVEPOINT a",
    "EXPLAIN SELECT 1; DELETE FROM t",
    "SHOW work_mem; COMMIT; DELETE FROM t",
    "SELECT $$ ; $$; DELETE FROM t",
    "SELECT $a$ $b$ $a$; DELETE FROM t --$b$",
    "SELECT 'a\\'; DELETE FROM t; --'",
    "SELECT E'a\\''; DELETE FROM t; --'",
    "/* /* */ SELECT 1; */ DELETE FROM t",
    "--\rDELETE FROM t\nDELETE FROM t",
    "SELECT 1 -- ;\n; DELETE FROM t",
    "SELECT 'unterminated; DELETE FROM t",
    'SELECT "unterminated; DELETE FROM t',
    "SELECT $x$unterminated; DELETE FROM t",
    "SELECT 1 \0; DELETE FROM t",
    "\0",
    "SELECT '\ud800'; DELETE FROM t",
    "",
    " ;; ",
    # What stays with a session
    "PREPARE p AS DELETE FROM t",
    "EXECUTE p",
    "DEALLOCATE ALL",
    "LISTEN attempts",
    "NOTIFY attempts",
    "DECLARE other CURSOR WITH HOLD FOR SELECT * FROM t",
    "FETCH ALL FROM console",
    "CLOSE ALL",
    "DISCARD ALL",
    "LOAD 'auto_explain'",
    "CHECKPOINT",
)

HARMLESS = (
    "SELECT pg_advisory_lock(4711)",  # its session ends with the statement
    "SELECT pg_notify('attempts', 'x')",  # what is rolled back is not sent
    "SELECT lo_create(4711)",  # before Postgres 16: rolled back
    "SELECT lo_from_bytea(4711, '\\x00')",
    "EXPLAIN ANALYZE CREATE TABLE made AS SELECT 1 AS n",  # rolled back, where the log-in may
    "--\rDELETE FROM t\nDELETE FROM t",
)


@dataclass(frozen=True)
class World:
    url: DatabaseURL
    watcher: psycopg.Connection
    victim: psycopg.Connection

    def login(self, role: str | None) -> DatabaseURL:
        url = self.url
        return DatabaseURL(url.host, url.port, url.database, role, SecretStr("p")) if role else url

    def fingerprint(self):
        """All that a statement could leave behind, from the settings to the sessions."""
        self.until_nobody_is_left()
        fixed = [
            "SELECT oid, relname, relkind, relpages FROM pg_class WHERE relnamespace >= 2200 OR relname LIKE 'made%'",
            "SELECT * FROM s",
            "SELECT count(*) FROM m",
            "SELECT * FROM t ORDER BY id",
            "SELECT * FROM pg_db_role_setting",
            "SELECT rolname, rolconfig FROM pg_roles",
            "SELECT oid FROM pg_largeobject_metadata",
            "SELECT slot_name FROM pg_replication_slots",
            "SELECT * FROM pg_description WHERE objoid >= 16384",
            "SELECT pid, locktype, objid FROM pg_locks WHERE locktype = 'advisory'",
            "SELECT count(*) FROM pg_prepared_xacts",
            "SELECT pg_stat_file('/tmp/stackdeck-console-attempt', true)",
            "SELECT pg_conf_load_time()",
            "SELECT name, setting FROM pg_settings WHERE name <> 'transaction_read_only'",
        ]
        seen = [self.watcher.execute(query).fetchall() for query in fixed]
        told = list(self.watcher.notifies(timeout=0))
        # It raises where the session was ended.
        return seen, told, self.victim.execute("SELECT pg_backend_pid()").fetchall()

    def until_nobody_is_left(self):
        self._until("NOT EXISTS (SELECT FROM console)")

    def until_it_sleeps(self):
        self._until("EXISTS (SELECT FROM console WHERE wait_event = 'PgSleep')")

    def _until(self, condition):
        """Ask until `condition` holds of the console's sessions: the server tells nobody when one has ended."""
        query = f"""
            WITH console AS (
                SELECT * FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s
            ) SELECT {condition}
        """
        deadline = time.monotonic() + 30
        while not self.watcher.execute(query, [APPLICATION_NAME]).fetchone()[0]:
            assert time.monotonic() < deadline, f"it did not come to {condition}"
            time.sleep(0.002)


@pytest.fixture(scope="module")
def world(postgres):
    with postgres.database() as url:
        run_sql(url, *WORLD)
        with (
            psycopg.connect(url.reveal(), autocommit=True) as watcher,
            psycopg.connect(url.reveal(), autocommit=True) as victim,
        ):
            watcher.execute("LISTEN attempts")
            yield World(url, watcher, victim)
        run_sql(url, f"DROP OWNED BY {OWNER}, {MEMBER} CASCADE", f"DROP ROLE {OWNER}, {MEMBER}")


@pytest.mark.parametrize("login", [None, OWNER, MEMBER], ids=["superuser", "owner", "reader"])
@pytest.mark.parametrize("attempt", ATTEMPTS)
async def test_nothing_that_it_is_given_writes(world, login, attempt):
    before = world.fingerprint()
    outcome = await run(world.login(login), attempt.replace("{victim}", str(world.victim.info.backend_pid)))
    assert isinstance(outcome, Refusal) or attempt in HARMLESS, outcome
    assert world.fingerprint() == before


def test_every_function_that_runs_a_text_is_known(world):
    """Those that the server holds to be unsafe in parallel, and of these the ones that take a query."""
    query = """
        SELECT DISTINCT proname FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND proparallel = 'u'
          AND has_function_privilege(%s, oid, 'EXECUTE')
          AND (prosrc ~ '^(query_to|ts_stat|tsquery_rewrite_query|set_config)' OR 'query' = ANY (proargnames))
    """
    assert {name for (name,) in world.watcher.execute(query, [READER])} == SETS | RUNS_TEXT


async def answer(url, statement, **options):
    outcome = await run(url, statement, **options)
    assert isinstance(outcome, Answer), outcome
    return outcome


async def test_values_are_what_postgres_prints(world):
    got = await answer(
        world.url,
        """
        SELECT 1.10::numeric(20,4) AS n, 123456789012345678901234567890::numeric, 'NaN'::float8, NULL AS n, '' AS e,
               'NULL', 'infinity'::timestamptz, '0044-03-15 BC'::date, '\\x00ff'::bytea, ARRAY[1,NULL], true,
               interval '1 mon -1 day', 0.1::float8 + 0.2::float8, '{"a": 1}'::json
        """,
    )
    assert got.rows == (
        (
            *("1.1000", "123456789012345678901234567890", "NaN", None, "", "NULL", "infinity", "0044-03-15 BC"),
            *("\\x00ff", "{1,NULL}", "t", "1 mon -1 days", "0.30000000000000004", '{"a": 1}'),
        ),
    )
    assert [column.name for column in got.columns[:4]] == ["n", "numeric", "float8", "n"]
    assert got.columns[0].type == "numeric(20,4)"
    assert got.rights.role == READER


@pytest.mark.parametrize(
    "statement",
    ["SELECT 1", "VALUES (1)", "TABLE t;", "WITH x AS (SELECT 1) SELECT * FROM x -- so", "(SELECT 1)", "SHOW work_mem"],
)
async def test_what_reads_is_carried_out(world, statement):
    assert (await answer(world.url, statement)).rows


async def test_the_plan_is_shown_and_rows_without_columns_are_counted(world):
    assert "Scan" in (await answer(world.url, "/* why */ EXPLAIN ANALYZE SELECT * FROM t")).rows[0][0]
    assert (await answer(world.url, "SELECT FROM t")).rows == ((), (), ())


async def test_only_the_first_rows_are_read(world):
    got = await answer(world.url, "SELECT generate_series(1, 1000000000)", limit=250)
    assert [int(cell) for (cell,) in got.rows] == list(range(1, 251))
    assert got.more
    assert not (await answer(world.url, "TABLE t", limit=3)).more


async def test_a_long_value_is_cut_and_rows_of_them_end_early(world):
    got = await answer(world.url, "SELECT repeat('ä', 1000000) FROM generate_series(1, 500)")
    assert got.rows[0] == ("ä" * CELL,)
    assert (0, 0) in got.cut
    assert got.more
    assert len(got.rows) < 500


async def test_notices_come_along(world):
    run_sql(
        world.url,
        "CREATE OR REPLACE FUNCTION talks() RETURNS int LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE NOTICE 'half way'; RETURN 1; END $$",
    )
    assert (await answer(world.url, "SELECT talks()")).notices == ("NOTICE: half way",)


@pytest.mark.parametrize(
    ("statement", "code", "marked"),
    [
        ("SELECT *\nFROM nowhere", Code.STATEMENT_INVALID, "nowhere"),
        ("SELECT 'ü', nope FROM t", Code.STATEMENT_INVALID, "nope"),
        ("EXPLAIN SELECT * FROM nowhere", Code.STATEMENT_INVALID, "nowhere"),
        ("SELECT 'open", Code.STATEMENT_INVALID, "'open"),
        ("/* why */ DELETE FROM t", Code.STATEMENT_NOT_READING, "DELETE FROM t"),
        ("SELECT 1; SELECT 2", Code.STATEMENT_SEVERAL, "SELECT 2"),
        ("SELECT set_config('a.b', 'c', true)", Code.STATEMENT_NOT_READING, "set_config"),
        ("SELECT 1 \0", Code.STATEMENT_INVALID, "\0"),
    ],
)
async def test_a_refusal_says_where(world, statement, code, marked):
    outcome = await run(world.url, statement)
    assert isinstance(outcome, Refusal)
    assert outcome.finding.code is code
    assert statement[outcome.position :].startswith(marked)


async def test_a_role_that_may_only_read_sees_no_less(world):
    """The schema named like the log-in stays on the path, and rows that a policy would hide are not left out."""
    run_sql(
        world.url,
        "CREATE SCHEMA IF NOT EXISTS app",
        "CREATE TABLE app.mine AS SELECT 7 AS n",
        "CREATE TABLE public.hushed AS SELECT 1 AS n",
        "ALTER TABLE hushed ENABLE ROW LEVEL SECURITY",
    )
    assert (await answer(world.url, "SELECT n FROM mine")).rows == (("7",),)
    hushed = await run(world.url, "SELECT * FROM hushed")
    assert isinstance(hushed, Refusal)
    assert hushed.finding.code is Code.DATABASE_PERMISSION
    run_sql(world.url, "DROP SCHEMA app CASCADE", "DROP TABLE hushed")


async def test_cancelling_ends_it_on_the_server(world):
    asked = asyncio.ensure_future(run(world.url, "SELECT pg_sleep(600)"))
    await asyncio.to_thread(world.until_it_sleeps)
    asked.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asked
    world.until_nobody_is_left()


async def test_a_statement_and_its_wait_for_a_lock_end_in_time(world):
    for statement, options in (
        ("SELECT pg_sleep(600)", {"statement_timeout": 0.1}),
        ("TABLE t", {"lock_timeout": 0.1}),
    ):
        with psycopg.connect(world.url.reveal()) as holding:
            holding.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(Failure) as failed:
                await run(world.url, statement, **options)
            holding.rollback()
        assert failed.value.finding.code is Code.DATABASE_TIMEOUT


async def test_the_names_for_completion_come_from_the_catalogue(world):
    async with reader_for(world.url) as reader:
        known = await vocabulary(reader, ())
        assert list(known.tables("t")) == ["t"]
        assert "count" in known.functions("coun")
        assert "array_append" in known.functions("array_a")
        assert not {"int4in", "int4eq", "btint4cmp"} & {*known.functions("int4"), *known.functions("bt")}
        table = known.table(["public", "t"])
        assert await columns(reader, [table]) == {("public", "t"): ("id", "note")}


@pytest.mark.parametrize(
    ("login", "rights"), [(None, Rights(READER, True)), (OWNER, Rights(OWNER, False)), (MEMBER, Rights(READER, True))]
)
async def test_it_says_whose_rights_a_statement_has(world, login, rights):
    got = await answer(world.login(login), "SELECT current_user")
    assert got.rows == ((rights.role,),)
    assert got.rights == rights
