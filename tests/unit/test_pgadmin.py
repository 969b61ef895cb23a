"""What is wrong with a pgAdmin, from its container, its log and its files."""

import json
from dataclasses import replace

import pytest

from stack.doctor.pgadmin import (
    PgAdminFixes,
    Where,
    is_broken,
    judge_log,
    judge_port,
    judge_servers,
    judge_settings,
    knows_account,
    strange_account,
)
from stack.findings import Code, Fix, Severity
from stack.services.control import State
from stack.services.engine.inspection import InspectedMount
from stack.services.engine.pgadmin import Accounts, read_accounts, server_hosts
from tests.unit.test_login import CONTAINER

WHERE = Where("pgadmin", "db", ".env")
FIXES = PgAdminFixes((Fix("Write an account"),), Fix("Start it"))
BY_HAND = PgAdminFixes((), Fix("Start it"))
PGADMIN = replace(
    CONTAINER,
    name="p-pgadmin-1",
    state=State.EXITED,
    exit_code=1,
    mounts=(InspectedMount("/var/lib/pgadmin", None, "/srv/pgadmin"),),
)
ACCOUNT = {"PGADMIN_DEFAULT_EMAIL": "ada@example.com", "PGADMIN_DEFAULT_PASSWORD": "enough"}


def test_who_has_been_stopped_is_not_broken():
    for state, exit_code, broken in (
        (State.RUNNING, 0, False),
        (State.EXITED, 0, False),
        (State.EXITED, 143, False),
        (State.CREATED, 0, False),
        (State.EXITED, 1, True),
        (State.RESTARTING, 1, True),
    ):
        assert is_broken(replace(PGADMIN, state=state, exit_code=exit_code)) is broken


@pytest.mark.parametrize(
    ("log", "code", "words"),
    [
        ("'a@x.local' does not appear to be a valid email address. Please", Code.SETTING_INVALID, "given a@x.local"),
        ("You need to define the PGADMIN_DEFAULT_EMAIL and", Code.SETTING_MISSING, "PGADMIN_DEFAULT_PASSWORD"),
        (
            "PermissionError: [Errno 13] Permission denied: '/var/lib/pgadmin/sessions'",
            Code.PGADMIN_PERMISSION,
            "may not write /var/lib/pgadmin/sessions, which is on the directory /srv/pgadmin of this machine",
        ),
        ("something else", Code.SERVICE_EXITED, "ended with status 1"),
    ],
)
def test_the_log_tells_why_it_ends(log, code, words):
    found = judge_log(f"one line\n{log}\n", PGADMIN, WHERE, FIXES)
    assert (found.code, found.severity) == (code, Severity.WARNING)
    assert words in found.cause
    assert log in found.evidence
    assert found.fixes


def test_the_directory_is_given_to_pgadmins_account():
    found = judge_log("[Errno 13] Permission denied: '/var/lib/pgadmin/sessions'", PGADMIN, WHERE, FIXES)
    assert found.fixes[0].command == "sudo chown -R 5050:5050 /srv/pgadmin"


@pytest.mark.parametrize(
    ("email", "accepted"),
    [("ada@example.com", True), ("a@b.dev", True), ("a@x.local", False), ("a@x.TEST", False), ("ada@here", False)],
)
def test_an_address_that_pgadmin_would_refuse(email, accepted):
    found = judge_settings(ACCOUNT | {"PGADMIN_DEFAULT_EMAIL": email}, WHERE, FIXES)
    assert (found is None) is accepted
    assert found is None or (found.code is Code.SETTING_INVALID and email in found.cause)


def test_an_account_that_is_not_given():
    for name in ACCOUNT:
        assert judge_settings(ACCOUNT | {name: ""}, WHERE, FIXES).code is Code.SETTING_MISSING
    own = ACCOUNT | {"PGADMIN_DEFAULT_EMAIL": "a@x.local", "PGADMIN_CONFIG_ALLOW_SPECIAL_EMAIL_DOMAINS": "['local']"}
    assert judge_settings(own, WHERE, FIXES) is None


def test_an_account_in_variables_is_written_and_one_in_the_compose_file_is_a_persons():
    bad = ACCOUNT | {"PGADMIN_DEFAULT_EMAIL": "a@x.local"}
    assert judge_settings(bad, WHERE, FIXES).fixes[0] is FIXES.account[0]
    assert "under environment: of pgadmin" in judge_settings(bad, WHERE, BY_HAND).fixes[0].title
    assert judge_settings({}, WHERE, FIXES).fixes == FIXES.account
    assert "under environment: of pgadmin" in judge_settings({}, WHERE, BY_HAND).fixes[0].title


def test_an_account_of_another_address():
    accounts = Accounts({"first@example.com": "unknown"}, "salt")
    assert not knows_account(accounts, ACCOUNT)
    anew = Fix("Begin anew", destructive=True)
    found = strange_account(accounts, "ada@example.com", WHERE, "p_pgadmin", (anew,))
    assert found.code is Code.PGADMIN_ACCOUNT
    assert "it had another address than ada@example.com" in found.cause
    assert "the volume p_pgadmin" in found.cause
    assert found.fixes[1] is anew
    assert strange_account(accounts, "ada@example.com", WHERE, None, ()).fixes[1].apply is None
    # Where its way to keep passwords is not known, nothing is said of them.
    assert knows_account(Accounts({"ada@example.com": "$argon2$x"}, "salt"), ACCOUNT)
    assert knows_account(accounts, {})


def test_what_is_no_database_of_pgadmins_says_nothing():
    assert read_accounts(b"") is None
    assert read_accounts(b"SQLite format 3\0" + b"\0" * 100) is None


def test_a_server_that_is_looked_for_in_pgadmins_own_container():
    servers = {"Servers": {"1": {"Name": "shop", "Host": "localhost"}, "2": {"Name": "b", "Host": "db"}}}
    found = judge_servers(server_hosts(json.dumps(servers).encode()), WHERE)
    assert found.title == "pgAdmin looks for shop in its own container"
    assert '"Host": "db"' in found.fixes[0].title
    assert judge_servers({"b": "db"}, WHERE) is None
    for broken in (b"", b"[]", b"{}", b'{"Servers": 1}', b'{"Servers": {"1": 2}}', b"\xff"):
        assert server_hosts(broken) == {}


def test_a_port_that_it_does_not_listen_on():
    found = judge_port((80,), PGADMIN, "Restricted security context detected; defaulting", WHERE)
    assert found.title == "pgAdmin listens on port 8080, and 80 is published"
    assert judge_port((80,), PGADMIN, "", WHERE) is None
    own = replace(PGADMIN, environment={"PGADMIN_LISTEN_PORT": "5050"})
    assert judge_port((80,), own, "", WHERE).code is Code.PGADMIN_PORT
    assert judge_port((5050,), own, "", WHERE) is None
