"""In a terminal, progress is a block that is redrawn in place and leaves nothing; elsewhere it is a line at times."""

import io
import os

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from stack.cli.live import ASCII, LINES, Block, bars
from stack.cli.output import Console, Outcome
from stack.findings import Gauge, Unit

LAYERS = (Gauge("postgres:16", 5_000_000, 10_000_000, rate=2_000_000), Gauge("abc", 1_000_000, 2_000_000))


class Terminal(io.StringIO):
    """A stream that is shown on a screen."""

    encoding = "utf-8"

    def __init__(self, columns=60, lines=10):
        super().__init__()
        self.screen = pyte.Screen(columns, lines)
        self.screen.set_mode(pyte.modes.LNM)
        self.stream = pyte.Stream(self.screen)

    def write(self, text):
        self.stream.feed(text)
        return len(text)

    def size(self):
        return os.terminal_size((self.screen.columns, self.screen.lines))

    @property
    def shown(self):
        return [line.rstrip() for line in self.screen.display if line.strip()]


def test_a_block_is_redrawn_in_place_and_cleared_away():
    terminal = Terminal()
    terminal.write("before\n")
    block = Block(terminal, terminal.size)
    block.draw("Pulling postgres:16: 0 of 2 layers", LAYERS)
    first = terminal.shown
    assert first[:2] == ["before", "Pulling postgres:16: 0 of 2 layers"]
    assert first[2].startswith("postgres:16  ━━")
    assert first[2].endswith("5.0 of 10.0 MB  2.0 MB/s")
    assert first[3].startswith("abc          ━━")
    block.draw("Pulling postgres:16: 1 of 2 layers", LAYERS[:1])
    assert terminal.shown[1] == "Pulling postgres:16: 1 of 2 layers"
    assert len(terminal.shown) == 3
    block.clear()
    assert terminal.shown == ["before"]
    terminal.write("after\n")
    assert terminal.shown == ["before", "after"]


def test_a_terminal_that_got_narrower_is_cleared_too():
    terminal = Terminal(columns=60, lines=20)
    block = Block(terminal, terminal.size)
    block.draw("Pulling", LAYERS)
    wide = max(map(len, terminal.shown))
    narrow = Terminal(columns=30, lines=20)
    for line in terminal.shown:
        narrow.write(f"{line}\n")
    block.stream, block.size = narrow, narrow.size
    assert wide > 30
    block.clear()
    assert narrow.shown == []


def test_what_is_done_is_not_drawn_and_what_has_no_room_is_counted():
    parts = [Gauge(f"layer-{number}", 1, 2) for number in range(20)]
    done = [Gauge("done", 5, 5), Gauge("here", 1, 1, Unit.STEPS)]
    lines = bars([LAYERS[0], *done, *parts], os.terminal_size((80, 10)), LINES)
    assert len(lines) == 8
    assert not any("done" in line or "here" in line for line in lines)
    assert lines[-1] == "and 14 more"


def test_without_the_characters_bars_are_ascii():
    (line,) = bars(LAYERS[:1], os.terminal_size((80, 10)), ASCII)
    assert line.isascii()
    assert "####----" in line


gauges = st.builds(
    Gauge,
    st.text(max_size=30),
    st.integers(0, 10**12),
    st.none() | st.integers(0, 10**12),
    st.sampled_from(Unit),
    st.none() | st.floats(0, 1e10),
)


@settings(max_examples=40)
@given(st.lists(gauges, min_size=1, max_size=8), st.integers(1, 200), st.integers(1, 60))
def test_whatever_is_measured_no_line_is_wider_than_the_terminal(measured, columns, rows):
    lines = bars(measured, os.terminal_size((columns, rows)), LINES)
    assert all(cell_len(line) <= columns for line in lines)
    assert all("\n" not in line and "\x1b" not in line for line in lines)
    assert len(lines) + 2 <= max(rows, 4)


@pytest.fixture
def terminal(monkeypatch):
    """A console's stderr that is a terminal."""
    made = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("os.get_terminal_size", lambda _: made.size())
    made.isatty = lambda: True
    made.fileno = lambda: 2
    return made


def test_a_command_in_a_terminal_leaves_only_its_lines(terminal):
    console = Console(terminal, terminal)
    console.progress("Pulling postgres:16")
    console.progress("Pulling postgres:16: 0 of 2 layers", LAYERS)
    assert len(terminal.shown) == 4
    console.progress("Pulled postgres:16")
    assert terminal.shown == ["Pulling postgres:16", "Pulled postgres:16"]
    console.progress("Pulling postgres:16: 0 of 2 layers", LAYERS)
    console.outcome(Outcome({}))
    assert terminal.shown == ["Pulling postgres:16", "Pulled postgres:16"]


def test_elsewhere_it_is_a_line_a_second_at_most(monkeypatch):
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    stderr = io.StringIO()
    console = Console(io.StringIO(), stderr)
    for step in range(100):
        now = 100.0 + step / 20
        console.progress(f"step {step}", LAYERS)
    console.progress("done")
    assert stderr.getvalue().splitlines() == ["step 0", "step 20", "step 40", "step 60", "step 80", "done"]
