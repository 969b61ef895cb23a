"""One object on stdout and nothing else, the statuses that scripts rely on, and never a traceback."""

import json
import subprocess

import pytest

from stack.cli.main import main
from stack.cli.output import align
from tests.support.clone import STACKDECK


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A directory that is no project, where no engine answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    return tmp_path


@pytest.mark.parametrize(
    "argv",
    [
        ["frobnicate"],
        ["rows"],
        ["rows", "t", "--limit", "0"],
        ["migrate", "new", "-m", " "],
        ["logs", "-f", "--json"],
        ["logs", "--since", "99999999d"],
        ["up", "--timeout", "nan"],
        ["up", "--timeout", "-5"],
        ["migrate", "up", "--lock-timeout", "inf"],
        ["--json", "psql"],
        ["env", "set"],
        ["--runtime", "x", "up"],
    ],
)
def test_wrong_usage_is_status_2(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_commands_of_fixes_are_for_the_project_that_was_asked_about(empty, capsys):
    (empty / "a b").mkdir()
    (empty / "a b/.env.example").write_text("APP_DB_PASSWORD=change-me\n")
    assert main(["--project", "a b", "--env-file=a b/my.env", "tables", "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert [fix["command"] for fix in finding["fixes"] if fix["command"]] == [
        "stackdeck --project 'a b' --env-file 'a b/my.env' env init"
    ]
    assert main(["env", "init"]) == 1
    assert "$ stackdeck" not in capsys.readouterr().err
    (empty / ".env").touch()
    assert main(["env", "init"]) == 1
    assert "$ stackdeck env check" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--json", "tables"], ["tables", "--json"]])
def test_json_is_one_object_also_where_it_fails(argv, empty, capsys):
    assert main(argv) == 1
    printed = capsys.readouterr()
    (finding,) = json.loads(printed.out)["findings"]
    assert finding["severity"] == "error"
    assert finding["cause"]
    assert finding["fixes"]


def test_a_failure_is_told_with_its_fix_on_stderr(empty, capsys):
    assert main(["--runtime", "docker", "up"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "[compose-file-missing]" in printed.err
    assert "fix:" in printed.err


def test_a_mistake_of_ours_is_a_finding_with_a_report(empty, capsys, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(empty))

    async def slip(_workspace, _console):
        raise ZeroDivisionError("hm")

    monkeypatch.setattr("stack.cli.tables.Tables.run", lambda _self, *arguments: slip(*arguments))
    assert main(["tables"]) == 1
    printed = capsys.readouterr()
    assert "[internal]" in printed.err
    assert "Traceback" not in printed.err
    assert list(empty.rglob("crashes/*.txt"))


def test_a_reader_that_leaves_early_is_no_error(empty):
    process = subprocess.Popen(
        [str(STACKDECK), "env", "check"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=empty
    )
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait() in {0, 1}


def test_columns_are_aligned_by_cells_and_their_text_is_clean():
    assert align([("A", "B"), ("予約", "x\x1b[2J"), ("é", "")]).splitlines() == ["A     B", "予約  x␛[2J", "é"]
