"""Exports: complete or not there, in files of their own, cancelled on the server too, in as little memory as a page."""

import asyncio
import csv
import io
import json
import os
import resource
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

from stack.cli.main import main
from stack.findings import Code, Failure, Gauge, Unit, silent
from stack.tables.export import expected_rows, file_at
from stack.tables.export_statement import Format, Formulas
from stack.tables.filters import parse_filter
from stack.tables.query import PageQuery, Query
from stack.tables.sorting import parse_sort
from tests.support.clone import STACKDECK, bare_environment
from tests.support.tables import run_sql

SLOW = """
CREATE VIEW slow AS SELECT id, pg_sleep(CASE WHEN id > 25000 THEN 60 ELSE 0 END) IS NULL AS slept FROM numbers
"""


@pytest.fixture
def numbers(database):
    run_sql(
        database,
        "CREATE TABLE numbers (id int PRIMARY KEY, word text, part int)",
        "INSERT INTO numbers SELECT n, 'number ' || n, n % 7 FROM generate_series(1, 30000) n",
        "ANALYZE numbers",
    )
    return database


@pytest.fixture
def project(numbers, tmp_path):
    """A project whose database has the numbers."""
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / ".env").write_text(f"APP_DB_URL={numbers.reveal()}\n")
    (directory / ".env").chmod(0o600)
    return directory


async def export(
    browser, name, target, kind=Format.CSV, *, filters=(), sort=(), overwrite=False, progress=silent, **options
):
    query = Query(await browser.find(name), filters, sort)
    destination = file_at(target, overwrite=overwrite)
    return await browser.export(query, destination, format=kind, progress=progress, **options)


async def refused(browser, name, target, **options):
    with pytest.raises(Failure) as caught:
        await export(browser, name, target, **options)
    return caught.value.finding.code


def exporting(url):
    """Return how many statements of ours are being carried out on the server."""
    with psycopg.connect(url.reveal()) as connection:
        return connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' "
            "AND query LIKE 'COPY%'"
        ).fetchone()[0]


async def test_what_the_filter_and_the_sort_select(numbers, browser, tmp_path):
    target = tmp_path / "some.csv"
    written = await export(
        browser,
        "numbers",
        target,
        filters=(parse_filter("part = 3"), parse_filter("word contains '00%'"), parse_filter("id > 0")),
    )
    assert (written.rows, target.read_text()) == (0, "id,word,part\n")
    target.unlink()
    written = await export(
        browser,
        "numbers",
        target,
        filters=(parse_filter("part = 3"),),
        sort=(parse_sort("part"), parse_sort("id:desc")),
    )
    _, *rows = csv.reader(io.StringIO(target.read_text()))
    assert [int(row[0]) for row in rows] == [n for n in range(30000, 0, -1) if n % 7 == 3]
    assert written.rows == len(rows)
    assert written.bytes == target.stat().st_size
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"filters": (parse_filter("id = soon"),)}, Code.FILTER_INVALID),
        ({"filters": (parse_filter("nmae = x"),)}, Code.COLUMN_MISSING),
        ({"sort": (parse_sort("nothing"),)}, Code.COLUMN_MISSING),
    ],
)
async def test_what_cannot_be_selected_leaves_no_file(numbers, browser, tmp_path, options, code):
    assert await refused(browser, "numbers", tmp_path / "a.csv", **options) is code
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_is_there_stays_until_the_new_one_is_whole(numbers, browser, tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("precious")
    assert await refused(browser, "numbers", target) is Code.EXPORT_FILE_EXISTS
    run_sql(numbers, "CREATE VIEW broken AS SELECT 1 / (id - 29000) AS v FROM numbers")
    assert await refused(browser, "broken", target, overwrite=True) is Code.DATABASE_ERROR
    assert await refused(browser, "numbers", tmp_path / "no" / "a.csv") is Code.EXPORT_NOT_WRITTEN
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        assert await refused(browser, "numbers", target, overwrite=True) is Code.EXPORT_NOT_WRITTEN
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.csv", "precious")]
    await export(browser, "numbers", target, overwrite=True)
    assert len(target.read_text().splitlines()) == 30_001
    assert len(list(tmp_path.iterdir())) == 1


async def test_cancelling_ends_it_on_the_server_too(numbers, browser, tmp_path):
    run_sql(numbers, SLOW)
    begun = asyncio.Event()

    def watch(line, gauges=()):
        [gauge] = gauges
        assert isinstance(gauge, Gauge)
        assert (gauge.name, gauge.unit, gauge.total) == ("slow", Unit.ROWS, 30000)
        begun.set()

    task = asyncio.create_task(export(browser, "slow", tmp_path / "a.csv", progress=watch))
    await begun.wait()
    assert exporting(numbers) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []
    async with asyncio.timeout(20):
        while exporting(numbers):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.02)


