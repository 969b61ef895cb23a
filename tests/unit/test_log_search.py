"""Text is found wherever it is, expressions as `re` finds them, and none of them takes longer than its time."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.services.log_search import SECONDS, PatternError, Plain, Regular, TooSlowError


@given(st.text(max_size=60), st.text(min_size=1, max_size=3))
def test_plain_text_is_found_where_it_is(line, text):
    pattern = Plain(text)
    for begin, end in pattern.places(line):
        assert line[begin:end].lower() == text.lower()
    if text in line and text != text.lower():
        assert pattern.matches(line)


@pytest.mark.parametrize("make", [Plain, Regular])
def test_capitals_count_where_one_is_typed(make):
    assert make("error").matches("An ERROR")
    assert make("ERROR").matches("An ERROR")
    assert not make("ERROR").matches("An error")


def test_a_class_is_no_capital():
    assert Regular(r"\Serror").matches("an:ERROR")


@given(st.text(max_size=40), st.sampled_from([r"\d+", "a|b", "^x", "[a-f]{2}", "."]))
def test_expressions_find_what_pythons_own_do(line, expression):
    wanted = [match.span() for match in re.finditer(expression, line, re.IGNORECASE)]
    assert Regular(expression).places(line) == wanted


@pytest.mark.parametrize("expression", ["(", "[a-", "*a", "(?P<a", "a{2}{3}(", "\\"])
def test_what_is_no_expression_is_told(expression):
    with pytest.raises(PatternError, match="at position"):
        Regular(expression)


def test_an_expression_that_would_never_end_is_given_up_in_time():
    began = time.thread_time()
    with pytest.raises(TooSlowError):
        Regular("(a|aa)+$x|(a|aa)+c").matches("a" * 60)
    assert time.thread_time() - began < 10 * SECONDS
