"""Python's reading is python-dotenv's own, with the right lines, and never fails."""

import io
import re

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from stack.environment.python_grammar import parse, statements

PIECES = st.sampled_from(
    ["A", "B", "export ", "=", ":", " ", "\t", "\n", "\r\n", "\r", "'", '"', "\\", "$", "${A}", "${B:-x}", "${", "}",
     "#", "é", "\x85", "\u2028", "1", "word", "\x00", "\ufeff"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=40)


def nothing(_name):
    return None


@given(TEXTS)
def test_reads_what_python_dotenv_reads(text):
    # Text mode, in which python-dotenv opens files, makes every line end a \n.
    stream = io.StringIO(re.sub(r"\r\n|\r", "\n", text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.environ", {"B": "from the shell"})
        expected = dotenv_values(stream=stream)
    read = parse(text, {"B": "from the shell"}.get)
    assert {name: entry.value for name, entry in read.effective.items()} == expected


@given(TEXTS)
def test_statements_are_the_whole_text(text):
    assert "".join(statement.text for statement in statements(text)) == text.removeprefix("\ufeff")


@given(TEXTS)
def test_lines_are_where_the_names_are(text):
    text = re.sub(r"\r\n|\r", "\n", text.removeprefix("\ufeff"))
    for entry in parse(text, nothing).entries:
        assert entry.name.split("\n")[0] in text.split("\n")[entry.line - 1]


def test_blank_lines_and_comments_count():
    assert [(e.name, e.line) for e in parse("\n\n# c\n\n  A=1\r\n\r\nB='x\ny'\nC=3", nothing).entries] == [
        ("A", 5),
        ("B", 7),
        ("C", 9),
    ]


def test_lines_that_are_dropped_are_counted():
    read = parse("A=1\n\nB: 2\nC='open\nD=4\n", nothing)
    assert read.unreadable == (3, 4)
    assert set(read.effective) == {"A", "D"}


def test_earlier_lines_win_over_the_shell_and_a_bare_name_is_empty():
    read = parse("A=file\nB=${A}\nC\nD=${C:-default}\nE=${F:-default}", {"A": "shell", "C": "shell"}.get)
    assert {n: e.value for n, e in read.effective.items()} == {
        "A": "file", "B": "file", "C": None, "D": "", "E": "default",
    }  # fmt: skip


def test_no_value_in_a_repr():
    assert "canary" not in repr(parse("A=canary", nothing)) + repr(statements("A=canary"))
