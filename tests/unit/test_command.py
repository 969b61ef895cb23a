"""The `stackdeck` command imports what it needs and no more, and knows its own version."""

import importlib.metadata
import io
import subprocess
import sys

import pytest

from stack import VERSION
from tui.__main__ import run


def imported(code: str) -> set[str]:
    """Return the top-level packages that a new process has imported after `code`."""
    program = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return {name.partition(".")[0] for name in done.stdout.split()} | set(done.stdout.split())


def test_version_is_the_distributions():
    assert importlib.metadata.version("stackdeck") == VERSION


def test_version_imports_nothing_heavy():
    modules = imported("from tui.__main__ import run; run(['--version'])")
    assert not modules & {"textual", "stack.text", "asyncio", "argparse", "docker", "sqlalchemy", "pydantic"}


def test_the_first_frame_needs_textual_alone():
    modules = imported("import tui.app")
    assert "textual" in modules
    assert not modules & {"docker", "sqlalchemy", "psycopg", "alembic", "pydantic", "yaml", "stack.workspace"}


@pytest.mark.parametrize(
    "argv", [[], ["--runtime", "embedded"], ["--project=/tmp"], ["--env-file", "x", "--project", "y"]]
)
def test_without_a_command_the_deck_is_opened_and_says_that_it_needs_a_terminal(argv, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert run(argv) == 2
    assert "needs a terminal" in capsys.readouterr().err
