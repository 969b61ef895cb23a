"""What Alembic finds different is said in sentences, and the rows that a step touches are counted."""

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from stack.migrations.worker.applying import Attempt
from stack.migrations.worker.autogeneration import sentence

TABLE = sa.Table("people", sa.MetaData(), sa.Column("id", sa.Integer), schema="side")
INDEX = sa.Index("by_id", TABLE.c.id)
KEY = sa.ForeignKeyConstraint(["id"], ["side.people.id"])
TABLE.append_constraint(KEY)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("add_table", TABLE), "The table side.people is in the models and not in the database."),
        (("remove_table", TABLE), "The table side.people is in the database and not in the models."),
        (("add_column", "side", "people", TABLE.c.id), "The column side.people.id is in the models and not in the"),
        (("remove_column", None, "people", TABLE.c.id), "The column people.id is in the database and not in the"),
        (("remove_index", INDEX), "The index by_id of side.people is in the database and not in the models."),
        (("add_fk", KEY), "The foreign key on (id) of side.people is in the models and not in the database."),
        (
            ("modify_nullable", None, "people", "id", {}, False, True),
            "The column people.id is NOT NULL in the database and NULL allowed in the models.",
        ),
        (
            ("modify_default", "side", "people", "id", {}, None, sa.DefaultClause("7")),
            "The column side.people.id has the server default none in the database and 7 in the models.",
        ),
        (("add_table_comment", TABLE, "x"), "The comment of the table side.people differs."),
    ],
)
def test_a_difference_in_a_sentence(change, said):
    assert sentence(change).startswith(said)


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("UPDATE people SET a = 1", 5),
        ("  insert into people values (';')", 5),
        ("CREATE TABLE a (b int REFERENCES c ON DELETE CASCADE)", 0),
        ("SELECT 1", 0),
        ("COMMENT ON TABLE a IS 'update it'", 0),
        ("DELETE FROM a; DELETE FROM b", None),
        ("WITH gone AS (DELETE FROM a RETURNING 1) SELECT count(*) FROM gone", None),
        ("DO $$ BEGIN PERFORM 1; END $$", None),
        ("", 0),
    ],
)
def test_rows_are_counted_where_they_are_known(statement, rows):
    attempt = Attempt()
    attempt.count(statement, 5)
    assert attempt.rows == rows


@given(st.text())
def test_counting_takes_any_statement(statement):
    Attempt().count(statement, 1)
