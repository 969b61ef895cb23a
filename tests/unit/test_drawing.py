"""What is drawn fits where it is drawn, and says what is so."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.content import Content

from stack.amounts import rate, size, span
from stack.database.activity import Capacity
from stack.findings import Gauge, Unit
from tui.outside import CELL_LENGTH, block, cell, line
from tui.widgets.capacity_card import bar
from tui.widgets.gauges import bars
from tui.widgets.masthead import fit
from tui.widgets.sparkline import BLOCKS, sparkline

NASTY = "[@click=app.quit]x[/] [/] \x1b]52;c;AA\x07\u202e\x9b"


def test_outside_text_is_text_wherever_it_goes():
    for shown in (line(NASTY).plain, block(NASTY).plain, cell(NASTY).plain):
        assert shown.startswith("[@click=app.quit]x[/] [/] ␛]52;c;AA␇")
        assert not set(shown) & set("\x1b\x07\u202e\x9b")
    assert line(NASTY).spans == []
    assert not cell(NASTY).spans


def test_a_cell_shows_the_beginning_of_a_megabyte():
    assert len(cell("x" * 1_000_000)) == CELL_LENGTH + 1


@given(st.lists(st.floats(0, 1e6), max_size=50), st.integers(0, 60))
def test_a_sparkline_has_a_block_for_each_of_the_newest(values, width):
    drawn = sparkline(values, width)
    assert len(drawn) == min(len(values), width)
    assert set(drawn) <= set(BLOCKS)
    if any(values[-width:] if width else ()):
        assert BLOCKS[-1] in drawn


@given(st.integers(0, 3000), st.integers(1, 2000), st.integers(0, 50), st.integers(10, 200))
def test_a_bar_is_as_wide_as_its_room(used, most, reserved, width):
    drawn = bar(Capacity(most, reserved, used), width)
    label = f" {used}/{most}"
    assert drawn.plain.endswith(label)
    assert drawn.cell_length == max(width, len(label) + 1)
    assert ("█" in drawn.plain) == (used > 0)


@given(st.lists(st.tuples(st.text("ab", min_size=1, max_size=40), st.integers(1, 12)), min_size=1, max_size=5))
def test_parts_are_cut_until_they_fit_but_never_below_their_least(parts):
    contents = [(Content(text), least) for text, least in parts]
    drawn = fit(contents, 60)
    least_of_all = sum(min(len(text), least) for text, least in parts) + 3 * (len(parts) - 1)
    assert cell_len(drawn.plain) <= max(60, least_of_all)


def test_a_duration_is_told_in_its_two_greatest_units():
    told = [span(seconds) for seconds in (-1, 0, 59, 61, 3700, 90_000)]
    assert told == ["0 s", "0 s", "59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]


def test_bytes_are_told_in_three_digits_at_most():
    told = [size(count) for count in (0, 999, 999.4, 999.6, 1000, 12_345, 99_950, 1_234_567, 5e9, 3e15)]
    assert told == ["0 B", "999 B", "999 B", "1.0 kB", "1.0 kB", "12.3 kB", "100 kB", "1.2 MB", "5.0 GB", "3000 TB"]
    assert rate(2_500_000) == "2.5 MB/s"


GAUGES = st.lists(
    st.builds(
        Gauge,
        name=st.text(max_size=30),
        done=st.integers(0, 10**12),
        total=st.none() | st.integers(0, 10**12),
        unit=st.sampled_from(Unit),
        rate=st.none() | st.floats(0, 1e10),
    ),
    max_size=40,
)


@given(GAUGES, st.integers(78, 200), st.integers(0, 12))
def test_bars_fit_and_begin_with_the_whole(gauges, width, room):
    lines = bars(gauges, width, room)
    assert len(lines) == min(room, len(gauges))
    assert all(len(line.split("\n")) == 1 for line in lines)
    assert all("\x1b" not in line.plain for line in lines)


def test_a_bar_is_as_full_as_what_it_measures():
    half, unknown, done = bars(
        [Gauge("all", 500, 1000, rate=100.0), Gauge("a", 5), Gauge("b", 7, 7, Unit.STEPS)], 100, 5
    )
    assert half.plain.count("█") == half.plain.count("░")
    assert "50 %  500 B of 1.0 kB  100 B/s, 5 s left" in half.plain
    assert "█" not in unknown.plain
    assert "100 %  7 of 7" in done.plain


def test_where_there_is_no_room_for_all_parts_those_under_way_are_shown():
    parts = [Gauge(f"done{n}", 9, 9) for n in range(5)] + [Gauge(f"busy{n}", 1, 9) for n in range(2)]
    assert [line.plain.split()[0] for line in bars([Gauge("all", 47, 63), *parts], 80, 4)] == [
        "all",
        "done0",
        "busy0",
        "busy1",
    ]
