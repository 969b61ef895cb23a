"""The `stackdeck` command imports what it needs and no more, and knows its own version."""

import importlib.metadata
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

import stack.services.engine
from stack import VERSION
from stack.cli.main import COMMANDS, build_parser, main
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


def test_the_open_deck_has_all_that_an_action_on_the_engine_needs():
    engine = {
        f"stack.services.engine.{path.stem}" for path in Path(stack.services.engine.__path__[0]).glob("[a-z]*.py")
    }
    assert "stack.services.engine.execute" in engine
    assert engine <= imported("from stack.lazy_imports import import_parts; import_parts()")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_in_the_module_that_is_imported_for_it(command):
    assert re.search(rf"^    {command} ", build_parser([COMMANDS[command]]).format_help(), flags=re.MULTILINE)


def test_help_lists_every_command_and_no_other(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"^    ([a-z]+) ", capsys.readouterr().out, flags=re.MULTILINE)
    assert set(listed) == set(COMMANDS)


@pytest.mark.parametrize("argv", [["--help", "up"], ["--json"], ["--runtime"], ["--bogus", "up"], ["bogus"]])
def test_anything_but_a_command_is_answered_by_the_whole_command_line(argv, capsys):
    with pytest.raises(SystemExit):
        main(argv)
    printed = capsys.readouterr()
    assert "usage: stackdeck" in printed.out + printed.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_output_that_cannot_be_written_is_said_without_a_traceback(option, tmp_path):
    command = [Path(sys.executable).with_name("stackdeck"), "--project", tmp_path, *option, "env", "show"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["stackdeck: the output cannot be written: No space left on device"]
