"""The cause of a refused log-in, from what the server's superuser, the container and `.env` say."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import pq

from stack.database.scram import is_of, make_verifier
from stack.doctor.by_hand import by_hand
from stack.doctor.login import Listener, PublishedPort, Server, Written, judge, published_ports
from stack.doctor.login_fixes import LoginFixes
from stack.environment.url import DatabaseURL
from stack.findings import Code, Finding, Fix
from stack.project import Options, open_project
from stack.services.control import Health, State
from stack.services.engine.backends import backends
from stack.services.engine.inspection import InspectedMount, Inspection
from stack.services.engine.inventory import Client, HeldDatabase, Inventory, Role
from stack.text import SecretStr

MADE = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)
PASSWORD = SecretStr("of-the-settings")
OLD = SecretStr("of-the-volume")
URL = DatabaseURL("localhost", 5432, "shop", "ada", PASSWORD)
CONTAINER = Inspection(
    id="c" * 64,
    name="p-db-1",
    image="postgres:16",
    state=State.RUNNING,
    health=Health.HEALTHY,
    exit_code=0,
    restarts=0,
    error="",
    out_of_memory=False,
    created_at=MADE,
    started_at=MADE,
    shm_size=0,
    mounts=(InspectedMount("/var/lib/postgresql/data", "p_data", None),),
    probes=(),
    health_test=(),
    environment={"POSTGRES_PASSWORD": PASSWORD.get_secret_value()},
    labels={},
)


def role(name="ada", *, password=OLD, may_log_in=True, expired=False, limit=-1):
    return Role(name, may_log_in, expired, make_verifier(password) if password else None, limit)


def inventory(*roles, databases=("postgres", "shop"), clients=()):
    return Inventory(
        superuser=roles[0].name,
        initialised_at=MADE,
        hba_file="/data/pg_hba.conf",
        max_connections=20,
        roles={it.name: it for it in roles},
        databases={name: HeldDatabase(name, roles[0].name, 8_000_000, -1) for name in databases},
        clients=clients,
    )


def server(inside, **fields):
    made = Server(
        url=URL,
        container=CONTAINER,
        inventory=inside,
        backends=(),
        written=Written(".env", MADE, hidden=False, pieces=True, file_password=PASSWORD, compose_password=PASSWORD),
        published=(PublishedPort("127.0.0.1", 5432),),
        listener=Listener(None, "APP_DB_PORT", 5433),
    )
    return replace(made, **fields)


@pytest.fixture
def judged(tmp_path):
    """Judge a refusal with `code`, and hold that no finding tells a password or a verifier."""
    (tmp_path / ".env").touch()

    class Stack:
        project = open_project(Options(tmp_path))

    def judge_it(code, seen, words="FATAL: no"):
        refused = Finding(code, "refused", "cause", evidence=words, fixes=(Fix("look", "stackdeck env check"),))
        found = judge(refused, seen, LoginFixes(Stack(), seen.url, "db", seen.container))
        told = repr(found) + repr(seen)
        assert PASSWORD.get_secret_value() not in told.replace(repr(seen.container), "")
        assert OLD.get_secret_value() not in told
        assert "SCRAM" not in told
        return found

    return judge_it


def titles(finding):
    return [fix.title for fix in finding.fixes]


def test_the_password_of_a_volume_that_is_older(judged):
    found = judged(Code.DATABASE_PASSWORD, server(inventory(role())))
    assert found.code is Code.DATABASE_PASSWORD
    assert found.title == "The password in .env is not the one the volume p_data was created with"
    assert "p-db-1 has been given the new one" in found.cause
    keep, restore, delete = found.fixes
    assert keep.apply
    assert not keep.destructive
    assert not restore.apply, "nobody knows the earlier one"
    assert delete.destructive
    assert "16.0 MB in postgres, shop" in delete.title


def test_a_container_that_still_has_the_earlier_password_can_give_it_back(judged):
    container = replace(CONTAINER, environment={"POSTGRES_PASSWORD": OLD.get_secret_value()})
    found = judged(Code.DATABASE_PASSWORD, server(inventory(role()), container=container))
    assert ".env has been given another password since" in found.cause
    assert found.fixes[1].apply
    assert found.fixes[1].command is None


def test_a_shell_that_hides_the_right_password_is_the_cause(judged):
    written = Written(".env", MADE, hidden=True, pieces=True, file_password=OLD, compose_password=OLD)
    found = judged(Code.DATABASE_PASSWORD, server(inventory(role()), written=written))
    assert found.title == "The password in the shell is not the server's"
    assert "The shell sets APP_DB_PASSWORD" in found.cause


def test_a_server_that_refuses_the_containers_own_password_is_another(judged):
    found = judged(
        Code.DATABASE_PASSWORD,
        server(inventory(role(password=PASSWORD)), listener=Listener("postgres (pid 8)", "APP_DB_PORT", 5433)),
    )
    assert found.code is Code.DATABASE_OTHER_SERVER
    assert "not this project's container" in found.title
    assert "postgres (pid 8)" in found.cause
    assert titles(found)[0] == "Use the address that p-db-1 is published on"
    assert "5433" in titles(found)[1]


def test_a_role_that_is_not_there(judged):
    found = judged(Code.DATABASE_PASSWORD, server(inventory(role("app"))))
    assert found.code is Code.DATABASE_ROLE_MISSING
    assert found.title == "The server has no role ada"
    assert "has the role app; .env says ada now" in found.cause
    assert "with the rights of app, who owns shop" in titles(found)[0]
    assert found.fixes[1].command == "stackdeck env set APP_DB_USER=app"


def test_a_role_and_a_database_that_are_not_there_are_created_together(judged):
    found = judged(Code.DATABASE_ROLE_MISSING, server(inventory(role("app"), databases=("postgres", "app"))))
    assert "and its database shop" in titles(found)[0]


@pytest.mark.parametrize(
    ("known", "code", "title"),
    [
        (role(may_log_in=False), Code.DATABASE_ROLE_MISSING, "The role ada may not log in"),
        (role(password=None), Code.DATABASE_PASSWORD, "The role ada has no password"),
        (role(password=PASSWORD, expired=True), Code.DATABASE_PASSWORD, "The password of ada has expired"),
    ],
)
def test_what_else_keeps_a_role_out(judged, known, code, title):
    found = judged(Code.DATABASE_PASSWORD, server(inventory(known)))
    assert (found.code, found.title) == (code, title)
    assert found.automatic_fix
    assert not found.automatic_fix.destructive


def test_settings_without_a_password_take_none_from_the_role(judged):
    url = replace(URL, password=None)
    found = judged(Code.DATABASE_PASSWORD, server(inventory(role()), url=url), "fe_sendauth: no password supplied")
    assert found.title == "No password is known for ada, and the server asks for one"
    assert not [fix for fix in found.fixes if fix.apply]
    assert "postgresql://ada:PASSWORD@localhost:5432/shop" in found.fixes[0].title
    (let_in,) = judged(Code.DATABASE_ROLE_MISSING, server(inventory(role(may_log_in=False)), url=url)).fixes
    assert let_in.title == "Give the role ada of the server the right to log in"
    assert let_in.command == "stackdeck doctor --fix database-role-missing"


def test_a_database_that_is_not_there(judged):
    found = judged(Code.DATABASE_MISSING, server(inventory(role(), databases=("postgres", "app"))))
    assert "has the database app; .env says shop now" in found.cause
    assert titles(found) == ["Create an empty database shop that ada owns", "Use the database that is there: app"]


def test_a_server_that_lacks_a_database_that_the_container_has_is_another(judged):
    assert judged(Code.DATABASE_MISSING, server(inventory(role()))).code is Code.DATABASE_OTHER_SERVER


def test_who_holds_the_connections(judged):
    clients = (Client("shop-web", "172.18.0.1", 15, 12), Client("", None, 2, 0))
    found = judged(Code.DATABASE_TOO_MANY_CONNECTIONS, server(inventory(role(), clients=clients)))
    assert (
        "All 20 connections of the server are taken: 15 by «shop-web» from 172.18.0.1, 12 of them idle" in found.cause
    )
    assert "2 by clients without a name" in found.cause
    assert titles(found)[0] == "End the 12 idle sessions of «shop-web»; none of them is in a transaction"


def test_who_holds_the_connections_where_nobody_can_ask(judged):
    titles_seen = (
        "1 postgres -c max_connections=12",
        "44 postgres: walwriter   ",
        "50 postgres: ada shop 172.18.0.1(50000) idle  ",
        "51 postgres: main: a b shop 172.18.0.1(50002) idle in transaction",
        "52 postgres: ada shop ::1(50003) SELECT",
        "53 postgres: ada shop [local] idle",
    )
    seen = tuple(backends(titles_seen))
    assert [(it.process, it.user, it.address, it.is_idle) for it in seen] == [
        (50, "ada", "172.18.0.1", True),
        (51, "a b", "172.18.0.1", False),
        (52, "ada", "::1", False),
        (53, "ada", None, True),
    ]
    found = judged(Code.DATABASE_TOO_MANY_CONNECTIONS, server(None, backends=seen))
    assert "All 4 connections are taken" in found.cause
    assert "2 from 172.18.0.1, 1 from ::1, 1 from the container itself; 2 of them idle" in found.cause
    assert found.automatic_fix
    assert not found.automatic_fix.destructive
    assert judged(Code.DATABASE_TOO_MANY_CONNECTIONS, server(None)).title == "refused"


def test_a_limit_of_the_role_is_told_apart(judged):
    clients = (Client("shop-web", "172.18.0.1", 3, 0),)
    found = judged(Code.DATABASE_TOO_MANY_CONNECTIONS, server(inventory(role(limit=3), clients=clients)))
    assert found.cause.startswith("The role ada may have 3 connections")
    assert found.automatic_fix is None


def test_a_server_that_starts_is_waited_for(judged):
    assert judged(Code.DATABASE_STARTING, server(None)).automatic_fix


def test_a_rule_that_lets_nobody_in(judged):
    words = 'FATAL:  no pg_hba.conf entry for host "172.18.0.1", user "ada", database "shop", no encryption'
    found = judged(Code.DATABASE_REFUSED_LOGIN, server(inventory(role())), words)
    assert "/data/pg_hba.conf in p-db-1" in found.cause
    assert found.automatic_fix
    assert judged(Code.DATABASE_REFUSED_LOGIN, server(inventory(role())), "pg_hba.conf rejects").automatic_fix is None


def test_a_container_that_is_published_elsewhere(judged):
    found = judged(Code.DATABASE_UNREACHABLE, server(None, published=(PublishedPort("127.0.0.1", 5544),)))
    assert found.title == "p-db-1 is published on port 5544, and the settings say 5432"
    assert found.automatic_fix
    nowhere = judged(Code.DATABASE_UNREACHABLE, server(None, published=()))
    assert nowhere.title == "p-db-1 publishes no port"


def test_nothing_is_made_up_where_nothing_more_is_known(judged):
    for code in (Code.DATABASE_PASSWORD, Code.DATABASE_ROLE_MISSING, Code.DATABASE_MISSING, Code.DATABASE_TLS):
        assert judged(code, server(None)).title == "refused"


def test_where_a_service_publishes_its_database():
    ports = ("127.0.0.1:5544->5432/tcp", "[::1]:5545->5432/tcp", "0.0.0.0:80->8080/tcp", "5432/tcp")
    assert published_ports(ports) == (PublishedPort("127.0.0.1", 5544), PublishedPort("::1", 5545))


@pytest.mark.parametrize("code", [Code.DATABASE_PASSWORD, Code.DATABASE_ROLE_MISSING, Code.DATABASE_MISSING])
def test_on_somebody_elses_server_the_way_is_by_hand_and_tells_no_password(code):
    destructive = Fix("begin anew", "stackdeck down --volumes --yes", destructive=True)
    url = replace(URL, host="db.example.com", user='a"da')
    found = by_hand(Finding(code, "refused", "cause", fixes=(destructive,)), url, None)
    assert found.fixes[0].command
    assert found.fixes[0].command.startswith("psql -h db.example.com -p 5432 -U postgres -d postgres -c ")
    assert not any(fix.destructive or fix.apply for fix in found.fixes)
    assert PASSWORD.get_secret_value() not in repr(found)


def test_where_nobody_is_at_an_address_of_this_machine_the_projects_own_database_is_named():
    refused = Finding(Code.DATABASE_UNREACHABLE, "refused", "cause", fixes=(Fix("Start it", "stackdeck up"),))
    found = by_hand(refused, replace(URL, port=6000), URL)
    assert found.cause == "cause. The Compose file publishes a database at localhost:5432"
    assert found.fixes[0].title == "Write port 5432 into the settings, if that one is meant"
    assert not [fix for fix in found.fixes if fix.command == "stackdeck up"], "it starts nothing there"
    assert "Compose" not in by_hand(refused, URL, None).cause


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_verifier_is_that_of_libpq(password):
    libpq = pq.PGconn.connect_start(b"host=127.0.0.1 port=1")
    made = SecretStr(libpq.encrypt_password(password.encode(), b"ada", b"scram-sha-256").decode())
    libpq.finish()
    assert is_of(made, SecretStr(password))
    assert is_of(make_verifier(SecretStr(password)), SecretStr(password))
    assert not is_of(made, SecretStr(f"{password}x"))


def test_what_is_no_verifier_is_of_no_password():
    for text in ("md5" + "0" * 32, "", "SCRAM-SHA-256$4096:x$y:z"):
        assert not is_of(SecretStr(text), SecretStr("x"))
