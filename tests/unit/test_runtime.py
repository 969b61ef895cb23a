"""The runtime follows from what is written and what answers; what was asked for wins."""

import pytest

from stack.environment.url import DatabaseURL
from stack.findings import Code, Finding
from stack.project import RuntimeName
from stack.services.runtime import EngineAnswer, choose_runtime

PUBLISHED = DatabaseURL("127.0.0.1", 5432, "app", "app")
MANAGED = DatabaseURL("db.example.com", 5432, "app", "app")
OTHER_PORT = DatabaseURL("localhost", 6000, "app", "app")
UP = EngineAnswer("unix:///var/run/docker.sock", "26.1")
DOWN = EngineAnswer("unix:///var/run/docker.sock", None, Finding(Code.ENGINE_UNREACHABLE, "no engine answers", "cause"))
LOCKED = EngineAnswer("unix:///var/run/docker.sock", None, Finding(Code.ENGINE_PERMISSION, "you may not", "cause"))
ASTRAY = EngineAnswer(None, None, Finding(Code.ENGINE_CONTEXT_MISSING, "no such context", "cause"))


@pytest.mark.parametrize(
    ("written", "published", "engine", "expected"),
    [
        (None, PUBLISHED, UP, "docker"),
        (None, PUBLISHED, DOWN, "embedded"),
        (PUBLISHED, PUBLISHED, UP, "docker"),
        (PUBLISHED, PUBLISHED, DOWN, "embedded"),
        (MANAGED, PUBLISHED, UP, "external"),
        (MANAGED, PUBLISHED, DOWN, "external"),
        (MANAGED, None, UP, "external"),
        (OTHER_PORT, PUBLISHED, UP, "external"),
        (None, None, DOWN, "embedded"),
        (None, PUBLISHED, LOCKED, "docker"),
        (None, PUBLISHED, ASTRAY, "docker"),
    ],
)
def test_detection(written, published, engine, expected):
    runtime = choose_runtime(wanted=None, written=written, published=published, engine=engine)
    assert runtime.name.value == expected
    assert runtime.reason
    assert runtime.other


@pytest.mark.parametrize("wanted", list(RuntimeName))
def test_what_was_asked_for_wins(wanted):
    assert choose_runtime(wanted=wanted, written=MANAGED, published=PUBLISHED, engine=UP).name is wanted


def test_embedded_says_what_is_wrong_with_the_engine():
    runtime = choose_runtime(wanted=None, written=None, published=PUBLISHED, engine=DOWN)
    assert runtime.reason == "no engine answers"
