"""What is made of cells is read back by readers that we did not write."""

import csv
import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.tables.catalogue import Kind, Table
from stack.tables.description import Column, Family, Generated
from stack.tables.names import Name
from stack.tables.renderings import Form, csv_line, json_object, json_value, render_cell, render_rows, sql_literal
from stack.tables.sorting import Direction, Sort, parse_sort

TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)))
CELL = st.none() | TEXT | st.sampled_from(["", "NULL", "null", r"\N", r"\.", "'", '"', "\\", "\r\n", ",", "\u2028"])


def column(name="c", base_type="text", family=Family.OTHER, generated=Generated.NEVER):
    return Column(name, base_type, base_type, family, True, None, None, True, generated)


@given(st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=5))
def test_csv_is_read_back_and_says_what_is_null(rows):
    text = "".join(map(csv_line, rows))
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == [
        [cell or "" for cell in row] for row in rows
    ]
    assert len({csv_line([None, cell]) for cell in (None, "", "NULL")}) == 3


@given(st.lists(CELL, min_size=1, max_size=4), st.lists(TEXT, min_size=4, max_size=4, unique=True))
def test_json_is_read_back_in_the_order_of_the_columns(cells, names):
    columns = [column(name) for name in names[: len(cells)]]
    line = json_object(columns, cells)
    assert "\n" not in line
    assert list(json.loads(line).items()) == list(zip(names, cells, strict=False))
    several = render_rows(Form.JSON, Table("public", "t", Kind.TABLE), columns, [cells, cells])
    assert json.loads(several) == [json.loads(line)] * 2


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_keep_every_digit(number):
    of = column(base_type="numeric", family=Family.NUMBER)
    read = json.loads(json_value(of, f"{number:f}"), parse_float=Decimal, parse_int=Decimal)
    assert (read, f"{read:f}") == (number, f"{number:f}")


@pytest.mark.parametrize(
    ("base_type", "family", "cell", "shown", "literal"),
    [
        ("integer", Family.INTEGER, "-7", "-7", "-7"),
        ("boolean", Family.BOOLEAN, "true", "true", "true"),
        ("double precision", Family.NUMBER, "-0", "-0", "'-0'"),
        ("double precision", Family.NUMBER, "1e+300", "1e+300", "'1e+300'"),
        ("numeric", Family.NUMBER, "NaN", '"NaN"', "'NaN'"),
        ("money", Family.NUMBER, "-$1.00", '"-$1.00"', "'-$1.00'"),
        ("jsonb", Family.OTHER, '{"a": 1.10}', '{"a": 1.10}', "'{\"a\": 1.10}'"),
        ("json", Family.OTHER, '[1,\n"\\n"]', '[1, "\\n"]', "E'[1,\\u000A\"\\\\n\"]'"),
        ("text", Family.OTHER, "it's", '"it\'s"', "'it''s'"),
        ("text", Family.OTHER, "NULL", '"NULL"', "'NULL'"),
        ("text", Family.OTHER, None, "null", "NULL"),
        ("integer[]", Family.OTHER, "{1,NULL}", '"{1,NULL}"', "'{1,NULL}'"),
    ],
)
def test_a_value_in_json_and_in_sql(base_type, family, cell, shown, literal):
    of = column(base_type=base_type, family=family)
    assert json_value(of, cell) == shown
    assert sql_literal(of, cell) == literal
    assert render_cell(Form.TEXT, of, cell) == ("NULL" if cell is None else cell)


def test_an_insert_has_what_can_be_inserted():
    table = Table("a b", "select", Kind.TABLE)
    columns = [
        column("id", "bigint", Family.INTEGER, Generated.IDENTITY),
        column('say "so"'),
        column("twice", "bigint", Family.INTEGER, Generated.COMPUTED),
    ]
    assert render_rows(Form.SQL, table, columns, [("1", None, "2"), ("2", "", "4")]) == (
        'INSERT INTO "a b"."select" ("id", "say ""so""") OVERRIDING SYSTEM VALUE VALUES\n'
        "    (1, NULL),\n    (2, '');\n"
    )
    assert render_rows(Form.SQL, table, [], [(), ()]) == 'INSERT INTO "a b"."select" DEFAULT VALUES;\n' * 2


@given(TEXT.filter(bool), st.sampled_from(Direction))
def test_orders_are_read_back_as_they_are_shown(name, direction):
    sort = parse_sort(str(Sort(Name(name, quoted=True), direction)))
    assert (sort.column.text, sort.direction) == (name, direction)
