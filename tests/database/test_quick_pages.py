"""The pages after the first: in one round trip, the same as any other page, and never of a table as it was."""

import asyncio
import functools
import threading

import psycopg
import pytest

from stack.database.access import Database
from stack.environment.pool import PoolSettings
from stack.findings import Code, Failure
from stack.tables import explaining
from stack.tables.browser import TableBrowser
from stack.tables.cursors import KeyCursor
from stack.tables.description import describe
from stack.tables.filters import parse_filter
from stack.tables.pages import page
from stack.tables.query import After, Before, Edge, PageQuery
from stack.tables.quick_pages import QuickPages
from stack.tables.reading import reading
from stack.tables.round_trip import Connections, numbered
from stack.tables.sorting import Direction, parse_sort
from stack.tables.statements import Rows
from tests.support.tables import run_sql, statements


@pytest.fixture
async def access(database):
    run_sql(
        database,
        'CREATE TABLE "100%s" (id int PRIMARY KEY, "a%(b)s" text COLLATE "C", n numeric)',
        """INSERT INTO "100%s" SELECT n, CASE WHEN n % 5 > 0 THEN chr(60 + n % 9) END, n / 3.0 """
        "FROM generate_series(1, 60) n",
    )
    access = Database(database, PoolSettings(size=2, max_overflow=0))
    yield access
    await access.close()


@pytest.fixture
async def tables(access):
    tables = TableBrowser(access)
    yield tables
    await tables.close()


def sessions(url, condition="true"):
    """Return the other sessions of the database for which `condition` holds."""
    with psycopg.connect(url.reveal()) as connection:
        return connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            f"AND {condition}".encode()
        ).fetchall()


def noting(method, threads):
    """Return `method`, which notes the thread in which it is called."""

    @functools.wraps(method)
    def noted(*positional, **named):
        threads.append(threading.get_ident())
        return method(*positional, **named)

    return noted


async def until(holds):
    while not holds():  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("sort", [[], ['"a%(b)s"'], ['"a%(b)s":desc', "n"]])
async def test_they_are_the_same_as_others_and_take_nothing_but_their_statement(access, tables, sort):
    table = await tables.find('"100%s"')
    sort = tuple(parse_sort(each) for each in sort)
    options = {"sort": sort, "filters": (parse_filter("n > 1.5"), parse_filter('"a%(b)s" != %')), "longest": 3}
    shown = await tables.page(PageQuery(table, limit=7, **options))
    back = []
    with statements(access.engine) as sent:
        while shown.next:
            back.append(shown)
            position = After(shown.next)
            shown = await tables.page(PageQuery(table, limit=7, position=position, **options))
            last = position
        for before in reversed(back):
            shown = await tables.page(PageQuery(table, limit=7, position=Before(shown.previous), **options))
            assert shown.rows == before.rows
    assert len(back) > 4
    assert sent == []  # nothing went the ordinary way
    async with reading(access.engine, access.url) as reader:
        ordinary = await page(reader, PageQuery(table, limit=7, position=last, **options))
    quick = await tables.page(PageQuery(table, limit=7, position=last, **options))
    assert (quick.rows, quick.next, quick.previous, quick.cut, quick.columns) == (
        ordinary.rows,
        ordinary.next,
        ordinary.previous,
        ordinary.cut,
        ordinary.columns,
    )
    assert len(sessions(access.url, "state = 'idle in transaction'")) == 0


async def test_a_table_may_be_as_wide_as_there_are_and_holds_up_nobody(access, tables, monkeypatch):
    run_sql(
        access.url,
        f"CREATE TABLE wide ({', '.join(f'c{n} int' for n in range(1600))}, PRIMARY KEY (c7, c3))",
        "INSERT INTO wide (c3, c7, c1599) VALUES (1, 2, 3), (2, 1, 4)",
    )
    made = []
    for name in ("__init__", "by_key", "by_offset"):
        monkeypatch.setattr(Rows, name, noting(getattr(Rows, name), made))
    monkeypatch.setattr(explaining, "where", noting(explaining.where, made))
    table = await tables.find("wide")
    first = await tables.page(PageQuery(table, limit=1, longest=10))
    with statements(access.engine) as sent:
        second = await tables.page(PageQuery(table, limit=1, longest=10, position=After(first.next)))
    assert (sent, len(second.rows[0]), second.rows[0][1599]) == ([], 1600, "3")
    await tables.explain(PageQuery(table))
    # A statement for so many columns takes a quarter of a second to put together, a literal may be as long as a value.
    assert len(made) >= 7
    assert threading.get_ident() not in made


async def test_a_table_that_was_altered_is_looked_at_anew(access, tables):
    table = await tables.find('"100%s"')
    first = await tables.page(PageQuery(table, limit=5, sort=(parse_sort("n"),)))
    position = After(first.next)
    run_sql(access.url, 'ALTER TABLE "100%s" DROP COLUMN "a%(b)s"')
    got = await tables.page(PageQuery(table, limit=5, position=position))
    assert [column.name for column in got.columns] == ["id", "n"]
    run_sql(access.url, 'ALTER TABLE "100%s" ALTER COLUMN n TYPE float8')
    assert (await tables.page(PageQuery(table, limit=5, position=position))).columns[1].type in {
        "numeric",
        "double precision",
    }
    run_sql(access.url, 'ALTER TABLE "100%s" DROP COLUMN n')
    with pytest.raises(Failure) as caught:
        await tables.page(PageQuery(table, limit=5, position=position))
    assert caught.value.finding.code is Code.CURSOR_INVALID
    run_sql(access.url, 'DROP TABLE "100%s"')
    with pytest.raises(Failure) as caught:
        await tables.page(PageQuery(table, limit=5, position=position))
    assert caught.value.finding.code is Code.TABLE_MISSING


