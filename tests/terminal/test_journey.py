"""A newcomer's first minutes, on a real terminal by keys alone: from a fresh clone to the bookings on the screen."""

import pytest

from tests.support.clone import STACKDECK, Clone
from tests.support.terminal import Terminal, terminal

STEPS = (
    ("There is no .env", "env init"),
    ("db has no container yet", "stackdeck up db"),
    ("5 migrations pending", "stackdeck migrate up"),
    ("There are no bookings yet", "stackdeck seed --bookings 1000"),
)
"""What the deck says is next, and the command that it shows with it; Enter does it."""


def deck(clone: Clone, size: tuple[int, int] = (80, 24)):
    return terminal([str(STACKDECK)], size=size, cwd=clone.root, env=clone.environ)


def press_enter_until_all_is_well(shown: Terminal) -> None:
    for title, command in STEPS:
        shown.wait_for(title, command, "⏎ Do it", timeout=60)
        shown.send("enter")
        shown.wait_gone(command, timeout=120)
    shown.wait_for("All is well", "0005", timeout=30)


@pytest.mark.timeout(240)
def test_from_a_clone_to_the_bookings_in_containers(clone):
    with deck(clone) as shown:
        shown.wait_for("Docker Engine", timeout=30)
        press_enter_until_all_is_well(shown)
        shown.send("enter").wait_for("bookings", "customer_id", "by key", timeout=30)
        assert clone.root.name[:14] in shown.lines[0]
        assert "docker" in shown.lines[0]
        shown.send("pagedown").wait_for("││ 18 ", timeout=30)
        assert shown.send("q").wait_exit() == 0
    assert clone.secrets()
    assert not [secret for secret in clone.secrets() if secret.encode() in shown.raw]
    status = clone.json("status")
    assert [service["state"] for service in status["services"] if service["service"] == "db"] == ["running"]


@pytest.mark.timeout(240)
def test_from_a_clone_to_the_bookings_without_an_engine(lone_clone):
    with deck(lone_clone, (120, 36)) as shown:
        shown.wait_for("embedded", timeout=30)
        press_enter_until_all_is_well(shown)
        shown.send("enter").wait_for("bookings", "customer_id", "by key", timeout=30)
        assert shown.send("q").wait_exit() == 0
    # A deck that started the server itself stops it when it is left.
    assert lone_clone.json("status")["services"][0]["state"] == "exited"


@pytest.mark.timeout(240)
def test_a_server_that_a_command_started_outlives_the_deck(lone_clone):
    lone_clone.done("env", "init")
    lone_clone.done("up")
    with deck(lone_clone) as shown:
        shown.wait_for("5 migrations pending", timeout=60)
        assert shown.send("q").wait_exit() == 0
    assert lone_clone.json("status")["services"][0]["state"] == "running"
