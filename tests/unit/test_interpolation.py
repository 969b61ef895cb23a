"""Interpolation gives what `docker compose config` gives, or an error that says what was expected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.environment.interpolation import InterpolationError, RequiredVariableError, interpolate

VARIABLES = {"SET": "set", "EMPTY": "", "DOLLAR": "$SET", "_x1": "under"}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("$$SET", "$SET"),
        ("$SET-$_x1", "set-under"),
        ("${SET}${EMPTY}$UNSET", "set"),
        ("$1 x$ $ {x} $-", "$1 x$ $ {x} $-"),
        ("$DOLLAR", "$SET"),
        ("${UNSET:-a}${EMPTY:-b}${SET:-c}", "abset"),
        ("${UNSET-a}${EMPTY-b}${SET-c}", "aset"),
        ("${UNSET:+a}${EMPTY:+b}${SET:+c}", "c"),
        ("${UNSET+a}${EMPTY+b}${SET+c}", "bc"),
        ("${SET:?no}${EMPTY?no}", "set"),
        ("${UNSET:-${EMPTY:-${SET}}}", "set"),
        ("${UNSET:-a:/-?b}", "a:/-?b"),
        ("${SET:-${UNSET:?never asked}}", "set"),
        ("${UNSET:-{x}}", "{x}"),
        ("${SET:-{x}}", "set"),
        ("${UNSET:-{x}} tail }", "{x} tail }"),
        ("${UNSET:-{}}", "{}"),
        ("${UNSET:-{}} z }", "{}} z "),
        ("${SET:-{ q} r} t}", "set t}"),
        ("${SET:-{ q}", "set"),
        ("${SET:+a${UNSET:-b}c}d", "abcd"),
        ("${SET:-x}\n${SET}", "set\nset"),
    ],
)
def test_what_compose_makes_of_it(template: str, text: str) -> None:
    assert interpolate(template, VARIABLES.get).text == text


@pytest.mark.parametrize(
    "template",
    ["${", "${}", "${1}", "${A.b}", "${A b}", "${A:=x}", "${A!x}", "${SET", "${SET:-x", "${SET:-a\nb}"],
)
def test_invalid_formats(template: str) -> None:
    with pytest.raises(InterpolationError, match="invalid interpolation format"):
        interpolate(template, VARIABLES.get)


def test_a_required_variable_is_named_with_its_interpolated_message() -> None:
    with pytest.raises(RequiredVariableError, match=r"^required variable A is missing a value: run set$") as caught:
        interpolate("${A:?run $SET}", VARIABLES.get)
    assert caught.value.name == "A"
    with pytest.raises(RequiredVariableError, match=r"^required variable A is missing a value$"):
        interpolate("${A?}", VARIABLES.get)
    with pytest.raises(RequiredVariableError):
        interpolate("${EMPTY:?}", VARIABLES.get)


def test_only_plain_unset_variables_are_reported_each_once() -> None:
    template = "$A ${B} ${A} ${C:-d} ${C:+e} ${C-$D} $EMPTY ${SET:-$E}"
    assert interpolate(template, VARIABLES.get).unset == ("A", "B", "D")


def test_nesting_is_bounded() -> None:
    with pytest.raises(InterpolationError, match="at most"):
        interpolate("${A:-" * 10_000 + "}" * 10_000, VARIABLES.get)


def test_a_long_text_takes_linear_time() -> None:
    assert interpolate("${SET:-x} " * 100_000, VARIABLES.get).text == "set " * 100_000


@given(st.text(alphabet="$${}:-+?ABz_1 \n\t«") | st.text())
def test_any_text_is_interpolated_or_refused(template: str) -> None:
    try:
        result = interpolate(template, {"A": "a", "B": ""}.get)
    except InterpolationError:
        assert "${" in template
    else:
        assert "$" in template or result.text == template


@given(st.text())
def test_doubled_dollars_give_the_text_back(text: str) -> None:
    assert interpolate(text.replace("$", "$$"), {}.get).text == text
