"""The plan of a page on a real server: of the statement that the page runs, with what would help it."""

from dataclasses import replace

from stack.tables.catalogue import find_table, list_tables
from stack.tables.explaining import explain_page
from stack.tables.filters import parse_filter
from stack.tables.pages import page
from stack.tables.plan_json import LONGEST
from stack.tables.query import After, Edge, PageQuery
from stack.tables.sorting import parse_sort
from tests.database.test_filters_screen import begin
from tests.database.test_tables_screen import deck_on
from tests.support.tables import engine_for, reader_for, run_sql, statements
from tests.tui.support import shown, until

BIG = (
    """
    CREATE TABLE "big %s" (
        id int PRIMARY KEY, status text, "no""te" text, tags text[], at int, span int4range, details jsonb
    )
    """,
    """
    INSERT INTO "big %s"
    SELECT n, CASE WHEN n % 60000 = 0 THEN 'rare' ELSE 'x' END, 'n' || n, ARRAY['t' || n], nullif(n % 20000, 0),
        int4range(n, n + 1), jsonb_build_object('n' || n % 1000, n)
    FROM generate_series(1, 120000) n
    """,
    'ANALYZE "big %s"',
    'CREATE VIEW "over" AS SELECT id, status FROM "big %s"',
)


async def explained(url, *wheres, name='"big %s"', sort=(), position=Edge.FIRST):
    async with reader_for(url) as reader:
        table = find_table(await list_tables(reader), name)
        filters, order = tuple(map(parse_filter, wheres)), tuple(map(parse_sort, sort))
        return await explain_page(reader, PageQuery(table, filters, order, position, limit=20, longest=500))


async def test_a_scan_is_warned_of_until_there_is_the_index_that_is_named(database):
    run_sql(database, *BIG)
    got = await explained(database, "status = rare")
    (caution,) = got.cautions
    assert got.where == ("\"status\" = 'rare'",)
    assert "120,000 rows" in caution.title
    (remedy,) = caution.remedies
    run_sql(database, remedy.replace("CONCURRENTLY ", ""), 'ANALYZE "big %s"')
    assert (await explained(database, "status = rare")).cautions == ()
    assert (await explained(database, "status = x")).cautions == ()
    # Of what is inside a value the server guesses that half a per cent meets it, and would stop there.
    for where in ("details->>nowhere = 7", "details->deep->>nowhere contains x", "details @? $.nowhere"):
        (caution,) = (await explained(database, where)).cautions
        assert "up to all 120,000 rows" in caution.title, where
    assert (await explained(database, "details->>nowhere is not null")).cautions == ()
    (caution,) = (await explained(database, "details->>n7 = 7")).cautions
    for each in caution.remedies:
        run_sql(database, each.replace("CONCURRENTLY ", ""), 'ANALYZE "big %s"')
    assert (await explained(database, "details->>n7 = 7")).cautions == ()
    # What an index is made for is what the statement asks.
    for where in ("tags has t7", '"no""te" = n7', "at is null", "span overlaps [7,7]", "details @? $.n7 ? (@ == 7)"):
        found = (await explained(database, where)).cautions
        for each in (remedy for caution in found for remedy in caution.remedies):
            run_sql(database, each.replace("CONCURRENTLY ", ""), 'ANALYZE "big %s"')
        assert (await explained(database, where)).cautions == (), where
    run_sql(database, """UPDATE "big %s" SET details = '{"n7": "x"}'""", 'ANALYZE "big %s"')
    assert (await explained(database, "details->>n7 = x")).cautions == ()
    (caution,) = (await explained(database, "status != x", name="over")).cautions
    assert caution.remedies == ()


async def test_it_is_the_statement_that_the_page_runs(database):
    run_sql(database, *BIG)
    filters, sort = (parse_filter("at >= 2"),), (parse_sort("at"),)
    async with engine_for(database) as engine, engine.connect() as reader:
        table = find_table(await list_tables(reader), '"big %s"')
        query = PageQuery(table, filters, sort, limit=20, longest=500)
        following = replace(query, position=After((await page(reader, query)).next))
        with statements(engine) as sent:
            await page(reader, following)
            await explain_page(reader, following)
    selects = [each for each in sent if each[0].startswith("SELECT") and "AS source" in each[0]]
    explains = [each for each in sent if each[0].startswith("EXPLAIN")]
    prefix = "EXPLAIN (VERBOSE, FORMAT JSON) "
    assert [(text.removeprefix(prefix), values) for text, values in explains][: len(selects)] == selects
    assert len(explains) > len(selects)  # the second would run if the first had too few rows


async def test_of_a_value_of_megabytes_the_plan_shows_the_beginning(database):
    run_sql(database, "CREATE TABLE t (id int PRIMARY KEY, v text, j json)", "INSERT INTO t VALUES (1, 'x', '[1]')")
    async with engine_for(database) as engine, engine.connect() as reader:
        (table,) = await list_tables(reader)
        query = PageQuery(table, (parse_filter(f"v = {'x' * 2_000_000}"),))
        (plan,) = (await explain_page(reader, query)).plans
        ((_, condition),) = [each for node in plan.walk() for each in node.conditions]
        assert condition.startswith("(source.v = 'xxx")
        assert 50_000 < len(condition) <= LONGEST
        # Elsewhere on the connection JSON is what it always is.
        assert (await reader.exec_driver_sql("SELECT j FROM t")).scalar_one() == [1]


async def test_the_deck_shows_it(database):
    run_sql(database, *BIG)
    async with deck_on(database) as (deck, pilot):
        await begin(deck, pilot, "big")
        await pilot.press("right", "slash", *"= rare"[2:], "down", "enter")
        await until(pilot, lambda: deck.front.rows.row_count == 2)
        await pilot.press("e")
        await until(pilot, lambda: "is read" in shown(deck))
        assert "CREATE INDEX CONCURRENTLY" in shown(deck)
        assert "cost" in shown(deck)
