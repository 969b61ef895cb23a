"""The newest lines are kept within bounds; what is shown and found is what a look at every line would find."""

import time
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

import tui.log_history as module
from stack.services.control import LineKind, LogLine
from stack.services.log_levels import Level
from stack.services.log_search import Plain
from tui.log_history import LINES, Filter, LogHistory, following, preceding

LONG = 10.0


def line(text, level=Level.INFO, kind=LineKind.OUTPUT):
    return LogLine("db", "db-1", None, text, level, kind)


LINE = st.builds(line, st.text("abB", max_size=3), st.sampled_from(Level), st.sampled_from(LineKind))
STEP = st.one_of(
    st.lists(LINE, max_size=8),
    st.builds(Filter, st.sampled_from(Level), st.sampled_from([None, Plain("a"), Plain("B")])),
    st.sampled_from([Plain("b"), Plain("ab")]),
    st.none(),
)


@given(st.lists(STEP, max_size=12))
def test_whatever_comes_in_whatever_order_the_right_lines_are_shown_and_found(steps):
    before = module.LINES
    module.LINES = 10
    try:
        history, written = LogHistory(), []
        for step in steps:
            if isinstance(step, list):
                history.add(step)
                written += step
            elif isinstance(step, Filter):
                history.show_only(step)
            else:
                history.look_for(step)
            assert history.sift(LONG)
        kept = list(enumerate(written))[-10:]
        assert [line for _, line in kept] == history.lines(history.every_number())
        rows = [(number, history.row(number)) for number, _ in kept]
        assert history.shown == [number for number, row in rows if history.filter.passes(row)]
        search = history.search
        assert history.found == [
            number
            for number, row in rows
            if search and number in history.shown and row.line.kind is LineKind.OUTPUT and search.matches(row.text)
        ]
    finally:
        module.LINES = before


def test_many_characters_are_as_much_too_many_as_many_lines(monkeypatch):
    monkeypatch.setattr(module, "CHARACTERS", 100)
    history = LogHistory()
    history.add([line("x" * 30) for _ in range(5)])
    assert len(history.every_number()) == 3
    history.add([line("x" * 1000)])
    assert len(history.every_number()) == 1


@dataclass
class Slow:
    text: str = "slow"
    asked: list[str] = field(default_factory=list)

    def matches(self, text):
        self.asked.append(text)
        time.sleep(0.002)
        return True


def test_a_slice_ends_in_time_and_the_rest_is_done_in_the_next_ones():
    history = LogHistory()
    history.add([line(str(number)) for number in range(200)])
    slow = Slow()
    history.show_only(Filter(pattern=slow))
    slices = 1
    while not history.sift(0.01):
        assert len(slow.asked) <= 64 * slices
        slices += 1
    assert slices >= 3
    assert len(history.shown) == 200


def test_fifty_thousand_lines_are_searched_without_holding_up_a_key():
    history = LogHistory()
    history.add([line(f"2026-01-02 03:04:05.678 UTC [42] LOG:  what a server says, {n}") for n in range(LINES)])
    longest = 0.0
    history.show_only(Filter(pattern=Plain("says, 4999")))
    done = False
    while not done:
        began = time.thread_time()
        done = history.sift(0.01)
        longest = max(longest, time.thread_time() - began)
    assert longest < 0.1
    assert len(history.shown) == 11


@given(st.lists(st.integers(0, 20), unique=True).map(sorted), st.integers(-1, 21))
def test_next_and_previous_go_round(numbers, here):
    after, before = following(numbers, here), preceding(numbers, here)
    if not numbers:
        assert after is before is None
        return
    assert after == next((number for number in numbers if number > here), numbers[0])
    assert before == next((number for number in reversed(numbers) if number < here), numbers[-1])
