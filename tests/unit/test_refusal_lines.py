"""A refusal as lines: the place is marked under the character that it is about."""

import pytest
from rich.cells import cell_len

from stack.findings import Code, Finding, Fix
from tui.refusal_lines import refusal_lines

FINDING = Finding(Code.STATEMENT_INVALID, "It is [wrong]\x1b", "Because", evidence="a\nb", fixes=(Fix("Do", "this"),))


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("select x", 7),
        ("x", 0),
        ("select 1\nfrom x\nwhere y", 14),
        ("select '客客', x", 13),
        (f"select {'long, ' * 40} x", 248),
        (f"select nope, {'long, ' * 40} x", 7),
        (f"select '{'客' * 90}', nope, '{'客' * 90}'", 102),
        ("select '\x1b\t', x", 13),
        ("select", 6),
        ("select\n", 7),
    ],
)
def test_the_place_is_marked(text, position):
    _, shown, mark, *_ = refusal_lines(FINDING, text, position).plain.split("\n")
    assert mark.strip() == "▲"
    assert cell_len(shown) <= 76, "on the smallest terminal a line has this room, and one that is wrapped has no place"
    place = next(place for place in range(len(shown) + 1) if cell_len(shown[:place]) == mark.index("▲"))
    assert shown[place : place + 1] in {text[position : position + 1], ""}
    assert (place == len(shown)) == (text[position : position + 1] in {"", "\n"})
    assert text[position : position + 4].startswith(shown[place : place + 4].rstrip("…"))
    assert shown.startswith(f"{text[:position].count(chr(10)) + 1} │ ")


def test_all_of_a_finding_is_said():
    lines = refusal_lines(FINDING, "", None).plain.split("\n")
    assert lines == ["It is [wrong]␛", "Because", "a", "b", "→ Do: this"]
