"""The `env` commands: what they print, for a person and as JSON, with no secret in it unless it was asked for."""

import io
import json
import sys

import pytest

from stack.cli.main import main
from stack.text import MASK
from tests.support.projects import make_project

CANARY = "canary-hunter2-of-env"
ENV = (
    f"APP_DB_PASSWORD={CANARY}$x\nAPP_DB_PORT=6000\nAPI_TOKEN='{CANARY}2'\n"
    f"APP_DB_URL=postgresql://app:{CANARY}3@localhost:5432/app\nOWN=1\nX=1\nX=2\n"
)
TEMPLATE = "APP_DB_PASSWORD=change-me\nAPP_DB_PORT=5432\nPGADMIN_PASSWORD=change-me\n# The greeting.\nGREETING=hello\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    for name in ("APP_DB_PASSWORD", "APP_DB_PORT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "compose.yaml").write_text(
        "services:\n  db:\n    image: postgres:16\n    environment: {POSTGRES_PASSWORD: $APP_DB_PASSWORD}\n"
        '    ports: ["${APP_DB_PORT}:5432"]\n'
    )
    return make_project(tmp_path, ENV, TEMPLATE)


def run(project, capsys, *arguments):
    status = main(["--project", str(project.root), "env", *arguments])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize("verb", ["check", "show", "diff"])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_no_secret_is_printed(project, capsys, verb, form):
    _, out, err = run(project, capsys, verb, *form)
    assert CANARY not in out + err
    assert MASK in out or "env diff" in out
    assert not list((project.root / "state").rglob("*"))


def test_the_fields_of_check(project, capsys):
    status, out, _ = run(project, capsys, "check", "--json")
    document = json.loads(out)
    assert status == 1 or not any(it["severity"] == "error" for it in document["findings"])
    assert set(document) == {"file", "variables", "findings"}
    fields = {"name", "value", "secret", "source", "line", "template_value", "as_compose", "as_python", "problem"}
    assert all(set(variable) == fields for variable in document["variables"])


def test_show_says_type_and_meaning_and_reveals_one_secret(project, capsys):
    status, out, _ = run(project, capsys, "show", "--json", "--reveal", "API_TOKEN")
    variables = {it["name"]: it for it in json.loads(out)["variables"]}
    assert status == 0
    assert variables["API_TOKEN"]["value"] == f"{CANARY}2"
    assert variables["APP_DB_PASSWORD"]["value"] == MASK
    assert variables["APP_DB_PORT"]["type"] == "a port, a whole number from 1 to 65535"
    assert (variables["GREETING"]["meaning"], variables["GREETING"]["source"]) == ("The greeting.", "template")
    status, _, err = run(project, capsys, "show", "--reveal", "NO_SUCH")
    assert (status, "There is no variable NO_SUCH" in err) == (1, True)


def test_diff_with_the_template(project, capsys):
    status, out, _ = run(project, capsys, "diff", "--json")
    document = json.loads(out)
    assert status == 0
    assert {it["name"]: it["kind"] for it in document["differences"]} == {
        "APP_DB_PASSWORD": "changed",
        "APP_DB_PORT": "changed",
        "PGADMIN_PASSWORD": "missing",
        "GREETING": "missing",
        "API_TOKEN": "extra",
        "APP_DB_URL": "extra",
        "OWN": "extra",
        "X": "extra",
    }
    assert document["in_use"] == []
    _, text, _ = run(project, capsys, "diff")
    assert "GREETING" in text


def test_diff_of_what_is_as_the_template(tmp_path, project, capsys):
    project.env_file.write_text(TEMPLATE.replace("change-me", "k3XpQ9vTzz"))
    _, out, _ = run(project, capsys, "diff", "--json")
    assert {it["kind"] for it in json.loads(out)["differences"]} == {"changed"}
    project.env_file.write_text(TEMPLATE)
    _, out, _ = run(project, capsys, "diff", "--json")
    assert [it["kind"] for it in json.loads(out)["differences"]] == ["placeholder", "placeholder"]


@pytest.mark.parametrize("verb", ["show", "diff"])
def test_a_file_that_cannot_be_read_is_neither_empty_nor_as_the_template(project, capsys, verb):
    project.env_file.write_bytes(b"APP_DB_PASSWORD=p\xe4ss\n")
    status, out, err = run(project, capsys, verb)
    assert (status, out) == (1, "")
    assert err.count("[env-unreadable]") == 1


def test_set_shows_what_changed(project, capsys):
    _, out, _ = run(project, capsys, "set", "APP_DB_PORT=7000", "--json")
    assert json.loads(out)["changes"] == [{"line": 2, "before": "APP_DB_PORT=6000", "after": "APP_DB_PORT=7000"}]
    _, out, _ = run(project, capsys, "set", "APP_DB_PORT=7000")
    assert "says so already" in out
    assert project.env_file.read_text() == ENV.replace("6000", "7000")


def test_a_secret_is_read_from_a_pipe(project, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{CANARY} # new\n"))
    _, out, err = run(project, capsys, "set", "APP_DB_PASSWORD")
    assert CANARY not in out + err
    assert f"APP_DB_PASSWORD='{CANARY} # new'\n" in project.env_file.read_text()
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    status, _, err = run(project, capsys, "set", "APP_DB_PASSWORD")
    assert (status, "There is no value" in err) == (1, True)


def test_a_mistake_of_ours_keeps_the_secret_out_of_its_report(project, capsys, monkeypatch):
    def broken(*_arguments):
        raise RuntimeError(f"APP_DB_PASSWORD={CANARY}")

    monkeypatch.setattr("stack.environment.report.check_environment", broken)
    status, out, err = run(project, capsys, "check")
    reports = [path.read_text() for path in (project.root / "state").rglob("*.txt")]
    assert status == 1
    assert reports
    assert CANARY not in out + err + "".join(reports)
