"""What we write to a `.env` is what `docker compose` and pydantic-settings read from it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings, SettingsConfigDict

from stack.environment import compose_grammar
from stack.environment.rewrite import UnwritableError, with_value
from stack.environment.settings import load_settings
from stack.environment.template import fill, init_env
from stack.project import Options, open_project
from tests.support.require import require

TEMPLATE = Path(__file__).parents[2] / ".env.example"

VALUES = [
    "plain", "two words", " lead", "trail ", "#x", "a #b", "a\t# b", "it's", 'say "x"', "'", '"', "it's \"both\"", "",
    "$", "$$", "$x", "pa$word1", "pa$$word", "$1", "$ x", "x$", "a\\b", "\\", "\\\\", "\\n", "two\nlines", "a\r\nb",
    "tab\there", "=", "a=b", "a:b", "é ü 漢", "\u00a0x", "`x`", "!x", "%x%", "{x}", "}", "~", "*",
    "postgresql://a:p%40@h:5432/d?sslmode=require",
]  # fmt: skip

BEFORE = "\ufeff# c\r\nV0=old # why\r\nexport V1='old'\r\nV2=\"old\"\r\n\r\n# V3=example\r\nLAST=1"


@pytest.fixture(scope="module", autouse=True)
def _compose():
    found = shutil.which("docker") is not None
    found = found and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    require("compose", found, "no `docker compose`")


def read_by_compose(directory, text, names):
    (directory / ".env").write_bytes(text.encode())
    lines = "\n".join(f"      {name}: ${{{name}}}" for name in names)
    (directory / "compose.yaml").write_text(f"services:\n  s:\n    image: x\n    environment:\n{lines}\n")
    ran = subprocess.run(
        ["docker", "compose", "--project-directory", directory, "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "HOME": str(directory), "x": "shell"},
    )
    read = json.loads(ran.stdout)["services"]["s"]["environment"]
    # `config` prints a file that means the same, so a dollar is doubled.
    return {name: value.replace("$$", "$") for name, value in read.items()}


def read_by_pydantic(directory, text):
    (directory / "python.env").write_bytes(text.encode())

    class Everything(BaseSettings):
        model_config = SettingsConfigDict(extra="allow", case_sensitive=True)

    return Everything(_env_file=directory / "python.env").model_extra


def test_what_is_written_is_what_both_read(tmp_path, monkeypatch):
    monkeypatch.setenv("x", "shell")
    text, wanted = BEFORE, {}
    for number, value in enumerate(VALUES):
        try:
            text = with_value(text, f"V{number}", value)
        except UnwritableError:
            continue
        wanted[f"V{number}"] = value
    assert len(wanted) >= len(VALUES) - 2
    assert read_by_compose(tmp_path, text, [*wanted, "LAST"]) == wanted | {"LAST": "1"}
    python = read_by_pydantic(tmp_path, text)
    # pydantic-settings leaves empty values out of the extra ones.
    assert python == {name: value for name, value in (wanted | {"LAST": "1"}).items() if value}


def test_this_repositorys_template_when_filled(tmp_path):
    text = fill(TEMPLATE.read_text(), password=lambda: "Generated1", is_free=lambda _port: True).text
    values = compose_grammar.parse(text, lambda _name: None).values
    assert values["APP_DB_PASSWORD"] == "Generated1"
    assert read_by_compose(tmp_path, text, values) == values
    assert read_by_pydantic(tmp_path, text) == values


def test_a_new_env_gives_the_container_what_the_settings_say(tmp_path):
    root = TEMPLATE.parent
    for name in (".env.example", "docker-compose.yml"):
        shutil.copy(root / name, tmp_path)
    project = open_project(Options(tmp_path))
    init_env(project)
    database, pgadmin = load_settings(project, {}).database, load_settings(project, {}).pgadmin
    ran = subprocess.run(
        ["docker", "compose", "--profile", "pgadmin", "--project-directory", tmp_path, "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )
    services = json.loads(ran.stdout)["services"]
    environment = services["db"]["environment"]
    assert environment["POSTGRES_PASSWORD"] == database.password.get_secret_value()
    assert (environment["POSTGRES_USER"], environment["POSTGRES_DB"]) == (database.user, database.database)
    assert services["db"]["ports"][0]["published"] == str(database.port)
    assert services["pgadmin"]["ports"][0]["published"] == str(pgadmin.port)
    assert services["pgadmin"]["environment"]["PGADMIN_DEFAULT_PASSWORD"] == pgadmin.password.get_secret_value()
    assert services["pgadmin"]["environment"]["PGADMIN_DEFAULT_EMAIL"] == pgadmin.email