async def test_a_server_that_goes_away_leaves_no_file(numbers, browser, tmp_path):
    run_sql(numbers, SLOW)

    def end_it(line, gauges=()):
        run_sql(
            numbers,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND query LIKE 'COPY%' AND pid <> pg_backend_pid()",
        )

    assert await refused(browser, "slow", tmp_path / "a.csv", progress=end_it) is Code.DATABASE_LOST
    assert list(tmp_path.iterdir()) == []


async def test_it_writes_nothing_to_the_database_and_waits_for_no_lock(numbers, browser, tmp_path):
    run_sql(
        numbers,
        "CREATE SEQUENCE s",
        "CREATE FUNCTION writes() RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''s'')'",
        "CREATE VIEW writing AS SELECT writes() AS v",
    )
    assert await refused(browser, "writing", tmp_path / "a.csv") is Code.DATABASE_ERROR
    table = await browser.find("numbers")
    with psycopg.connect(numbers.reveal()) as other:
        other.execute("LOCK TABLE numbers IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Failure) as caught:
            await browser.export(Query(table), file_at(tmp_path / "a.csv"), format=Format.CSV, progress=silent)
    assert caught.value.finding.code is Code.DATABASE_TIMEOUT
    assert list(tmp_path.iterdir()) == []


async def test_no_more_than_a_little_is_in_memory(numbers, browser, tmp_path):
    run_sql(
        numbers,
        "CREATE VIEW large AS SELECT id, repeat(word, 100) FROM numbers CROSS JOIN generate_series(1, 2)",
    )
    await export(browser, "numbers", tmp_path / "small.csv")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    written = await export(browser, "large", tmp_path / "large.jsonl", Format.JSONL)
    assert written.bytes > 70_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


async def test_cells_that_a_spreadsheet_would_run_are_guarded_on_request(database, browser, tmp_path):
    cells = [
        "=1+1",
        "+1+1",
        "-1+1",
        "@x",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1",
        "-1",
        "+1.5e3",
        "-.5",
        "-",
        "x=1",
        "",
        None,
        "'x",
    ]
    run_sql(
        database,
        'CREATE TABLE cells (id int PRIMARY KEY, "=HYPERLINK()" text, n numeric, m money, d date, l interval)',
    )
    with psycopg.connect(database.reveal(), autocommit=True) as connection:
        for number, cell in enumerate(cells):
            connection.execute(
                "INSERT INTO cells VALUES (%s, %s, -1, -1, '-infinity', '-1 day')", (number - len(cells), cell)
            )
    for formulas in Formulas:
        await export(browser, "cells", tmp_path / formulas, formulas=formulas, sort=(parse_sort("id"),))
    kept, guarded = (
        list(csv.reader(io.StringIO((tmp_path / each).read_bytes().decode(), newline=""))) for each in Formulas
    )
    assert kept[0][1] == "=HYPERLINK()"
    assert [row[1] for row in kept[1:]] == [cell or "" for cell in cells]
    assert guarded[0] == ["id", "'=HYPERLINK()", "n", "m", "d", "l"]
    assert [row[1] for row in guarded[1:]] == [f"'{cell}" for cell in cells[:8]] + cells[8:11] + [
        "'-",
        "x=1",
        "",
        "",
        "'x",
    ]
    assert [row[2:] for row in guarded[1:]] == [["-1", "-$1.00", "'-infinity", "'-1 days"]] * len(cells)
    assert [row[0] for row in guarded[1:]] == [str(number - len(cells)) for number in range(len(cells))]


async def test_tables_of_any_shape_and_name(database, browser, tmp_path):
    wide = ", ".join(f"c{n} int" for n in range(1600))
    nasty = 'a "b" %s %(x)s {} :y [/z] line'
    doubled = nasty.replace('"', '""')
    run_sql(
        database,
        "CREATE TABLE none ()",
        "INSERT INTO none DEFAULT VALUES",
        "INSERT INTO none DEFAULT VALUES",
        f"CREATE TABLE wide ({wide})",
        "INSERT INTO wide (c0, c1599) VALUES (1, 2)",
        f'CREATE TABLE "{doubled}" (line text PRIMARY KEY, "{doubled}" int, "select" int)',
        f"""INSERT INTO "{doubled}" VALUES ('100%', 1, 2)""",
    )
    for name, expected in [
        ("none", [{}, {}]),
        ("wide", [{f"c{n}": {0: 1, 1599: 2}.get(n) for n in range(1600)}]),
        (nasty, [{"line": "100%", nasty: 1, "select": 2}]),
    ]:
        target = tmp_path / "a.jsonl"
        found = [] if name == "none" else [parse_filter("c1599 > 1" if name == "wide" else "line contains %")]
        written = await export(browser, name, target, Format.JSONL, overwrite=True, filters=found)
        lines = target.read_text().splitlines()
        assert [json.loads(line) for line in lines] == expected
        assert written.rows == len(expected)
        await export(browser, name, target, overwrite=True)
        head, *rows = csv.reader(io.StringIO(target.read_text()))
        assert (head, len(rows)) == (list(expected[0]), len(expected))
    # More columns to order by than there is room for beside those that are shown.
    table = await browser.find("wide")
    assert len((await browser.page(PageQuery(table, sort=(parse_sort("c5"),), longest=10))).rows) == 1


@pytest.mark.parametrize(("plan", "rows"), [([{"Plan": {"Plan Rows": 7}}], 7), ([], 0), ([{"Plan": {}}], 0)])
def test_what_the_planner_expects(plan, rows):
    assert expected_rows(plan) == rows


def command(project, *argv):
    return subprocess.run(
        [str(STACKDECK), "--runtime", "external", *argv],
        cwd=project,
        env=bare_environment(),
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_the_command(project):
    done = command(project, "export", "numbers", "--output", "a.jsonl", "--where", "id < 3", "--sort", "id", "--json")
    document = json.loads(done.stdout)
    assert document.pop("seconds") > 0
    lines = (project / "a.jsonl").read_bytes()
    assert document == {
        "file": str(project / "a.jsonl"),
        "format": "jsonl",
        "rows": 2,
        "bytes": len(lines),
        "findings": [],
    }
    assert [json.loads(line)["word"] for line in lines.splitlines()] == ["number 1", "number 2"]
    again = command(project, "export", "numbers", "--output", "a.jsonl", "--where", "id < 4")
    assert (again.returncode, b"export-file-exists" in again.stderr) == (1, True)
    assert command(project, "export", "numbers", "--output", "a.jsonl", "--where", "id < 4", "--overwrite").stdout
    out = command(project, "export", "numbers", "--output", "-", "--format", "csv", "--where", "id = 7", "--sort", "id")
    assert out.stdout == b"id,word,part\n7,number 7,0\n"
    assert out.stderr.startswith(b"1 rows")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_where_the_output_is_full_or_no_file_it_says_so(project, numbers):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [str(STACKDECK), "--runtime", "external", "export", "numbers", "--output", "-"],
            cwd=project,
            env=bare_environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == b"stackdeck: the output cannot be written: No space left on device"
    pipe = project / "pipe"
    os.mkfifo(pipe)
    done = command(project, "export", "numbers", "--output", "pipe", "--overwrite")
    assert (done.returncode, b"it is no regular file" in done.stderr) == (1, True)
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    "argv",
    [
        ["export", "t"],
        ["export", "t", "--output", "-", "--json"],
        ["export", "t", "--output", "a.jsonl", "--guard-formulas"],
        ["export", "t", "--output", "a.parquet"],
        ["export", "t", "--output", "a.csv.gz"],
    ],
)
def test_what_is_no_use_of_it(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2


@pytest.mark.parametrize(("how", "left"), [(signal.SIGINT, []), (signal.SIGTERM, []), (signal.SIGKILL, [".a.csv"])])
def test_interrupted_it_leaves_nothing_and_killed_only_what_has_no_name(project, numbers, how, left):
    run_sql(numbers, SLOW)
    with subprocess.Popen(
        [str(STACKDECK), "--runtime", "external", "export", "slow", "--output", "a.csv"],
        cwd=project,
        env=bare_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stderr.readline()  # it says how far it is
        os.kill(process.pid, how)
        _, said = process.communicate(timeout=30)
    assert b"Traceback" not in said
    assert process.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 130)
    assert [path.name.rpartition(".")[0] for path in project.iterdir() if path.name != ".env"] == left
