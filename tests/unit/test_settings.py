"""Settings come from the given mapping over the file; what is wrong is named with its place and never quoted."""

import os

import pytest

from stack.environment.pool import PoolSettings
from stack.environment.settings import application_settings, load_settings
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure
from stack.text import SecretStr
from tests.support.projects import make_project

CANARY = "canary-hunter2"


def failure(project, environ=None):
    with pytest.raises(Failure) as caught:
        load_settings(project, environ or {})
    return caught.value.findings


def texts(findings):
    return " ".join(
        f"{f.title} {f.cause} {f.evidence} {f!r} {[fix.title for fix in f.fixes]} {[fix.command for fix in f.fixes]}"
        for f in findings
    )


def test_the_pieces_and_their_defaults(tmp_path):
    settings = load_settings(make_project(tmp_path, "APP_DB_PASSWORD=pw\n"), {})
    assert settings.database == DatabaseURL("localhost", 5432, "app", "app", SecretStr("pw"))
    assert settings.pool == PoolSettings(size=20, max_overflow=40, timeout=30, recycle=3600, pre_ping=True)
    assert (settings.pgadmin.email, settings.pgadmin.port) == ("admin@example.com", 5050)
    assert settings.pgadmin.password == SecretStr("pw")


def test_every_setting_is_read(tmp_path):
    env = """
    APP_DB_USER=u\nAPP_DB_PASSWORD='p w'\nAPP_DB_NAME=n\nAPP_DB_HOST=db.example.com\nAPP_DB_PORT=6000
    APP_DB_POOL_SIZE=1\nAPP_DB_MAX_OVERFLOW=0\nAPP_DB_POOL_PRE_PING=false\nAPP_DB_POOL_RECYCLE=-1\nAPP_DB_POOL_TIMEOUT=0.5
    PGADMIN_EMAIL=me@example.org\nPGADMIN_PASSWORD=other\nPGADMIN_PORT=8080\nSOMETHING_ELSE=1
    """
    settings = load_settings(make_project(tmp_path, env), {})
    assert settings.database == DatabaseURL("db.example.com", 6000, "n", "u", SecretStr("p w"))
    assert settings.pool == PoolSettings(size=1, max_overflow=0, timeout=0.5, recycle=-1, pre_ping=False)
    assert settings.pgadmin.password == SecretStr("other")
    assert settings.pgadmin.port == 8080


def test_the_shell_wins_over_the_file_and_an_empty_value_means_the_default(tmp_path):
    project = make_project(tmp_path, "APP_DB_PASSWORD=file\nAPP_DB_PORT=\nAPP_DB_NAME=file\nAPP_DB_HOST=file\n")
    settings = load_settings(project, {"APP_DB_NAME": "shell", "APP_DB_HOST": ""})
    assert settings.database == DatabaseURL("localhost", 5432, "shell", "app", SecretStr("file"))


def test_nothing_but_the_given_mapping_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("APP_DB_NAME", "from-the-process")
    monkeypatch.setenv("APP_DB_PASSWORD", "from-the-process")
    project = make_project(tmp_path, "APP_DB_PASSWORD=file\n")
    assert load_settings(project, {}).database.database == "app"
    assert load_settings(project, os.environ).database.database == "from-the-process"


