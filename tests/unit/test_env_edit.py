"""`env set` writes what both grammars read, atomically, keeps mode and links, and loses nobody's edit."""

import os
import stat
import threading

import pytest

from stack.environment.edit import carry_out, plan_value, set_fix, set_value
from stack.environment.settings import load_settings
from stack.findings import Code, Failure
from tests.support.projects import make_project, names

CANARY = "canary-hunter2"


def refusal(project, name, value):
    with pytest.raises(Failure) as caught:
        set_value(project, name, value)
    finding = caught.value.finding
    assert value not in f"{finding!r}{finding.cause}{finding.title}"
    return finding


def test_the_rest_of_the_file_stays(tmp_path):
    project = make_project(tmp_path, "\ufeff# c\r\nAPP_DB_PORT=5432 # p\r\nA='x'\r\n")
    set_value(project, "APP_DB_PORT", "6000")
    assert (tmp_path / ".env").read_bytes() == "\ufeff# c\r\nAPP_DB_PORT=6000 # p\r\nA='x'\r\n".encode()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_mode_stays(tmp_path, mode):
    project = make_project(tmp_path, "A=1\n")
    (tmp_path / ".env").chmod(mode)
    set_value(project, "A", "2")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == mode
    assert names(tmp_path) == [".env"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(tmp_path):
    project = make_project(tmp_path, "A=1\n")
    os.chown(tmp_path / ".env", 65534, 65534)
    set_value(project, "A", "2")
    assert ((tmp_path / ".env").stat().st_uid, (tmp_path / ".env").stat().st_gid) == (65534, 65534)


def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "real").write_text("A=1\n")
    project = make_project(tmp_path)
    (tmp_path / ".env").symlink_to("shared/real")
    set_value(project, "A", "2")
    assert (tmp_path / ".env").is_symlink()
    assert (tmp_path / "shared" / "real").read_text() == "A=2\n"
    assert names(tmp_path / "shared") == ["real"]


@pytest.mark.parametrize(
    ("name", "value", "code", "says"),
    [
        ("APP_DB_PORT", CANARY, Code.SETTING_INVALID, "65535"),
        ("1A", CANARY, Code.SETTING_INVALID, "letters"),
        ("A B", CANARY, Code.SETTING_INVALID, "letters"),
        ("A", f"${{{CANARY}}}", Code.SETTING_INVALID, "differently"),
    ],
)
def test_what_is_refused_changes_nothing(tmp_path, name, value, code, says):
    project = make_project(tmp_path, "A=1\n")
    finding = refusal(project, name, value)
    assert finding.code is code
    assert says in finding.cause
    assert (tmp_path / ".env").read_text() == "A=1\n"


def test_a_file_that_compose_cannot_read_is_left_alone(tmp_path):
    finding = refusal(make_project(tmp_path, "A=1\nB C=2\n"), "A", CANARY)
    assert finding.code is Code.ENV_SYNTAX
    assert ".env, line 2" in finding.cause


def test_without_a_file_the_template_comes_first(tmp_path):
    assert refusal(make_project(tmp_path, template="A=1\n"), "A", CANARY).code is Code.ENV_MISSING


def test_without_a_file_and_a_template_one_is_made(tmp_path):
    set_value(make_project(tmp_path), "APP_DB_PORT", "6000")
    assert (tmp_path / ".env").read_text() == "APP_DB_PORT=6000\n"
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_an_edit_from_outside_is_not_overwritten(tmp_path):
    project = make_project(tmp_path, "A=1\n")
    edit = plan_value(project, "A", "2")
    project.env_file.write_text("A=1\nB=theirs\n")
    with pytest.raises(Failure) as caught:
        carry_out(edit)
    assert caught.value.finding.code is Code.ENV_CHANGED_OUTSIDE
    assert project.env_file.read_text() == "A=1\nB=theirs\n"
    assert names(tmp_path) == [".env"]


def test_many_at_once_all_count(tmp_path):
    project = make_project(tmp_path, "A=1\n")
    barrier = threading.Barrier(8)

    def run(index):
        barrier.wait()
        for step in range(5):
            set_value(project, f"V{index}", str(step))

    threads = [threading.Thread(target=run, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(project.env_file.read_text().splitlines()) == ["A=1", *(f"V{index}=4" for index in range(8))]


async def test_a_fix_shows_its_command_only_for_what_is_no_secret(tmp_path):
    project = make_project(tmp_path, "A=1\n")
    fix = set_fix(project, "APP_DB_NAME", "two words", "title")
    assert fix.command == "stackdeck env set 'APP_DB_NAME=two words'"
    await fix.apply(lambda _line: None)
    assert load_settings(project, {"APP_DB_PASSWORD": "x"}).database.database == "two words"
    assert set_fix(project, "APP_DB_PASSWORD", CANARY, "title").command is None
    assert set_fix(project, "ANY", f"redis://:{CANARY}@h", "title").command is None
