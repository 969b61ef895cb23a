"""A report of our own errors says where and what, and never a secret."""

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack import crash
from stack.crash import KEPT, internal_finding, keep_out, redact, write_report

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "canary-Pa55"


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(crash, "_reported", {})
    monkeypatch.setattr(crash, "_secrets", set())
    return tmp_path


def fail(message: str) -> BaseException:
    password = CANARY
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is the test's
        raise ValueError(message)
    assert password
    return caught.value


def test_a_report_has_the_frames_but_neither_locals_nor_the_password_of_a_url():
    path = write_report(fail(f"postgresql://app:{CANARY}@db/app is no good"))
    assert path is not None
    text = path.read_text()
    assert "test_crash.py" in text
    assert "ValueError: postgresql://app:" in text
    assert CANARY not in text


def test_known_secrets_stay_out_wherever_they_stand():
    keep_out({CANARY})
    path = write_report(fail(f"what is {CANARY} doing here"))
    assert path is not None
    assert CANARY not in path.read_text()
    assert CANARY not in internal_finding(fail(f"again {CANARY}")).cause


def test_the_same_error_is_reported_once(state):
    assert {write_report(fail("again and again")) for _ in range(5)} == {write_report(fail("again and again"))}
    assert len(list(state.rglob("*.txt"))) == 1


def test_only_the_newest_reports_are_kept(state):
    for number in range(KEPT + 5):
        namespace: dict[str, Callable[[], None]] = {}
        exec(compile("\n" * number + "def go(): raise ValueError(1)", "made.py", "exec"), namespace)  # noqa: S102
        with pytest.raises(ValueError, match="1") as caught:
            namespace["go"]()
        assert write_report(caught.value)
    assert len(list(state.rglob("*.txt"))) == KEPT


def test_where_nothing_can_be_written_the_error_is_shown_all_the_same(state, monkeypatch):
    blocked = state / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("XDG_STATE_HOME", str(blocked))
    finding = internal_finding(fail("nowhere to go"))
    assert "nowhere to go" in finding.cause
    assert "No report could be written" in finding.cause


PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="@'\",;)}"), min_size=8)


@given(PASSWORDS)
def test_what_stands_for_a_password_in_a_url_is_hidden(password):
    assert redact(f"could not reach postgresql://app:{password}@db:5432/app now") == (
        "could not reach postgresql://app:••••••••@db:5432/app now"
    )


@pytest.mark.parametrize("text", ["APP_DB_PASSWORD={}", "password: {}", "{{'password': '{}'}}", "PGPASSWORD='{}' psql"])
def test_what_is_assigned_to_a_password_is_hidden(text):
    assert CANARY not in redact(text.format(CANARY))
