"""psql of this machine gets everything by files of our own, the password for that server alone, and nothing stays."""

import stat
import sys
from pathlib import Path
from tempfile import gettempdir

import pytest
from pydantic import SecretStr

from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure
from stack.services.psql import installed_psql, run_psql

SECRET = "pa:ss\\word"
URL = DatabaseURL("db.example.com", 6432, "shop", "ada", SecretStr(SECRET), (("sslmode", "require"),))


@pytest.fixture
def program(tmp_path):
    """What keeps how it was called, and the files that it was pointed at, in place of psql."""
    path = tmp_path / "psql"
    path.write_text(
        f"#!{sys.executable}\n"
        "import os, pathlib, stat, sys\n"
        f"out = pathlib.Path({str(tmp_path)!r}) / 'told'\n"
        "service = pathlib.Path(os.environ['PGSERVICEFILE'])\n"
        "names = sorted(str(p) + ' ' + oct(stat.S_IMODE(p.stat().st_mode)) for p in service.parent.iterdir())\n"
        "passwords = service.with_name('passwords')\n"
        "out.write_text('\\0'.join([repr(sys.argv[1:]), repr(dict(os.environ)), service.read_text(),\n"
        "    passwords.read_text() if passwords.exists() else '', '\\n'.join(names)]))\n"
        "sys.exit(3)\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


def left_behind() -> set[str]:
    return {str(path) for path in Path(gettempdir()).glob("stackdeck-*/*")}


async def called(program, url, *arguments):
    assert await run_psql(program, url, arguments) == 3
    return (program.parent / "told").read_text(encoding="utf-8").split("\0")


async def test_how_to_connect_travels_in_files(program):
    arguments, environ, service, passwords, names = await called(program, URL, "-c", "select 1", "--csv")
    assert arguments == repr(["-c", "select 1", "--csv"])
    assert SECRET not in arguments + environ + service
    assert "word" not in environ
    wanted = {"host=db.example.com", "port=6432", "dbname=shop", "user=ada", "sslmode=require"}
    assert wanted < set(service.splitlines())
    assert passwords == "db.example.com:6432:*:ada:pa\\:ss\\\\word\n"
    for line in names.splitlines():
        path, _, mode = line.rpartition(" ")
        assert mode == oct(0o600)
        assert path not in left_behind()


async def test_without_a_password_psql_asks_for_it(program):
    url = DatabaseURL("h", 1, "d", "u")
    _, _, service, passwords, _ = await called(program, url)
    assert passwords == ""
    assert "passfile" not in service


async def test_a_value_with_a_line_break_writes_no_line_of_its_own(program):
    url = DatabaseURL("h", 1, "d\nsslmode=disable", "u", SecretStr("a\nb"))
    _, _, service, passwords, _ = await called(program, url)
    assert "sslmode" not in service
    assert passwords == ""


def test_no_psql_is_a_finding_with_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failure) as caught:
        installed_psql()
    assert caught.value.finding.code is Code.PSQL_MISSING
    assert any("postgresql-client" in (fix.command or "") for fix in caught.value.finding.fixes)


async def test_one_that_cannot_be_run_is_a_finding_too(tmp_path):
    broken = tmp_path / "psql"
    broken.touch(mode=stat.S_IRUSR)
    with pytest.raises(Failure) as caught:
        await run_psql(broken, URL, ())
    assert caught.value.finding.code is Code.PSQL_MISSING
    assert SECRET not in repr(caught.value.finding)
