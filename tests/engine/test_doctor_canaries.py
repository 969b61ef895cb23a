"""No secret of a real stack is told: not by a report, a command, a log, a screen, or in a process's arguments."""

import json
import os
import re
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

import pytest
from textual.widgets import Input

from stack.crash import write_report
from stack.project import Options
from tests.support.clone import STACKDECK, bare_environment
from tests.support.compose_model import IMAGE
from tests.support.engine import free_port, sandbox
from tests.tui.support import shown, until
from tui.app import Deck
from tui.opening import opener_of
from tui.widgets.save_log import SaveLog

POSTGRES = "canary/of@postgres:1"
PGADMIN = "canary-of-pgadmin-2"
LOGGED = "canary-of-the-log-3"
PROBED = "canary-of-a-probe-4"
SHELL = "canary-of-the-shell-5"
CANARIES = (POSTGRES, quote(POSTGRES, safe=""), PGADMIN, LOGGED, PROBED, SHELL)

COMPOSE = """
name: PROJECT
services:
  db:
    image: IMAGE
    environment:
      POSTGRES_USER: app
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}
      PROBE_TOKEN: ${PROBE_TOKEN}
      LOG_TOKEN: ${LOG_TOKEN}
      PGADMIN_PASSWORD: ${PGADMIN_PASSWORD}
    command: [sh, -c, 'echo "$$LOG_TOKEN"; echo "url: $$POSTGRES_PASSWORD"; exec docker-entrypoint.sh postgres']
    ports: ["127.0.0.1:PORT:5432"]
    tmpfs: [/var/lib/postgresql/data]
    healthcheck:
      test: pg_isready -h 127.0.0.1 -U app -d app && echo "$$PROBE_TOKEN and $$PGADMIN_PASSWORD"
      interval: 10s
      start_period: 60s
      start_interval: 1s
"""
DOTENV = f"""
POSTGRES_PASSWORD='{POSTGRES}'
PGADMIN_PASSWORD={PGADMIN}
LOG_TOKEN={LOGGED}
PROBE_TOKEN={PROBED}
APP_DB_URL=postgresql://app:{quote(POSTGRES, safe="")}@127.0.0.1:PORT/app
"""
COMMANDS = (
    ("up",),
    ("status",),
    ("doctor",),
    ("env", "check"),
    ("db", "ping"),
    ("db", "pool"),
    ("db", "activity"),
    ("tables",),
    ("logs",),
    ("doctor", "--report", "-"),
    ("doctor", "--fix", "service-not-running"),
)