async def test_a_value_that_cannot_be_read_is_refused_as_elsewhere(access, tables):
    table = await tables.find('"100%s"')
    first = await tables.page(PageQuery(table, limit=5))
    with pytest.raises(Failure) as caught:
        await tables.page(PageQuery(table, limit=5, position=After(first.next), filters=(parse_filter("n > soon"),)))
    assert caught.value.finding.code is Code.FILTER_INVALID


async def test_a_connection_that_was_ended_is_made_anew(access, tables):
    table = await tables.find('"100%s"')
    first = await tables.page(PageQuery(table, limit=5))
    second = await tables.page(PageQuery(table, limit=5, position=After(first.next)))
    run_sql(
        access.url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND query = 'ROLLBACK'",
    )
    assert (await tables.page(PageQuery(table, limit=5, position=After(first.next)))).rows == second.rows


async def test_cancelling_a_page_ends_it_on_the_server(access, tables):
    def waiting():
        return sessions(access.url, "wait_event_type = 'Lock'")

    table = await tables.find('"100%s"')
    first = await tables.page(PageQuery(table, limit=5))
    with psycopg.connect(access.url.reveal()) as other:
        other.execute('LOCK TABLE "100%s" IN ACCESS EXCLUSIVE MODE')
        task = asyncio.create_task(tables.page(PageQuery(table, limit=5, position=After(first.next))))
        async with asyncio.timeout(20):
            await until(lambda: bool(waiting()))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: not waiting())
    assert len((await tables.page(PageQuery(table, limit=5, position=After(first.next)))).rows) == 5


async def test_nothing_that_it_calls_can_write_or_stay_in_the_session(access, tables, postgres):
    """A policy of row security is code that runs with every page."""
    url = access.url
    run_sql(
        url,
        "DROP ROLE IF EXISTS peeper",
        f"CREATE ROLE peeper LOGIN PASSWORD '{postgres.password}'",
        "CREATE TABLE t (id int PRIMARY KEY)",
        "INSERT INTO t SELECT generate_series(1, 9)",
        "CREATE TABLE written (at int)",
        "CREATE FUNCTION meddles() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN "
        "PERFORM set_config('default_transaction_read_only', 'off', false), set_config('DateStyle', 'German', false); "
        "RETURN true; END $$",
        "CREATE POLICY p ON t USING (meddles())",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "GRANT SELECT ON t TO peeper",
        "GRANT INSERT ON written TO peeper",
    )
    theirs = Database(type(url)(url.host, url.port, url.database, "peeper", url.password), access.pool)
    browser = TableBrowser(theirs)
    table = await browser.find("t")
    first = await browser.page(PageQuery(table, limit=2))
    assert (await browser.page(PageQuery(table, limit=2, position=After(first.next)))).rows == (("3",), ("4",))
    run_sql(
        url,
        "CREATE OR REPLACE FUNCTION meddles() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN "
        "INSERT INTO written VALUES (1); RETURN true; END $$",
    )
    with pytest.raises(Failure) as caught:
        await browser.page(PageQuery(table, limit=2, position=After(first.next)))
    assert caught.value.finding.code is Code.DATABASE_ERROR
    assert "read-only" in caught.value.finding.evidence
    run_sql(
        url,
        "CREATE OR REPLACE FUNCTION meddles() RETURNS boolean LANGUAGE sql AS "
        "$$ SELECT current_setting('DateStyle') LIKE 'ISO%' $$",
    )
    assert len((await browser.page(PageQuery(table, limit=2, position=Edge.FIRST))).rows) == 2
    assert len((await browser.page(PageQuery(table, limit=2, position=After(first.next)))).rows) == 2
    await browser.close()
    await theirs.close()
    run_sql(url, "DROP OWNED BY peeper", "DROP ROLE peeper")


def test_parameters_get_numbers_and_signs_stay():
    made = numbered("SELECT %(b)s, '100%%', %(a)s || %(b)s, '%%(a)s'", {})
    assert (made.text, made.names) == (b"SELECT $1, '100%', $2 || $1, '%(a)s'", ("b", "a"))


async def test_pages_on_one_side_of_a_place_are_planned_once_for_all(access, tables):
    connections = Connections(access.url)
    pages = QuickPages(access.url, connections, access.engine.dialect)
    table = await tables.find('"100%s"')
    async with reading(access.engine, access.url) as reader:
        pages.remember(table, await describe(reader, table))
    planned = numbered(
        "SELECT sum(generic_plans)::text, sum(custom_plans)::text FROM pg_prepared_statements "
        "WHERE statement LIKE '%%LIMIT 5'",
        {},
    )

    async def planned_for(*filters):
        """Return how many plans for all values, and how many for certain ones, were taken when three pages are read."""
        place = KeyCursor('public."100%s"', (("id", Direction.ASCENDING),), ("5",))
        for _ in range(3):
            place = (await pages.page(PageQuery(table, filters, limit=4, position=After(place)))).next
        return await connections.read(planned, {})

    assert await planned_for() == [("3", "0")]
    # What a filter selects may be much or little.
    assert await planned_for(parse_filter("n > 1.5")) == [("3", "3")]
    await connections.close()
