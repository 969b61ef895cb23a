"""A variable that is set is read back by both grammars, and nothing else in the file changes by a byte."""

import io
from itertools import takewhile

import pytest
from dotenv import dotenv_values
from hypothesis import assume, given
from hypothesis import strategies as st

from stack.environment import compose_grammar, python_grammar
from stack.environment.compose_grammar import EnvSyntaxError
from stack.environment.rewrite import UnwritableError, spell, with_value

VALUES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"), max_size=20) | st.lists(
    st.sampled_from(["a", " ", "#", " #", "$", "${B}", "$$", "\\", "'", '"', "\n", "\r", "\t", "=", ":", "é", "n"]),
    max_size=8,
).map("".join)
NAMES = st.sampled_from(["A", "B", "APP_DB_PORT", "X1"])
LINES = st.sampled_from(
    ["", "# note", "A=1", "export A = 'x' # why", 'B="two\nlines"', "B=", "  A=tail # c", "X1", "C=${A}", "A='it\\'s'",
     "D: 4", "# APP_DB_PORT=1", 'A="a"', "E=foo\t# c", "A= # c", "F=${Z:?must be}"]
)  # fmt: skip
FILES = st.tuples(
    st.sampled_from(["", "\ufeff"]), st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans()
).map(
    lambda drawn: drawn[0] + drawn[2].join(drawn[1]).replace("\n", drawn[2]).replace("\r\r", "\r") + drawn[2] * drawn[3]
)


def common_prefix(one, other):
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def readings(text, lookup=lambda _name: None):
    return python_grammar.parse(text, lookup), compose_grammar.parse(text, lookup)


@given(FILES, NAMES, VALUES)
def test_set_then_read_gives_the_value_back_in_both(text, name, value):
    try:
        changed = with_value(text, name, value)
    except (UnwritableError, EnvSyntaxError):
        assume(False)
    lookup = {"Z": "set", "A1": "other"}.get
    python, compose = readings(changed, lookup)
    assert python.effective[name].value == value
    assert compose.values[name] == value
    assert dotenv_values(stream=io.StringIO(changed.replace("\r\n", "\n")))[name] == value


@given(FILES, NAMES, VALUES)
def test_everything_outside_the_one_assignment_stays_byte_for_byte(text, name, value):
    try:
        changed = with_value(text, name, value)
    except (UnwritableError, EnvSyntaxError):
        assume(False)
    start = common_prefix(text, changed)
    end = len(text) - common_prefix(text[start:][::-1], changed[start:][::-1])
    if start == end:
        return  # something was put in between
    position = 1 if text.startswith("\ufeff") else 0
    for statement in python_grammar.statements(text):
        position, begin = position + len(statement.text), position
        if begin <= start and end <= position:
            assert statement.name == name or not statement.readable
            return
    pytest.fail("more than one statement was touched")


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, blacklist_characters="$\\'\""), min_size=1))
def test_every_plain_value_can_be_written(value):
    assert spell(value) is not None


@given(VALUES)
def test_what_is_spelled_does_not_depend_on_other_variables(value):
    spelling = spell(value)
    assume(spelling is not None)
    for lookup in (lambda _name: None, lambda _name: "", lambda _name: "set"):
        python, compose = readings(f"A={spelling}\n", lookup)
        assert python.effective["A"].value == compose.values["A"] == value


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A=1\nB=2\n", "A=new\nB=2\n"),
        ("A=1\r\nB=2\r\n", "A=new\r\nB=2\r\n"),
        ("\ufeffA=1", "\ufeffA=new"),
        ("# A is\n\n  export A = 'old'  # why\n", "# A is\n\n  export A = 'new'  # why\n"),
        ('A="old"\n', 'A="new"\n'),
        ("A=1\nA=2\n", "A=1\nA=new\n"),
        ("A= # none yet\n", "A=new # none yet\n"),
        ("A=x\t# c\n", "A='new'\t# c\n"),
        ("A\n", "A=new\n"),
        ("B=1", "B=1\nA=new\n"),
        ("B=1\r\n", "B=1\r\nA=new\r\n"),
        ("", "A=new\n"),
        ("# A=example\n\nB=1\n", "# A=example\nA=new\n\nB=1\n"),
        ("A: old\nB=1\n", "A=new\nB=1\n"),
        ("A='x'junk\nB=1\n", "A=new\nB=1\n"),
        ("A=1\nA: 2\n", "A=1\nA=new\n"),
        ("A: 1\nA=2\n", "A: 1\nA=new\n"),
        ("A='two\nlines' # c\nB=1\n", "A='new' # c\nB=1\n"),
    ],
)
def test_the_line_changes_where_it_stands(before, after):
    assert with_value(before, "A", "new") == after


@pytest.mark.parametrize("value", ["${B}", "x${B:-d}", "pa$word'\\", "\x00${A}"])
def test_what_both_cannot_read_alike_is_refused_and_not_quoted(value):
    with pytest.raises(UnwritableError) as caught:
        with_value("A=1\n", "A", value)
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["pa$word1", "$HOME", "a b", "x # y", "#x", " lead", "two\nlines", "a\\b", "it's", "a'b\"c", "$$", ""]
)
def test_hostile_values_that_can_be_written(value):
    python, compose = readings(with_value("A=1\nB=2\n", "A", value), {"HOME": "/h", "word1": "x"}.get)
    assert python.effective["A"].value == compose.values["A"] == value
