"""`stackdeck logs` prints columns, colours only where they are wanted, and nothing that a terminal would obey."""

import io
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

import pytest

from stack.cli.log_text import LogText, log_json, moment
from stack.cli.output import Console
from stack.services.control import LineKind, LogLine
from stack.services.log_levels import Level

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LINES = (
    LogLine("db", "p-db-1", NOON, "LOG:  ready \x1b[2J", Level.INFO),
    LogLine("pgadmin", "p-pgadmin-1", NOON, "ERROR x", Level.ERROR),
    LogLine("db", "p-db-2", NOON, "second", Level.UNKNOWN),
    LogLine("", "", NOON, "the engine answers again", kind=LineKind.EVENT),
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def printed(stream):
    console, text = Console(stream, io.StringIO()), LogText(["db", "pgadmin"])
    for line in LINES:
        console.parts(text.parts(line))
    console.flush()
    return stream.getvalue().splitlines()


def test_a_file_gets_columns_without_colours():
    assert printed(io.StringIO()) == [
        "db      | LOG:  ready ␛[2J",
        "pgadmin | ERROR x",
        "p-db-2  | second",
        "engine  | ── the engine answers again ──",
    ]


def test_a_terminal_gets_colours_by_service_and_level_and_nothing_from_the_log(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    lines = printed(Terminal())
    assert lines[0] == "\x1b[36mdb     \x1b[0m\x1b[36m | \x1b[0mLOG:  ready ␛[2J"
    assert lines[1].endswith("\x1b[31mERROR x\x1b[0m")
    assert lines[1].startswith("\x1b[33m")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(printed(Terminal()))


def test_json_has_level_and_kind():
    assert log_json(LINES[1]) == {
        "service": "pgadmin",
        "container": "p-pgadmin-1",
        "time": "2026-01-02T12:00:00+00:00",
        "level": "error",
        "kind": "output",
        "text": "ERROR x",
    }
    assert (log_json(LINES[3])["level"], log_json(LINES[3])["kind"]) == (None, "event")


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", timedelta(seconds=90)),
        ("1h30m", timedelta(hours=1.5)),
        ("1.5h", timedelta(hours=1.5)),
        ("2d", timedelta(days=2)),
        ("1500ms", timedelta(seconds=1.5)),
    ],
)
def test_since_takes_how_long_ago(text, ago):
    assert abs(datetime.now(UTC) - ago - moment(text)) < timedelta(seconds=5)


@pytest.mark.parametrize("text", ["2026-01-02T12:00:00Z", "2026-01-02T13:00:00+01:00", "1767355200", "1767355200.000"])
def test_since_takes_a_moment(text):
    assert moment(text) == NOON


def test_since_without_a_zone_is_local():
    assert moment("2026-01-02 12:00").tzinfo is not None


@pytest.mark.parametrize(
    "text", ["yesterday", "10", "10x", "", "-5m", "0001-01-01", "900000d", "9" * 12 + "d", "9" * 22]
)
def test_since_refuses_the_rest_and_says_what_it_takes(text):
    with pytest.raises(ArgumentTypeError, match="10m or 1h30m"):
        moment(text)
