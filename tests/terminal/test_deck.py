"""The deck on a real terminal: nothing from outside is obeyed, leaving is quick, a crash tells no secret."""

import re
import sys
import time
from pathlib import Path

import pytest

from tests.support.deck_program import NASTY
from tests.support.fake_workspace import SECRET
from tests.support.terminal import Terminal, terminal

ROOT = Path(__file__).resolve().parents[2]
OBEYED = (
    b"\x1b]52;c;Q0FO",
    b"\x1b]0;CANARY",
    b"\x1b[31;1mRED",
    b"\x1b[2J \xef",
    b"\xc2\x9b",
    b"\xc2\x90",
    "\u202e".encode(),
)
"""What a terminal would have obeyed, as it would have reached it."""


MOMENT = 5
"""Seconds, on a busy machine; what the deck would wait for takes an hour."""


@pytest.fixture
def home(tmp_path):
    return tmp_path


def deck(name: str, home: Path, size: tuple[int, int] = (80, 24)):
    """Run the deck of a scenario on a terminal."""
    environment = {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "PYTHONPATH": str(ROOT)}
    return terminal([sys.executable, "-m", "tests.support.deck_program", name], size=size, cwd=home, env=environment)


def seconds_to_leave(shown: Terminal) -> float:
    began = time.monotonic()
    assert shown.send("q").wait_exit() == 0
    return time.monotonic() - began


def test_nothing_from_outside_is_obeyed(home):
    assert "\x1b" in NASTY
    with deck("nasty", home, (120, 40)) as shown:
        shown.wait_for("1 Doctor", "healthy, [@click")
        shown.send("2").wait_for("log [@click=app.quit]CLICKME[/]", "title [@click", "␛]52;c;Q0FOQVJZ␇")
        shown.send("w").wait_for("seen [@click", "Esc close").send("escape").wait_gone("Esc close")
        shown.send("6").wait_for("row 0 [@click", "col [@click", '"tbl [@click')
        shown.send("i").wait_for('a row of "tbl', "No key tells", "Esc close").send("escape").wait_gone("Esc close")
        shown.send("5").wait_for("pending")
        for obeyed in OBEYED:
            assert obeyed not in bytes(shown.raw)
        assert seconds_to_leave(shown) < MOMENT


def test_a_link_in_outside_text_is_no_link(home):
    with deck("nasty", home, (120, 40)) as shown:
        for screen, text in (("1", "All is well"), ("2", "log [@click"), ("6", "row 0 [@click")):
            shown.send(screen).wait_for(text, "CLICKME")
            for row, line in enumerate(shown.lines):
                for found in re.finditer("CLICKME", line):
                    shown.click(found.start() + 2, row)
            shown.drain()
            # A click on a cell shows its row; Esc closes what a click has opened, and links would be in there too.
            shown.send("escape").drain()
        shown.send("1").wait_for("All is well")


def test_leaving_is_quick_whatever_hangs(home):
    with deck("hanging", home) as shown:
        shown.wait_for("Looking at the project").send("4").wait_for("No server has answered yet", "refreshing")
        assert seconds_to_leave(shown) < MOMENT
        assert b"\x1b[?1049l" in bytes(shown.raw)


def test_a_crash_leaves_a_terminal_that_works_and_a_report_without_secrets(home):
    with deck("crashing", home) as shown:
        assert shown.wait_exit() == 1
        assert b"\x1b[?1049l" in bytes(shown.raw)
        said = bytes(shown.raw).rpartition(b"\x1b[?1049l")[2].decode()
        assert "Stackdeck stopped: an error of its own (AttributeError)" in said
        assert "Traceback" not in said
        (report,) = (home / "state/stackdeck/crashes").glob("*.txt")
        assert report.name in said.replace("\r\n", "")
        assert "AttributeError" in report.read_text()
        assert SECRET not in report.read_text() + bytes(shown.raw).decode()
        assert report.parent.stat().st_mode & 0o077 == 0


def test_an_error_in_a_worker_is_shown_without_its_secret(home):
    with deck("failing", home) as shown:
        shown.wait_for("Something in Stackdeck itself went wrong", "w why")
        shown.send("2").wait_for("No engine answers")
        assert SECRET.encode() not in bytes(shown.raw)
        assert seconds_to_leave(shown) < MOMENT


def test_ctrl_c_says_how_to_leave(home):
    with deck("well", home) as shown:
        shown.wait_for("There are bookings to look at").send("ctrl+c").wait_for("Press q to leave")


def test_a_terminal_may_be_small_and_may_change(home):
    with deck("well", home, (40, 12)) as shown:
        shown.wait_for("40×12 is too small")
        for key in "23456":
            shown.send(key).drain(0.05)
        shown.resize(80, 24).wait_gone("too small").wait_for("Customer 3")
        shown.resize(10, 3).drain()
        shown.resize(100, 30).wait_for("Customer 3")


def test_where_there_is_no_terminal_the_command_says_so(home):
    with terminal(
        ["sh", "-c", f"{sys.executable} -m tui </dev/null; echo status $?"], cwd=home, env={"PYTHONPATH": str(ROOT)}
    ) as shown:
        shown.wait_for("needs a terminal", "status 2")
