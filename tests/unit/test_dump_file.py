"""A dump's file is there when it is whole, never before, never in the place of another; no password leaves its file."""

import os
import stat

import pytest
from pydantic import SecretStr

from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, silent
from stack.services import pg_dump
from stack.services.dump_file import MAGIC, Draft, draft

SECRET = "pa:ss\\word 'x"
URL = DatabaseURL(
    "db.example.com", 6432, "it's", "app", SecretStr(SECRET), (("sslmode", "require"), ("password", "no"))
)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_it_appears_whole_and_only_for_its_owner(tmp_path):
    target = tmp_path / "a.dump"
    with draft(target) as unfinished:
        unfinished.write(MAGIC + b"...")
        assert not target.exists()
        assert unfinished.publish() == unfinished.size == 8
    assert target.read_bytes() == MAGIC + b"..."
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert names(tmp_path) == ["a.dump"]


def test_what_is_not_published_leaves_nothing(tmp_path):
    with draft(tmp_path / "a.dump") as unfinished:
        unfinished.write(MAGIC)
    unfinished.write(b"from a thread that was given up")
    assert names(tmp_path) == []


def test_an_existing_file_is_never_written_over(tmp_path):
    target = tmp_path / "a.dump"
    target.write_text("precious")
    with pytest.raises(Failure) as caught, draft(target):
        pass
    assert caught.value.finding.code is Code.DUMP_FILE_EXISTS
    target.unlink()
    with draft(target) as unfinished:
        unfinished.write(MAGIC)
        target.write_text("precious")
        with pytest.raises(Failure) as caught:
            unfinished.publish()
    assert caught.value.finding.code is Code.DUMP_FILE_EXISTS
    assert target.read_text() == "precious"
    assert names(tmp_path) == ["a.dump"]


def test_a_full_disk_is_a_finding(tmp_path):
    full = os.open("/dev/full", os.O_WRONLY)
    unfinished = Draft(tmp_path / "a.dump", tmp_path / "partial", full)
    with pytest.raises(Failure) as caught:
        unfinished.write(b"x")
    unfinished.discard()
    assert caught.value.finding.code is Code.DUMP_FAILED
    assert "full" in caught.value.finding.cause


def test_a_directory_that_is_not_there_is_a_finding(tmp_path):
    with pytest.raises(Failure) as caught, draft(tmp_path / "none" / "a.dump"):
        pass
    assert caught.value.finding.code is Code.DUMP_FAILED


def test_what_is_no_dump_gets_no_name(tmp_path):
    with draft(tmp_path / "a.dump") as unfinished:
        unfinished.write(b"CREATE TABLE")
        with pytest.raises(Failure) as caught:
            unfinished.publish()
    assert caught.value.finding.code is Code.DUMP_FAILED
    assert names(tmp_path) == []


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Make a pg_dump that is newer than any other, and does what a test says after it noted how it was called."""

    def make(script: str):
        home = tmp_path / "bin"
        home.mkdir()
        path = home / "pg_dump"
        path.write_text(
            f"""#!/bin/sh
[ "$1" = --version ] && echo 'pg_dump (PostgreSQL) 99.1' && exit
printf '%s\\n' "$@" > {home}/arguments; env > {home}/variables
passfile=$(printf '%s' "$3" | sed "s/.*passfile='\\([^']*\\)'.*/\\1/"); cat "$passfile" > {home}/passfile
stat -c %a "$passfile" > {home}/mode
{script}
"""
        )
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{home}:{os.environ['PATH']}")
        monkeypatch.setenv("PGPASSWORD", "another server's")
        return home

    return make


async def test_the_password_is_in_a_file_that_only_its_owner_reads(program, tmp_path):
    home = program("printf PGDMPxyz")
    target = tmp_path / "a.dump"
    assert await pg_dump.dump(URL, target, silent) == 8
    called = (home / "arguments").read_text() + (home / "variables").read_text()
    assert "pa:ss" not in called
    assert "PGPASSWORD" not in called
    assert r"dbname='it\'s'" in called
    assert "sslmode='require'" in called
    assert (home / "passfile").read_text() == "*:*:*:*:pa\\:ss\\\\word 'x\n"
    assert (home / "mode").read_text() == "600\n"
    assert target.read_bytes() == b"PGDMPxyz"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (
            "pg_dump: detail: server version: 100.2; pg_dump version: 99.1 ... server version mismatch",
            "dump-unavailable",
        ),
        ("pg_dump: error: could not write to output file: No space left on device", "dump-failed"),
        ("pg_dump: error: connection refused", "dump-failed"),
    ],
)
async def test_a_pg_dump_that_fails_is_told_and_leaves_nothing(program, tmp_path, said, code):
    program(f"printf PGDMP; echo '{said}' >&2; exit 1")
    with pytest.raises(Failure) as caught:
        await pg_dump.dump(URL, tmp_path / "a.dump", silent)
    assert caught.value.finding.code.value == code
    assert names(tmp_path) == ["bin"]
