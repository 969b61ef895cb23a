"""The Services screen on a real terminal and a real engine: `u` makes it, psql borrows the terminal."""

import termios

import pytest

from tests.support.clone import STACKDECK, Clone
from tests.support.terminal import terminal

PASTE_AND_MOUSE = (b"\x1b[?2004h", b"\x1b[?1000h", b"\x1b[?1049h")
"""What the deck asks of a terminal, and psql must not inherit: bracketed paste, the mouse, the other screen."""


@pytest.mark.timeout(240)
def test_up_and_psql_from_the_deck(clone: Clone):
    clone.done("env", "init")
    with terminal([str(STACKDECK)], size=(100, 30), cwd=clone.root, env=clone.environ) as shown:
        shown.wait_for("db has no container yet", timeout=60)
        shown.send("2").wait_for("u Up", timeout=30).send("u")
        shown.wait_for("● healthy", "the same: $ docker compose up --detach --wait", timeout=120)
        before = termios.tcgetattr(shown.descriptor)
        shown.raw.clear()
        shown.send("p").wait_for("=#", timeout=30)
        assert all(mode.replace(b"h", b"l") in shown.raw for mode in PASTE_AND_MOUSE)
        shown.send("select 6 * 7 as answer;\r").wait_for("(1 row)", "42")
        shown.raw.clear()
        shown.send("\\q\r").wait_for("● healthy", "Log of db")
        assert all(mode in shown.raw for mode in PASTE_AND_MOUSE)
        assert termios.tcgetattr(shown.descriptor) == before
        # Keys are the deck's again.
        shown.send("i").wait_for("health check, the newest run first")
        assert shown.send("q").wait_exit() == 0
    assert not [secret for secret in clone.secrets() if secret.encode() in shown.raw]
