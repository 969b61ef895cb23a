"""A row as lines: nothing of a value is lost or changed, and what is long is made only as far as it is seen."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.tables.description import Column, Family
from stack.tables.literals import Element, Range, array_literal, elements, ranges
from stack.tables.rows import WholeRow
from tui.json_lines import json_lines
from tui.row_lines import row_lines
from tui.sheet_lines import Lines
from tui.wrapping import wrap

WIDTH = 60


def column(name, type_, family=Family.OTHER):
    return Column(name, type_, type_, family, nullable=True, default=None, references=None, readable=True)


def texts(lines):
    return ["".join(text for text, _ in lines[number].pieces) for number in range(len(lines))]


def row(*cells, key=("id",), cut=()):
    columns, values = zip(*cells, strict=True) if cells else ((), ())
    return texts(row_lines(WholeRow(tuple(columns), tuple(values), frozenset(cut), key), WIDTH))


def test_a_value_stands_beside_its_column_or_below_it():
    lines = row((column("id", "integer", Family.INTEGER), "7"), (column("note", "text"), "a\nb"))
    assert re.fullmatch(r"id    7 +integer", lines[0])
    assert re.fullmatch(r"note  3 characters, 2 lines +text", lines[1])
    assert lines[2:] == ["  a", "  b"]


@pytest.mark.parametrize(("cell", "shown"), [(None, "NULL"), ("", "''"), ("NULL", "NULL"), ("[/red]\x1b", "[/red]␛")])
def test_what_a_cell_reads(cell, shown):
    assert row((column("c", "text"), cell))[0].split() == ["c", shown, "text"]


def test_null_is_drawn_otherwise_than_the_word():
    null, word = (
        row_lines(WholeRow((column("c", "text"),), (cell,), frozenset(), ("c",)), WIDTH)[0] for cell in (None, "NULL")
    )
    assert null.pieces[1][1] != word.pieces[1][1]


def test_bytes_are_hex_with_their_count():
    lines = row(
        (column("b", "bytea", Family.BYTES), "\\x" + bytes(range(18)).hex()),
        (column("e", "bytea", Family.BYTES), "\\x"),
    )
    assert "18 bytes" in lines[0]
    assert lines[1].split()[:3] == ["000000", "00", "01"]
    assert lines[2].split() == ["000010", "10", "11", ".."]
    assert "0 bytes" in lines[3]


def test_arrays_and_ranges_are_readable():
    lines = row(
        (column("a", "text[]", Family.ARRAY), '{a,"b,c",NULL,"NULL",""}'),
        (column("r", "int4range", Family.RANGE), "[1,)"),
        (column("m", "int4multirange", Family.RANGE), "{[1,3),(5,7]}"),
    )
    assert [line.strip() for line in lines[1:6]] == ["[1] a", "[2] b,c", "[3] NULL", "[4] 'NULL'", "[5] ''"]
    assert "from 1 (included) to unbounded" in lines[8]
    assert [line.strip() for line in lines[11:]] == [
        "from 1 (included) to 3 (excluded)",
        "from 5 (excluded) to 7 (included)",
    ]


def test_a_row_without_a_key_says_so_and_what_is_cut_does_too():
    lines = row((column("t", "text"), "x" * 500), key=(), cut={0})
    assert "No key tells this row apart" in lines[0]
    assert "only its first part" in lines[1]
    assert row() == ["The table has no columns."]


def test_bounds_of_arrays_are_counted_as_they_say():
    assert list(elements("[0:1][-1:0]={{1,2},{3,4}}")) == [
        Element((0, -1), "1"),
        Element((0, 0), "2"),
        Element((1, -1), "3"),
        Element((1, 0), "4"),
    ]
    assert [each.value for each in elements("{(2,2),(1,1);(4,4),(3,3)}", ";")] == ["(2,2),(1,1)", "(4,4),(3,3)"]
    assert list(ranges('["a ""b","c\\\\")')) == [Range('a "b', "c\\", True, False)]
    assert list(ranges("empty")) == []


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)))
def test_an_array_that_is_written_is_read_back(texts):
    assert [each.value for each in elements(array_literal(texts))] == texts


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just('a\\"b{}[],: '),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
)


@given(value=JSON, room=st.integers(20, 100))
def test_json_laid_out_is_the_same_json(value, room):
    printed = json.dumps(value)
    lines = json_lines(printed, 10**6)
    assert json.loads("\n".join(texts(lines))) == value
    assert "".join(texts(json_lines(printed, room))).replace(" ", "") == "".join(texts(lines)).replace(" ", "")


def test_json_is_folded_by_what_is_inside():
    lines = json_lines('{"a": [1, {"b": 1.50}], "c": {}, "d": 1e400}', 80)
    assert texts(lines) == [
        "{",
        '  "a": [',
        "    1,",
        "    {",
        '      "b": 1.50',
        "    }",
        "  ],",
        '  "c": {},',
        '  "d": 1e400',
        "}",
    ]
    assert [lines.inside(number) for number in range(len(lines))] == [9, 5, 0, 2, 0, 0, 0, 0, 0, 0]


def test_json_of_any_depth_is_laid_out():
    assert len(json_lines("[" * 50_000 + "]" * 50_000, 80)) == 99_999
    assert texts(json_lines('{"a": [1, "cut in the', 80)) == ["{", '  "a": [', "    1,", '    "cut in the']


@given(text=st.text(), room=st.integers(8, 80))
def test_wrapping_loses_nothing_but_spaces_at_breaks(text, room):
    lines = wrap(text, room)
    assert len(lines) > text.count("\n")
    assert "".join(lines).replace(" ", "") == "".join(wrap(text, 10**6)).replace(" ", "")


def test_of_a_hundred_thousand_lines_only_those_are_made_that_are_seen(monkeypatch):
    cell = "0123456789\n" * 100_000
    lines = row_lines(WholeRow((column("t", "text"),), (cell,), frozenset(), ("t",)), WIDTH)
    assert isinstance(lines, Lines)
    assert len(lines) == 100_002
    assert len(lines._parts) == 2
    assert lines[50_000].pieces[-1][0] == "0123456789"