def test_an_application_reads_its_project_and_the_process(tmp_path, monkeypatch):
    make_project(tmp_path, "APP_DB_PASSWORD=file\n")
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    for name in list(os.environ):
        if name.startswith(("APP_DB_", "DATABASE_URL")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("APP_DB_PORT", "6001")
    assert application_settings().database == DatabaseURL("localhost", 6001, "app", "app", SecretStr("file"))


def test_the_url_wins_over_the_pieces(tmp_path):
    project = make_project(
        tmp_path, "APP_DB_PASSWORD=pw\nAPP_DB_URL=postgresql+asyncpg://u:p%40@h:1/d\nDATABASE_URL=postgres://x@y/z\n"
    )
    assert load_settings(project, {}).database == DatabaseURL("h", 1, "d", "u", SecretStr("p@"))


def test_the_url_of_other_projects_counts_where_no_piece_is_set(tmp_path):
    project = make_project(tmp_path, "DATABASE_URL=postgres://x:y@h/z\n")
    assert load_settings(project, {}).database == DatabaseURL("h", 5432, "z", "x", SecretStr("y"))
    assert load_settings(project, {"APP_DB_PASSWORD": "pw"}).database.host == "localhost"


def test_an_url_of_another_database_is_not_for_us(tmp_path):
    settings = load_settings(make_project(tmp_path, "DATABASE_URL=sqlite:///dev.db\n"), {})
    assert not settings.names_database
    with pytest.raises(Failure):
        _ = settings.database


def test_the_password_may_be_in_a_file(tmp_path):
    (tmp_path / "secret").write_text("from file\n")
    project = make_project(tmp_path, "APP_DB_PASSWORD_FILE=secret\n")
    assert load_settings(project, {}).database.password == SecretStr("from file")
    (found,) = failure(project, {"APP_DB_PASSWORD": CANARY})
    assert "APP_DB_PASSWORD_FILE" in found.title
    assert "the shell" in found.cause
    assert ".env, line 1" in found.cause


def test_a_password_file_that_is_not_there(tmp_path):
    (found,) = failure(make_project(tmp_path, "\nAPP_DB_PASSWORD_FILE=nowhere\n"))
    assert found.code is Code.SETTING_INVALID
    assert ".env, line 2" in found.cause
    assert "No such file" in found.cause


BAD = [
    ("APP_DB_PORT", f"{CANARY}", "65535"),
    ("APP_DB_PORT", "0", "1 to 65535"),
    ("APP_DB_PORT", "70000", "1 to 65535"),
    ("APP_DB_PORT", "5_432", "whole number"),
    ("APP_DB_HOST", f"{CANARY} x", "host name"),
    ("APP_DB_NAME", CANARY * 9, "63"),
    ("APP_DB_URL", f"mysql://a:{CANARY}@h/d", "postgresql://"),
    ("APP_DB_URL", f"postgresql://a:{CANARY}@h:x/d", "PORT"),
    ("APP_DB_URL", f"{CANARY}:{CANARY}", "postgresql://"),
    ("DATABASE_URL", f"postgresql://a:{CANARY}@h:0/d", "port"),
    ("APP_DB_POOL_SIZE", "0", "1 to 10000"),
    ("APP_DB_MAX_OVERFLOW", "-1", "0 to 10000"),
    ("APP_DB_POOL_PRE_PING", CANARY, "true or false"),
    ("APP_DB_POOL_RECYCLE", "-2", "-1"),
    ("APP_DB_POOL_TIMEOUT", "inf", "seconds"),
    ("PGADMIN_EMAIL", CANARY, "e-mail"),
    ("PGADMIN_PORT", CANARY, "port"),
]


@pytest.mark.parametrize(("name", "value", "expected"), BAD)
def test_a_bad_value_is_named_with_its_place_and_never_quoted(tmp_path, name, value, expected):
    project = make_project(tmp_path, f"# first\nAPP_DB_PASSWORD={CANARY}\n{name}='{value}'\n")
    (found,) = failure(project)
    assert found.code is Code.SETTING_INVALID
    assert name in found.title
    assert ".env, line 3" in found.cause
    assert expected in found.cause
    assert found.fixes
    assert CANARY not in texts([found])
    (found,) = failure(make_project(tmp_path, f"APP_DB_PASSWORD={CANARY}\n"), {name: value})
    assert "the shell" in found.cause
    assert CANARY not in texts([found])


def test_every_bad_value_is_found_at_once(tmp_path):
    found = failure(make_project(tmp_path, "APP_DB_PORT=x\nAPP_DB_POOL_SIZE=y\nPGADMIN_PORT=z\n"))
    assert [f.cause.split(":")[0] for f in found] == [".env, line 1", ".env, line 2", ".env, line 3"]


async def test_the_fix_of_a_bad_value_mends_it(tmp_path):
    project = make_project(tmp_path, "APP_DB_PASSWORD=pw\nAPP_DB_PORT=x # mine\n")
    (found,) = failure(project)
    said = []
    await found.fixes[0].apply(said.append)
    assert (tmp_path / ".env").read_text() == "APP_DB_PASSWORD=pw\nAPP_DB_PORT=5432 # mine\n"
    assert load_settings(project, {}).database.port == 5432
    assert said


@pytest.mark.parametrize(
    "line", [f"APP_DB_PASSWORD: {CANARY}", f"APP_DB_PASSWORD='{CANARY}", f'APP_DB_PASSWORD="a{CANARY}"x']
)
def test_a_setting_on_a_line_that_python_drops(tmp_path, line):
    (found,) = failure(make_project(tmp_path, f"A=1\n\n{line}\n"))
    assert found.code is Code.ENV_SYNTAX
    assert ".env, line 3" in found.cause
    assert CANARY not in texts([found])


def test_lines_of_others_that_python_drops_are_their_business(tmp_path):
    assert load_settings(make_project(tmp_path, "OTHER: x\nAPP_DB_PASSWORD=pw\n"), {}).database


async def test_no_env_and_nothing_set_leads_to_env_init(tmp_path):
    project = make_project(tmp_path, template="APP_DB_PASSWORD=change-me\n")
    settings = load_settings(project, {})
    assert not settings.names_database
    with pytest.raises(Failure) as caught:
        _ = settings.database
    found = caught.value.finding
    assert found.code is Code.SETTING_MISSING
    assert found.fixes[0].command == "stackdeck env init"
    await found.fixes[0].apply(lambda _line: None)
    assert load_settings(project, {}).database.password


@pytest.mark.parametrize("env", ["", "# nothing\n", "APP_DB_PASSWORD=\n"])
async def test_a_missing_password_is_generated_by_its_fix(tmp_path, env):
    project = make_project(tmp_path, env)
    with pytest.raises(Failure) as caught:
        _ = load_settings(project, {}).database
    await caught.value.finding.fixes[0].apply(lambda _line: None)
    password = load_settings(project, {}).database.password
    assert password
    assert len(password.get_secret_value()) >= 32


def test_an_env_file_that_was_asked_for_must_be_there(tmp_path):
    from stack.project import Options, open_project

    project = open_project(Options(tmp_path, env_file=tmp_path / "ci.env"))
    (found,) = failure(project)
    assert found.code is Code.ENV_MISSING
    assert "ci.env" in found.cause


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"A=1\nB=\xff\n", "line 2"), ("A=1\n".encode("utf-16"), "UTF-16")],
)
def test_a_file_that_is_not_utf8(tmp_path, data, says):
    project = make_project(tmp_path)
    (tmp_path / ".env").write_bytes(data)
    (found,) = failure(project)
    assert found.code is Code.ENV_UNREADABLE
    assert says in found.cause


def test_a_directory_in_its_place(tmp_path):
    (tmp_path / ".env").mkdir()
    (found,) = failure(make_project(tmp_path))
    assert found.code is Code.ENV_UNREADABLE


def test_windows_line_ends_and_a_byte_order_mark(tmp_path):
    project = make_project(tmp_path, "\ufeffAPP_DB_PASSWORD=pw\r\nAPP_DB_PORT=6000\r\n")
    assert load_settings(project, {}).database == DatabaseURL("localhost", 6000, "app", "app", SecretStr("pw"))


def test_secrets_do_not_show(tmp_path):
    (tmp_path / "secret").write_text(CANARY)
    for env in (
        f"APP_DB_PASSWORD={CANARY}",
        f"APP_DB_URL=postgres://a:{CANARY}@h/d",
        f"PGADMIN_PASSWORD={CANARY}",
        f"DATABASE_URL=postgres://a:{CANARY}@h/d",
        "APP_DB_PASSWORD_FILE=secret",
    ):
        settings = load_settings(make_project(tmp_path, env), {})
        assert CANARY not in repr(settings) + str(settings)
