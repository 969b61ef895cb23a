"""A key as a person types it."""

import pytest

from tui.widgets.key_prompt import read_key


@pytest.mark.parametrize(
    ("typed", "columns", "key"),
    [
        ("42", 1, ("42",)),
        (" a, b ", 1, ("a, b",)),
        ("", 1, ()),
        ("1, x", 2, ("1", "x")),
        ('1, "x, y"', 2, ("1", "x, y")),
        ('"say ""so""",2', 2, ('say "so"', "2")),
        ("1", 2, ("1",)),
        ("", 2, ()),
    ],
)
def test_values_have_commas_between_them_where_there_are_several(typed, columns, key):
    assert read_key(typed, columns) == key
