"""The risks of what is pending, on the real tables of a real server, for a reviewer and for CI."""

import json
import subprocess
import sys

import pytest

from stack.migrations.risks.facts import read_catalogue
from stack.migrations.risks.operations import Name, Type
from stack.migrations.risks.statements import read_statements
from tests.support.alembic import OFFLINE_ENV, Step, make_project
from tests.support.tables import engine_for, run_sql, statements

PREPARED = """
CREATE SCHEMA "odd one";
CREATE TABLE "odd one"."people.x" (id int PRIMARY KEY, "Name" varchar(20)[]);
CREATE TABLE bookings (id bigint PRIMARY KEY, person int REFERENCES "odd one"."people.x", price numeric(10, 2), t text);
INSERT INTO bookings SELECT n, NULL, n, 'x' FROM generate_series(1, 500) n;
ALTER TABLE bookings ADD CONSTRAINT said CHECK (t IS NOT NULL);
CREATE INDEX by_price ON bookings (price);
CREATE TABLE parts (id int) PARTITION BY LIST (id);
CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1);
INSERT INTO parts SELECT 1 FROM generate_series(1, 300);
CREATE TABLE fresh (id int);
ANALYZE bookings, parts, part1;
"""
ABOUT = """
DROP INDEX by_price; TRUNCATE public.bookings; TRUNCATE parts; TRUNCATE fresh; TRUNCATE gone;
ALTER TABLE "odd one"."people.x" ADD COLUMN c int DEFAULT random(); ALTER TABLE fresh ADD d date DEFAULT now()
"""


async def test_what_the_catalogue_knows_in_five_statements(database):
    run_sql(database, *PREPARED.split(";\n"))
    operations = [each for read in read_statements([ABOUT]) for each in read.operations]
    async with engine_for(database) as engine, engine.connect() as connection:
        await connection.exec_driver_sql("SELECT 1")
        with statements(engine) as sent:
            catalogue = await read_catalogue(connection, operations)
    assert len(sent) <= 5
    bookings, people = Name(None, "bookings"), Name("odd one", "people.x")
    tables = catalogue.tables
    # An index stands for its table, and a table that is visible needs no schema.
    assert {tables[name].name for name in (Name(None, "by_price"), Name("public", "bookings"))} == {bookings}
    found = tables[Name("public", "bookings")]
    assert (found.rows, found.is_empty, found.bytes > 8192) == (500, False, True)
    assert found.columns["price"].type == Type("numeric", (10, 2))
    assert {name for name, column in found.columns.items() if column.never_null} == {"id", "t"}
    (key,) = found.foreign_keys
    assert (key.table, key.columns, key.target, key.target_columns) == (bookings, ("person",), people, ("id",))
    assert tables[people].foreign_keys == (key,)
    assert tables[people].columns["Name"].type == Type("varchar[]", (20,))
    assert (tables[Name(None, "parts")].rows, tables[Name(None, "parts")].is_empty) == (300, False)
    assert (tables[Name(None, "fresh")].rows, tables[Name(None, "fresh")].is_empty) == (None, True)
    assert Name(None, "gone") not in tables
    assert catalogue.volatile == {"random"}


DROPS = Step("drop1", ("make1",), "ALTER TABLE seats DROP COLUMN note", "ALTER TABLE seats ADD COLUMN note text")
MAKES = Step("make1", up="CREATE TABLE seats (id int, note char(4)); INSERT INTO seats VALUES (1, 'x')")


@pytest.fixture
def command(database, tmp_path):
    """Run a command on a project whose second step drops a column."""
    make_project(tmp_path, [MAKES, DROPS], OFFLINE_ENV)

    def run(*arguments, url=database):
        done = subprocess.run(
            [sys.executable, "-m", "tui", "--project", str(tmp_path), "migrate", *arguments],
            capture_output=True,
            text=True,
            env={"PATH": "", "DATABASE_URL": url.reveal(), "APP_DB_URL": url.reveal(), "HOME": str(tmp_path)},
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    return run


def apply_first(url):
    run_sql(url, *MAKES.up.split("; "), "CREATE TABLE alembic_version (version_num varchar(32))")
    run_sql(url, "INSERT INTO alembic_version VALUES ('make1')")


def test_an_unreviewed_loss_fails_until_the_file_says_why(database, command, tmp_path):
    told = json.loads(command("lint", "--json").stdout)
    # What the first step makes is nobody's yet; squawk does not care.
    assert [[risk["rule"] for risk in step["risks"]] for step in told["steps"]] == [["squawk", "squawk"], []]
    assert "ban-char-field" in str(told)
    assert told["findings"] == []
    apply_first(database)
    refused = command("lint")
    assert refused.returncode == 1
    assert "drop-column" in refused.stdout
    assert 'reviewed = {"drop-column": "why"}' in refused.stderr
    (path,) = (tmp_path / "migrations" / "versions").glob("drop1_*.py")
    path.write_text(path.read_text() + '\nreviewed = {"drop-column": "nobody wrote notes"}\n')
    accepted = json.loads(command("lint", "drop", "--json").stdout)
    (risk,) = [risk for step in accepted["steps"] for risk in step["risks"]]
    assert (risk["rule"], risk["reviewed"], risk["lock"]) == ("drop-column", "nobody wrote notes", "ACCESS EXCLUSIVE")
    assert (risk["table"], risk["estimated_rows"]) == ("seats", None)
    assert accepted["findings"] == []
    assert command("lint", "nonesuch").returncode == 1


def test_check_says_what_it_looked_at_and_what_not(database, command, tmp_path):
    apply_first(database)
    waiting = command("check", "--json")
    told = json.loads(waiting.stdout)
    assert waiting.returncode == 1
    assert told["looked_at"][:3] == ["heads", "pending", "risks"]
    assert any(aspect.startswith("constraints") for aspect in told["looked_at"])
    assert "risks" not in told["not_looked_at"]
    assert {finding["code"] for finding in told["findings"]} == {"migrations-pending", "migration-risky"}
    run_sql(database, "UPDATE alembic_version SET version_num = 'drop1'")
    marked = json.loads(command("check", "--json").stdout)
    assert {finding["code"] for finding in marked["findings"]} == {"migrations-drifted"}
    run_sql(database, "ALTER TABLE seats DROP COLUMN note")
    done = command("check", "--json")
    assert (done.returncode, json.loads(done.stdout)["findings"]) == (0, [])
    (path,) = (tmp_path / "migrations" / "versions").glob("drop1_*.py")
    (path.parent / "second.py").write_text(path.read_text().replace("drop1", "drop2"))
    branched = json.loads(command("check", "--json").stdout)
    assert branched["heads"] == ["drop1", "drop2"]
    finding = next(finding for finding in branched["findings"] if finding["code"] == "migrations-branched")
    assert " migrate new --merge " in finding["fixes"][0]["command"]
