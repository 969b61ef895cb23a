"""Plain settings name the same database and pool as the settings themselves do; other values are left to those."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.environment import address
from stack.environment.address import PLAIN, Written, written_address
from stack.environment.model import SETTINGS
from stack.environment.settings import load_settings
from stack.findings import Code, Failure
from tests.support.projects import make_project

VALUES = {
    "APP_DB_USER": ["app", "", "a b", "x" * 63, "x" * 64],
    "APP_DB_PASSWORD": ["pw", "", "p w", "ü"],
    "APP_DB_PASSWORD_FILE": ["", "nowhere"],
    "APP_DB_NAME": ["other", "", "ü" * 63, "y" * 64],
    "APP_DB_HOST": ["localhost", "::1", "db.example.com", "a b", "x@y", ""],
    "APP_DB_PORT": ["5432", "05432", "0", "65535", "65536", "5_432", "-1", "x", ""],
    "APP_DB_URL": ["", "postgres://u:p@h:1/d", "postgresql+asyncpg://u@h", "mysql://u@h/d", "nonsense", "postgres://h"],
    "DATABASE_URL": ["", "postgres://x:y@h/z", "sqlite:///dev.db", "postgres://x:y@h:0/z"],
    "APP_DB_POOL_SIZE": ["20", "0", "10000", "10001", "x", "010"],
    "APP_DB_MAX_OVERFLOW": ["0", "-1", "40"],
    "APP_DB_POOL_PRE_PING": ["true", "false", "yes", "maybe"],
    "APP_DB_POOL_RECYCLE": ["3600", "-1", "-2", "0"],
    "APP_DB_POOL_TIMEOUT": ["30", "0.5", "0", "inf", "1e3", "86400", "86401"],
    "PGADMIN_EMAIL": ["a@b.example", "a@", "no", "a b@c"],
    "PGADMIN_PORT": ["5050", "0", "99999"],
    "PGADMIN_PASSWORD": ["x", ""],
}


def outcome(read):
    """What came of reading, as far as the two ways may be compared: new passwords differ in the fixes."""
    try:
        return read()
    except Failure as failure:
        return [(finding.code, finding.title, finding.cause) for finding in failure.findings]


def named_by_settings(project, environ):
    settings = load_settings(project, environ)
    return Written(settings.database if settings.names_database else None, settings.pool)


def test_every_setting_is_judged():
    assert PLAIN.keys() == SETTINGS.keys() == VALUES.keys()


@given(
    st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in VALUES.items()}),
    st.sets(st.sampled_from(sorted(VALUES))),
)
def test_both_ways_lead_to_the_same_database(tmp_path_factory, values, in_the_shell):
    file = {name: value for name, value in values.items() if name not in in_the_shell}
    shell = {name: value for name, value in values.items() if name in in_the_shell}
    text = "".join(f"{name}='{value}'\n" for name, value in file.items())
    project = make_project(tmp_path_factory.mktemp("project"), text)
    assert outcome(lambda: written_address(project, shell)) == outcome(lambda: named_by_settings(project, shell))


@pytest.mark.parametrize(
    ("env", "host"),
    [
        ("APP_DB_PASSWORD=pw\nAPP_DB_PORT=6000\n", "localhost"),
        ("APP_DB_URL=postgresql://a:b@h/d\nAPP_DB_POOL_SIZE=5\n", "h"),
        ("DATABASE_URL=sqlite:///dev.db\n", None),
        ("SOMETHING=else\n", None),
        (None, None),
    ],
)
def test_what_is_plain_needs_no_settings(tmp_path, monkeypatch, env, host):
    monkeypatch.setitem(sys.modules, "stack.environment.settings", None)  # importing it now fails
    written = written_address(make_project(tmp_path, env), {}).database
    assert (written and written.host) == host


def test_a_line_that_python_cannot_read_is_left_to_the_settings(tmp_path):
    project = make_project(tmp_path, "APP_DB_PASSWORD=pw\nAPP_DB_PORT='6000' x\n")
    with pytest.raises(Failure) as caught:
        written_address(project, {})
    assert caught.value.finding.code is Code.ENV_SYNTAX


def test_the_defaults_are_the_settings(tmp_path):
    settings = load_settings(make_project(tmp_path, "APP_DB_PASSWORD=pw\n"), {}).database
    assert (settings.host, settings.port) == (address.HOST, address.PORT)
    assert (settings.database, settings.user) == (address.DATABASE, address.USER)
