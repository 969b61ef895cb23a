"""psql in a container as a person has it: a prompt, keys that arrive as they are, and the terminal back as it was."""

import re

import pytest

from tests.support.clone import STACKDECK
from tests.support.shop import PASSWORD, open_shop
from tests.support.terminal import terminal


@pytest.fixture(scope="module")
def shop(engine_here, tmp_path_factory):
    with open_shop(engine_here, tmp_path_factory.mktemp("shop")) as opened:
        yield opened


def test_a_session_from_prompt_to_quit(shop):
    script = f"stty -g; {STACKDECK} psql; echo status $?; stty -g"
    with terminal(["sh", "-c", script], cwd=shop.project.root, env=shop.project.environ) as shown:
        shown.wait_for("shop=#", timeout=30)
        shown.send("select 6*7 as answer;", "enter").wait_for("42", "(1 row)")
        # The line before, by the key with which the engine would detach.
        shown.send("\x10", "\x10").send("enter")
        shown.wait_until(lambda it: it.text.count("42") == 2, "the same answer again")
        shown.send("\\! stty size", "enter").wait_for("24 80")
        # The new size travels on its own, so it is waited for where it has to arrive.
        shown.resize(100, 30).send('\\! until stty size | grep "30 100"; do sleep 0.1; done', "enter")
        shown.wait_until(lambda it: any(line == "30 100" for line in it.lines), "the new size")
        shown.send("select pg_sleep(100);", "enter").drain()
        shown.send("ctrl+c").wait_for("canceling statement")
        shown.send("\\q", "enter").wait_for("status 0")
        assert shown.wait_exit() == 0
    modes = re.findall(rb"(?m)^[0-9a-f]+(?::[0-9a-f]+)+\r$", bytes(shown.raw))
    assert len(modes) == 2
    assert modes[0] == modes[1]
    assert PASSWORD.encode() not in shown.raw


def test_the_terminal_comes_back_when_the_container_is_stopped(shop):
    script = f"stty -g; {STACKDECK} psql; echo status $?; stty -g"
    with terminal(["sh", "-c", script], cwd=shop.project.root, env=shop.project.environ) as shown:
        shown.wait_for("shop=#", timeout=30)
        shop.engine.container("db").kill()
        shown.wait_for("status 137", timeout=30)
        shown.wait_exit()
    modes = re.findall(rb"(?m)^[0-9a-f]+(?::[0-9a-f]+)+\r$", bytes(shown.raw))
    assert len(modes) == 2
    assert modes[0] == modes[1]
