"""`rows` prints what the deck shows: pages from every side, and cells that cannot be mistaken for each other."""

import json

import pytest

from stack.cli.main import main
from tests.support.tables import run_sql


@pytest.fixture
def rows(database, tmp_path, monkeypatch, capsys):
    """Run ``rows`` on a database with a few odd tables."""
    run_sql(
        database,
        'CREATE TABLE "Odd.One" (a int, "b c" text, word text, PRIMARY KEY (a, "b c"))',
        """INSERT INTO "Odd.One" VALUES (1, 'x', NULL), (1, 'y', ''), (2, 'x', 'null'), (2, 'y', '''NULL'''),"""
        " (3, 'x', 'nullable')",
        'CREATE TABLE refers (a int, "b c" text, FOREIGN KEY (a, "b c") REFERENCES "Odd.One")',
        "CREATE TABLE keyless AS SELECT n FROM generate_series(1, 5) n",
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"APP_DB_URL={database.reveal()}\n")
    (tmp_path / ".env").chmod(0o600)

    def run(*arguments):
        capsys.readouterr()
        status = main(["--runtime", "external", "rows", *arguments])
        return status, capsys.readouterr().out

    return run


def test_null_nothing_and_the_word_null_look_different(rows):
    _, printed = rows('"Odd.One"')
    shown = [line.split()[-1] for line in printed.splitlines()[1:6]]
    assert shown == ["NULL", "''", "'null'", "''NULL''", "nullable"]


def test_every_page_that_the_deck_has(rows):
    def page(*arguments):
        status, printed = rows('"Odd.One"', "--limit", "2", "--json", *arguments)
        assert status == 0
        document = json.loads(printed)
        assert document["ordering"] == "by key"
        return [row[:2] for row in document["rows"]], document

    last, document = page("--last")
    assert (last, document["next"]) == ([[2, "y"], [3, "x"]], None)
    assert page("--before", document["previous"])[0] == [[1, "y"], [2, "x"]]
    assert page("--at", "2", "--at", "w")[0] == [[2, "x"], [2, "y"]]
    assert page("--last", "--sort", '"b c":desc')[0] == [[2, "x"], [1, "x"]]
    with pytest.raises(SystemExit) as ended:
        rows('"Odd.One"', "--at", "1", "--at", "x", "--sort", "a")
    assert ended.value.code == 2


def test_where_nothing_tells_rows_apart_it_says_so(rows):
    assert "by counting" in rows("keyless", "--limit", "2")[1]
    assert "by counting" not in rows("keyless")[1]
    assert json.loads(rows("keyless", "--json")[1])["ordering"] == "by counting"


def test_what_a_column_refers_to_is_named_without_doubt(rows):
    columns = json.loads(rows("refers", "--json")[1])["columns"]
    assert [column["references"] for column in columns] == ['public."Odd.One".a', 'public."Odd.One"."b c"']
