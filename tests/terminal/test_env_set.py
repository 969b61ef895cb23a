"""`env set` without a value asks for it on the terminal, where a secret is not shown while it is typed."""

import sys
from pathlib import Path

import pytest

from tests.support.projects import make_project
from tests.support.require import require
from tests.support.terminal import terminal

ROOT = Path(__file__).parents[2]
CANARY = "canary-typed-in-silence"
PROGRAM = "import sys; from stack.cli.main import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize(("keys", "status"), [((CANARY, "enter"), 0), ((CANARY, "ctrl+c"), 130), (("\x04",), 1)])
def test_a_secret_is_typed_without_an_echo(tmp_path, keys, status):
    require("terminal", sys.platform != "win32", "no pseudo-terminals here")
    project = make_project(tmp_path, "APP_DB_PASSWORD=before\n")
    argv = [sys.executable, "-c", PROGRAM, "--project", str(project.root), "env", "set", "APP_DB_PASSWORD"]
    with terminal(argv, cwd=ROOT) as screen:
        screen.wait_for("APP_DB_PASSWORD (not shown)").send(*keys)
        assert screen.wait_exit() == status
        assert CANARY.encode() not in screen.raw
        assert b"Traceback" not in screen.raw
    assert project.env_file.read_text() == f"APP_DB_PASSWORD={CANARY if status == 0 else 'before'}\n"
