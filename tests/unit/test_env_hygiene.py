"""A `.env` as a file: what keeps it from being read, who else can read it, what git makes of it, how it is written."""

import os
import shutil
import stat
import subprocess

import pytest

from stack.environment.git import Tracking, tracking
from stack.environment.report import check_environment
from stack.findings import Code, Failure, silent
from tests.support.projects import make_project

CANARY = "canary-hunter2"
HEALTHY = f"APP_DB_PASSWORD={CANARY}\nX=1\n"


def findings(project):
    return check_environment(project, {}).findings


def only(project):
    (finding,) = findings(project)
    assert CANARY not in finding.title + finding.cause + "".join(fix.title for fix in finding.fixes)
    return finding


async def mended(project):
    """Carry out the fix of the only finding, after which there must be none."""
    await only(project).automatic_fix.apply(silent)
    assert findings(project) == ()


# What cannot be read


def test_a_directory(tmp_path):
    (tmp_path / "alembic.ini").touch()
    (tmp_path / ".env").mkdir()
    finding = only(make_project(tmp_path))
    assert (finding.code, finding.fixes[0].title[:8]) == (Code.ENV_UNREADABLE, "Move the")


def test_a_pipe_keeps_nobody_waiting(tmp_path):
    (tmp_path / "alembic.ini").touch()
    os.mkfifo(tmp_path / ".env")
    assert only(make_project(tmp_path)).code is Code.ENV_UNREADABLE


@pytest.mark.parametrize(("target", "says"), [("nowhere", "nowhere, which does not exist"), (".env", "symbolic links")])
def test_a_link_to_nothing(tmp_path, target, says):
    (tmp_path / "alembic.ini").touch()
    (tmp_path / ".env").symlink_to(target)
    finding = only(make_project(tmp_path, template="APP_DB_PASSWORD=change-me\n"))
    assert finding.code is Code.ENV_UNREADABLE
    assert says in finding.cause


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    project = make_project(tmp_path, HEALTHY)
    project.env_file.chmod(0)
    assert only(project).code is Code.ENV_UNREADABLE


def test_nul_bytes(tmp_path):
    finding = only(make_project(tmp_path, f"{HEALTHY}Y=\0\n"))
    assert (finding.code, ".env, line 3" in finding.cause) == (Code.ENV_UNREADABLE, True)


def test_another_encoding(tmp_path):
    project = make_project(tmp_path, HEALTHY)
    project.env_file.write_bytes(HEALTHY.encode() + b"Y=\xe9\n")
    finding = only(project)
    assert (finding.code, "line 3" in finding.cause, finding.automatic_fix) == (Code.ENV_UNREADABLE, True, None)


async def test_what_powershell_writes(tmp_path):
    project = make_project(tmp_path, "")
    project.env_file.write_bytes(HEALTHY.replace("\n", "\r\n").encode("utf-16"))
    assert "PowerShell" in only(project).cause
    await mended(project)
    assert project.env_file.read_bytes() == HEALTHY.encode()


# Who else


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666])
async def test_readable_by_others(tmp_path, mode):
    project = make_project(tmp_path, HEALTHY)
    project.env_file.chmod(mode)
    finding = only(project)
    assert finding.code is Code.ENV_READABLE_BY_OTHERS
    assert f"{mode:04o}" in finding.cause
    await mended(project)
    assert stat.S_IMODE(project.env_file.stat().st_mode) == 0o600


async def test_the_file_behind_a_link_counts(tmp_path):
    (tmp_path / "real").write_text(HEALTHY)
    (tmp_path / "real").chmod(0o644)
    (tmp_path / ".env").symlink_to("real")
    project = make_project(tmp_path)
    assert only(project).code is Code.ENV_READABLE_BY_OTHERS
    await mended(project)


@pytest.fixture
def repository(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("no git")
    run(tmp_path, "init", "-q")
    return make_project(tmp_path, HEALTHY)


def run(directory, *arguments):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True)


async def test_a_file_that_git_would_take_in(repository):
    (repository.root / ".gitignore").write_text("*.pyc")
    assert only(repository).code is Code.ENV_NOT_IGNORED
    await mended(repository)
    assert (repository.root / ".gitignore").read_text() == "*.pyc\n/.env\n"
    assert tracking(repository.env_file) is Tracking.IGNORED


async def test_without_a_gitignore_one_is_made(repository):
    await mended(repository)
    assert (repository.root / ".gitignore").read_text() == "/.env\n"


async def test_a_file_that_git_tracks(repository):
    run(repository.root, "add", "-f", ".env")
    run(repository.root, "commit", "-q", "-m", "all of it")
    finding = only(repository)
    assert finding.code is Code.ENV_TRACKED
    await mended(repository)
    assert repository.env_file.read_text() == HEALTHY
    assert tracking(repository.env_file) is Tracking.IGNORED


async def test_an_index_that_is_locked_is_no_surprise(repository):
    run(repository.root, "add", "-f", ".env")
    (repository.root / ".git" / "index.lock").touch()
    with pytest.raises(Failure) as caught:
        await only(repository).automatic_fix.apply(silent)
    assert caught.value.finding.code is Code.ENV_TRACKED


def test_nothing_of_a_repository_is_run(repository):
    mark = repository.root / "was-run"
    run(repository.root, "config", "core.fsmonitor", f"touch {mark}; false")
    (repository.root / ".gitignore").write_text(".env\n")
    assert findings(repository) == ()
    assert not mark.exists()


def test_without_git_nothing_is_said(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert findings(repository) == ()


# How it is written


async def test_windows_line_ends(tmp_path):
    project = make_project(tmp_path, f"{HEALTHY}Y=1\r\n")
    finding = only(project)
    assert (finding.code, "from line 3" in finding.cause) == (Code.ENV_LINE_ENDS, True)
    await mended(project)
    assert project.env_file.read_text() == f"{HEALTHY}Y=1\n"


async def test_a_byte_order_mark(tmp_path):
    project = make_project(tmp_path, f"\ufeff{HEALTHY}")
    assert only(project).code is Code.ENV_BYTE_ORDER_MARK
    await mended(project)
    assert project.env_file.read_text() == HEALTHY
