"""Nothing that a terminal obeys gets through, and nothing that a person reads gets lost."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from stack.text import MASK, clean, clean_line, hide

ANY_TEXT = st.text(st.characters())


@given(ANY_TEXT)
def test_clean_line_leaves_nothing_that_a_terminal_obeys(text):
    cleaned = clean_line(text)
    assert len(cleaned) == len(text)
    assert not [c for c in cleaned if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not [c for c in cleaned if unicodedata.bidirectional(c) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI"}]
    cleaned.encode()


@given(ANY_TEXT)
def test_clean_keeps_line_breaks_and_tabs(text):
    assert [i for i, c in enumerate(clean(text)) if c in "\n\t"] == [i for i, c in enumerate(text) if c in "\n\t"]


def test_ordinary_text_passes_unchanged():
    text = "Grüße, 予約 [bold]x[/] 👩‍🔬 naïve"
    assert clean(text) == clean_line(text) == text


def test_control_sequences_are_seen():
    assert clean_line("\x1b]52;c;AAAA\x07\x9b2J\r\n\x7f\u202e") == "␛]52;c;AAAA␇\N{REPLACEMENT CHARACTER}2J␍␊␡\ufffd"


def test_hide_takes_the_longest_secret_first():
    assert hide("pass password pass", ["pass", "password", ""]) == f"{MASK} {MASK} {MASK}"