class Arguments:
    """Every process's arguments, looked at again and again while a test runs."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    self.seen.add(file.read_bytes())


@pytest.fixture(scope="module")
def project(engine_here, tmp_path_factory):
    """A running stack full of canaries, with the environment of its commands."""
    directory = tmp_path_factory.mktemp("canaries")
    with sandbox(engine_here, directory) as box:
        port = free_port()
        (directory / "compose.yaml").write_text(
            _filled(COMPOSE, PROJECT=box.name, PORT=port, IMAGE=IMAGE), encoding="utf-8"
        )
        (directory / ".env").write_text(_filled(DOTENV, PORT=port), encoding="utf-8")
        (directory / ".env").chmod(0o600)
        yield (
            directory,
            {
                **bare_environment(),
                "PWD": str(directory),
                "XDG_STATE_HOME": str(directory / "state"),
                "SOME_API_TOKEN": SHELL,
            },
        )


def _filled(text: str, **values: object) -> str:
    for name, value in values.items():
        text = re.sub(rf"\b{name}\b", str(value), text)
    return text


def run(project, *arguments: str) -> subprocess.CompletedProcess[str]:
    directory, environ = project
    return subprocess.run(
        [str(STACKDECK), *arguments], cwd=directory, env=environ, capture_output=True, text=True, check=False
    )


def told(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


def test_no_command_tells_a_secret(project):
    with Arguments() as arguments:
        for command in COMMANDS:
            done = run(project, *command, "--json")
            assert done.returncode == 0, (command, done.stdout, done.stderr)
            assert told(done.stdout + done.stderr) == [], command
            if "--report" in command:
                report = json.loads(done.stdout)["report"]
                # What held the canaries is in there, without them.
                assert "## Last lines of db" in report
                assert "url: ••••••••" in report
                assert "## Last health check of db" in report
                assert "accepting connections" in report
                assert "postgresql://app:••••••••@127.0.0.1" in report
    assert told(b"\n".join(arguments.seen).decode(errors="replace")) == []


def test_a_log_tells_a_secret_to_who_asks_for_it_alone(project):
    printed = run(project, "logs", "db")
    assert told(printed.stdout + printed.stderr) == []
    assert "url: ••••••••" in printed.stdout
    revealed = run(project, "logs", "db", "--reveal")
    assert f"url: {POSTGRES}" in revealed.stdout


def test_the_last_words_of_what_has_ended_tell_no_secret(engine, tmp_path):
    """They are evidence, of `up` and of the doctor."""
    (tmp_path / "compose.yaml").write_text(
        f"name: {engine.name}\nservices:\n  db:\n    image: {IMAGE}\n"
        "    environment: {POSTGRES_PASSWORD: '${POSTGRES_PASSWORD}'}\n"
        f"    ports: ['127.0.0.1:{free_port()}:5432']\n"
        "    tmpfs: [/var/lib/postgresql/data]\n"
        "    healthcheck: {test: pg_isready, interval: 1s}\n"
        "    command: [sh, -c, 'echo \"FATAL: cannot use $$POSTGRES_PASSWORD\"; exit 3']\n"
    )
    (tmp_path / ".env").write_text(f"POSTGRES_PASSWORD='{POSTGRES}'\n")
    (tmp_path / ".env").chmod(0o600)
    project = tmp_path, {**bare_environment(), "PWD": str(tmp_path)}
    for command in (("up", "--timeout", "30"), ("doctor",), ("doctor", "--json")):
        done = run(project, *command)
        assert done.returncode == 1
        assert told(done.stdout + done.stderr) == [], command
        assert "cannot use ••••••••" in done.stdout + done.stderr, command


async def test_no_screen_tells_a_secret(project, monkeypatch):
    directory, environ = project
    monkeypatch.chdir(directory)
    for name in set(os.environ) - set(environ) - {"PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    deck = Deck(opener_of(Options(directory)))
    async with deck.run_test(size=(200, 60)) as pilot:
        await until(
            pilot, lambda: "accepting" in shown(deck) or "in the way" in shown(deck) or "well" in shown(deck), 60
        )
        for key, sign in (
            ("1", "database"),
            ("2", "ready to accept"),
            ("3", "PGADMIN_PASSWORD"),
            ("4", "PostgreSQL"),
            ("5", "Migrations"),
            ("6", "Tables"),
        ):
            await pilot.press(key)
            await until(pilot, lambda sign=sign: sign in shown(deck), 30)
            await pilot.pause(0.3)
            assert told(deck.export_screenshot() + shown(deck)) == [], key
        await pilot.press("2", "ctrl+s")
        await until(pilot, lambda: isinstance(deck.screen, SaveLog))
        file = directory / "saved.log"
        deck.screen.query_one("#typed", Input).value = str(file)
        await pilot.press("enter")
        await until(pilot, lambda: file.exists() and "url: ••••••••" in file.read_text(encoding="utf-8"))
        saved = file.read_text(encoding="utf-8")
        assert told(saved) == []
        report = write_report(RuntimeError(f"all of them: {PGADMIN} {SHELL} {PROBED} {LOGGED} {POSTGRES}"))
        assert report is not None
        assert told(report.read_text(encoding="utf-8")) == []
    await deck.let_go()
