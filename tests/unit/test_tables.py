"""What people type about tables is understood: names, conditions, orders, cursors; and keys cut rows as they should."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.findings import Code, Failure
from stack.tables.catalogue import Kind, Table, find_table
from stack.tables.cursors import KeyCursor, OffsetCursor, decode, encode
from stack.tables.description import Column, Family
from stack.tables.filters import Arrow, Filter, Operator, Path, Takes, parse_filter
from stack.tables.keyset import Condition, Key, Relation, segments_after
from stack.tables.names import Name, quote_name, take_name, take_path
from stack.tables.sorting import Direction, Sort, parse_sort
from stack.tables.values import native

TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), min_size=1)


def refused(parse, text):
    with pytest.raises(Failure) as caught:
        parse(text)
    return caught.value.finding.code


@given(TEXT)
def test_a_quoted_name_is_read_back(name):
    taken = take_name(quote_name(name))
    assert taken is not None
    assert (taken[0].text, taken[1]) == (name, "")


@given(st.lists(TEXT, min_size=1, max_size=3))
def test_a_path_is_read_back(names):
    assert [name.text for name in take_path(".".join(map(quote_name, names)))] == names


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", 'a"b', '""', "a b", '"a'])
def test_what_is_no_path(text):
    assert take_path(text) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status = confirmed", Filter(Name("status"), Operator.EQUAL, "confirmed")),
        ("status=confirmed", Filter(Name("status"), Operator.EQUAL, "confirmed")),
        ("status == x", Filter(Name("status"), Operator.EQUAL, "x")),
        ("a<>b", Filter(Name("a"), Operator.NOT_EQUAL, "b")),
        ("a != 'b'", Filter(Name("a"), Operator.NOT_EQUAL, "b")),
        ("a<=1", Filter(Name("a"), Operator.AT_MOST, "1")),
        ("a >= = 1", Filter(Name("a"), Operator.AT_LEAST, "= 1")),
        ("a < -1", Filter(Name("a"), Operator.LESS, "-1")),
        ("a > x > y", Filter(Name("a"), Operator.GREATER, "x > y")),
        ("a ~ b c ", Filter(Name("a"), Operator.CONTAINS, "b c")),
        ("a Contains 'it''s '", Filter(Name("a"), Operator.CONTAINS, "it's ")),
        ("a = ''", Filter(Name("a"), Operator.EQUAL, "")),
        ("a = 'b' or 'c'", Filter(Name("a"), Operator.EQUAL, "'b' or 'c'")),
        ("a IS  NULL", Filter(Name("a"), Operator.NULL)),
        ("a is not null", Filter(Name("a"), Operator.NOT_NULL)),
        ('"My ""Column" = 1', Filter(Name('My "Column', quoted=True), Operator.EQUAL, "1")),
        ("a between 1 and 2", Filter(Name("a"), Operator.BETWEEN, ("1", "2"))),
        ("a BETWEEN 'x and y' AND z and w", Filter(Name("a"), Operator.BETWEEN, ("x and y", "z and w"))),
        ("a in (b, 'c, d' , 'it''s')", Filter(Name("a"), Operator.ONE_OF, ("b", "c, d", "it's"))),
        ("a in('')", Filter(Name("a"), Operator.ONE_OF, ("",))),
        ("a is distinct  from 5", Filter(Name("a"), Operator.DISTINCT, "5")),
        ("a has b", Filter(Name("a"), Operator.HAS, "b")),
        ("a overlaps {b,c}", Filter(Name("a"), Operator.OVERLAPS, "{b,c}")),
        ("a @? $.b[*] ? (@ > 1)", Filter(Name("a"), Operator.MATCHES, "$.b[*] ? (@ > 1)")),
        ("a->b->>c = d", Filter(Name("a"), Operator.EQUAL, "d", Path(("b", "c"), Arrow.TEXT))),
        ("a-b -> 0 ->'1'>=2", Filter(Name("a-b"), Operator.AT_LEAST, "2", Path((0, "1"), Arrow.JSON))),
        ("a->>'it''s' is null", Filter(Name("a"), Operator.NULL, None, Path(("it's",), Arrow.TEXT))),
    ],
)
def test_conditions(text, expected):
    assert parse_filter(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a =",
        "= 1",
        "a like b",
        "a is",
        "a is null 1",
        "a isnull",
        "a containsx",
        '"a = 1',
        "a.b = 1",
        "a = \0",
        "a between 1",
        "a between and 1",
        "a in 1",
        "a in ()",
        "a in (1,)",
        "a in (1,,2)",
        "a->",
        "a->b",
        "a->>b->c = 1",
        "a has",
    ],
)
def test_what_is_no_condition(text):
    assert refused(parse_filter, text) is Code.FILTER_INVALID


@st.composite
def filters(draw):
    value = st.just("") | TEXT
    operator = draw(st.sampled_from(Operator))
    values = {
        Takes.NOTHING: st.none(),
        Takes.ONE: value,
        Takes.TWO: st.tuples(value, value),
        Takes.SOME: st.lists(value, min_size=1, max_size=4).map(tuple),
    }
    steps = st.lists(value | st.integers(-(10**8), 10**8), min_size=1, max_size=3).map(tuple)
    path = st.none() | st.builds(Path, steps, st.sampled_from(Arrow))
    name = st.builds(Name, TEXT, quoted=st.just(value=True)) | st.just(Name("createdAt"))
    return Filter(draw(name), operator, draw(values[operator.takes]), draw(path))


@given(filters())
def test_conditions_are_read_back_as_they_are_shown(each):
    assert parse_filter(str(each)) == each


def test_a_condition_is_shortened_where_there_is_no_room_for_it():
    assert str(parse_filter("a in (b, cccccc)").shortened(3)) == "a in ('b', 'ccc…')"
    assert str(parse_filter("a = cccccc").shortened(3)) == "a = 'ccc…'"
    assert str(parse_filter("a is null").shortened(3)) == "a is null"


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        (Operator.NULL, "1"),
        (Operator.EQUAL, None),
        (Operator.EQUAL, ("1",)),
        (Operator.BETWEEN, ("1",)),
        (Operator.ONE_OF, ()),
    ],
)
def test_what_is_no_condition_cannot_be_made(operator, value):
    with pytest.raises(ValueError, match=operator.takes.value):
        Filter(Name("a"), operator, value)


def test_a_condition_with_bytes_that_are_no_text():
    assert refused(parse_filter, "a = \udc80") is Code.FILTER_INVALID


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", Sort(Name("a"))),
        ("a:asc", Sort(Name("a"))),
        ("a:DESC", Sort(Name("a"), Direction.DESCENDING)),
        ('"a:b" : desc', Sort(Name("a:b", quoted=True), Direction.DESCENDING)),
    ],
)
def test_orders(text, expected):
    assert parse_sort(text) == expected


@pytest.mark.parametrize("text", ["", ":desc", "a:down", "a desc", "a:", "a:desc:asc"])
def test_what_is_no_order(text):
    assert refused(parse_sort, text) is Code.SORT_INVALID


ORDER = st.lists(st.tuples(TEXT, st.sampled_from(Direction)), max_size=3).map(tuple)


@given(st.data(), TEXT, ORDER)
def test_cursors_are_read_back(data, table, order):
    values = data.draw(st.tuples(*(st.none() | TEXT for _ in order)))
    for cursor in (KeyCursor(table, order, values), OffsetCursor(table, order, data.draw(st.integers(0, 1 << 50)))):
        text = encode(cursor)
        assert text.replace("-", "").replace("_", "").isalnum()
        assert decode(text) == cursor
        assert refused(decode, text[:-3]) is Code.CURSOR_INVALID


@given(TEXT | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_anything_else_is_no_cursor(text):
    assert refused(decode, text) is Code.CURSOR_INVALID


def meets(row, segment, values):
    def beyond(condition):
        for key in condition.keys:
            cell, value = row[key.index], values[key.index]
            if cell is None or value is None:
                return False
            if cell != value:
                return (cell > value) is (key.direction is Direction.ASCENDING)
        return False

    def holds(condition: Condition):
        cell, value = row[condition.keys[0].index], values[condition.keys[0].index]
        match condition.relation:
            case Relation.EQUAL:
                return cell is not None and cell == value
            case Relation.BEYOND:
                return beyond(condition)
            case Relation.NULL:
                return cell is None
            case Relation.NOT_NULL:
                return cell is not None

    return all(holds(condition) for condition in segment)


def rank(row, keys):
    # NULL is greater than everything, as in Postgres; descending turns everything round.
    cells = [(1, 0) if row[key.index] is None else (0, row[key.index]) for key in keys]
    return [
        cell if key.direction is Direction.ASCENDING else (-cell[0], -cell[1])
        for cell, key in zip(cells, keys, strict=True)
    ]


@given(st.lists(st.tuples(st.sampled_from(Direction), st.booleans()), min_size=1, max_size=4))
def test_segments_hold_what_comes_after_and_in_order(shape):
    keys = [Key(index, direction, nullable) for index, (direction, nullable) in enumerate(shape)]
    rows = list(itertools.product(*([0, 1, None] if key.nullable else [0, 1] for key in keys)))
    rows.sort(key=lambda row: rank(row, keys))
    for place, values in enumerate(rows):
        segments = segments_after(keys, [value is None for value in values])
        after = [row for segment in segments for row in rows if meets(row, segment, values)]
        assert after == rows[place + 1 :]


def test_a_plain_key_is_one_comparison():
    keys = [Key(index, Direction.DESCENDING, nullable=False) for index in range(3)]
    assert segments_after(keys, [False] * 3) == [(Condition(Relation.BEYOND, tuple(keys)),)]


TABLES = (
    Table("public", "bookings", Kind.TABLE),
    Table("public", "Users", Kind.TABLE),
    Table("public", "a.b", Kind.VIEW),
    Table("archive", "bookings", Kind.TABLE, visible=False),
    Table("archive", "old", Kind.TABLE, visible=False),
    Table("x", "twice", Kind.TABLE, visible=False),
    Table("y", "twice", Kind.TABLE, visible=False),
)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("bookings", 0),
        ("BOOKINGS", 0),
        ("public.bookings", 0),
        ("Users", 1),
        ('"Users"', 1),
        ("a.b", 2),
        ('public."a.b"', 2),
        ("archive.bookings", 3),
        ("old", 4),
        ("y.twice", 6),
    ],
)
def test_tables_are_found(name, index):
    assert find_table(TABLES, name) is TABLES[index]


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("boking", "stackdeck rows bookings"),
        ("users", "stackdeck rows '\"Users\"'"),
        ("twice", "stackdeck rows x.twice"),
        ("public.old", "stackdeck rows archive.old"),
        ("zzzzzzzz", "stackdeck tables"),
    ],
)
def test_a_table_that_is_not_there_says_what_is(name, fix):
    with pytest.raises(Failure) as caught:
        find_table(TABLES, name)
    finding = caught.value.finding
    assert finding.code is Code.TABLE_MISSING
    assert finding.fixes[0].command == fix


def test_no_tables_at_all_means_to_migrate():
    with pytest.raises(Failure) as caught:
        find_table((), "bookings")
    assert caught.value.finding.fixes[0].command == "stackdeck migrate up"


@pytest.mark.parametrize(
    ("family", "cell", "value"),
    [
        (Family.BOOLEAN, "true", True),
        (Family.BOOLEAN, "false", False),
        (Family.INTEGER, "-9223372036854775808", -9223372036854775808),
        (Family.NUMBER, "NaN", "NaN"),
        (Family.NUMBER, "0.10", "0.10"),
        (Family.OTHER, "1", "1"),
        (Family.INTEGER, None, None),
    ],
)
def test_cells_for_json(family, cell, value):
    column = Column("c", "t", "t", family, nullable=True, default=None, references=None, readable=True)
    assert native(column, cell) == value
    assert type(native(column, cell)) is type(value)
