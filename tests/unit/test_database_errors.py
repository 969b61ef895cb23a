"""Whatever the database or the driver raises becomes a finding that says what to do and holds no secret."""

import socket
import ssl

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError, NoSuchTableError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from stack.database.errors import explain
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding
from stack.text import SecretStr

HERE = DatabaseURL("localhost", 5432, "bookings", "app", SecretStr("canary-7d1f"))
THERE = DatabaseURL("db.example.com", 6543, "bookings", "app")


def with_code(sqlstate: str, words: str = "words of the server") -> psycopg.Error:
    error = psycopg.OperationalError(words)
    error.sqlstate = sqlstate
    return error


def caused_by(reason: OSError) -> psycopg.OperationalError:
    error = psycopg.OperationalError("connection failed: words of libpq")
    error.__cause__ = reason
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (with_code("28P01"), Code.DATABASE_PASSWORD),
        (with_code("28000"), Code.DATABASE_ROLE_MISSING),
        (with_code("28000", "no pg_hba.conf entry for host"), Code.DATABASE_REFUSED_LOGIN),
        (with_code("3D000"), Code.DATABASE_MISSING),
        (with_code("42501"), Code.DATABASE_PERMISSION),
        (with_code("42P01"), Code.TABLE_MISSING),
        (with_code("53100"), Code.DATABASE_DISK_FULL),
        (with_code("53300"), Code.DATABASE_TOO_MANY_CONNECTIONS),
        (with_code("55P03"), Code.DATABASE_TIMEOUT),
        (with_code("57014"), Code.DATABASE_TIMEOUT),
        (with_code("57P01"), Code.DATABASE_LOST),
        (with_code("57P03"), Code.DATABASE_STARTING),
        (with_code("08006"), Code.DATABASE_LOST),
        (with_code("XX000"), Code.DATABASE_ERROR),
        (caused_by(ConnectionRefusedError(111, "Connection refused")), Code.DATABASE_UNREACHABLE),
        (caused_by(socket.gaierror(-2, "Name or service not known")), Code.DATABASE_UNREACHABLE),
        (caused_by(ssl.SSLError("no TLS")), Code.DATABASE_TLS),
        (psycopg.errors.ConnectionTimeout("no answer within 3 s"), Code.DATABASE_UNREACHABLE),
        (TimeoutError(), Code.DATABASE_UNREACHABLE),
        (OSError(113, "No route to host"), Code.DATABASE_UNREACHABLE),
        (psycopg.OperationalError("connection failed: FATAL:  nein"), Code.DATABASE_REFUSED_LOGIN),
        (psycopg.OperationalError("connection failed: SSL error: certificate verify failed"), Code.DATABASE_TLS),
        (psycopg.OperationalError("consuming input failed: server closed the connection"), Code.DATABASE_LOST),
        (psycopg.InterfaceError("the connection is closed"), Code.DATABASE_LOST),
        (psycopg.DataError("odd"), Code.DATABASE_ERROR),
        (PoolTimeoutError("QueuePool limit of size 5 overflow 10 reached"), Code.POOL_EXHAUSTED),
        (NoSuchTableError("bookings"), Code.DATABASE_ERROR),
    ],
)
def test_each_error_has_its_finding(error, code):
    for url in (HERE, THERE):
        finding = explain(error, url).finding
        assert finding.code == code
        assert finding.title
        assert finding.cause
        assert finding.fixes
        assert finding.title[-1] != "."
        assert finding.cause[-1] != "."


def test_an_error_of_sqlalchemy_is_its_driver_s_without_the_statement():
    wrapped = DBAPIError("SELECT secret", {"password": "canary-7d1f"}, with_code("57P01", "terminating connection"))
    finding = explain(wrapped, HERE).finding
    assert finding.code == Code.DATABASE_LOST
    assert finding.evidence == "terminating connection"


def test_a_failure_stays_itself():
    failure = Failure(Finding(Code.SEED_REFUSED, "title", "cause"))
    assert explain(failure, HERE) is failure


def test_a_stopped_local_server_is_started_and_a_distant_one_is_not():
    refused = caused_by(ConnectionRefusedError())
    assert explain(refused, HERE).finding.fixes[0].command == "stackdeck up"
    assert not [fix for fix in explain(refused, THERE).finding.fixes if fix.command == "stackdeck up"]


@given(
    st.sampled_from([psycopg.OperationalError, psycopg.ProgrammingError, OSError, RuntimeError, DBAPIError]),
    st.text(),
    st.text(alphabet="0123456789ABCDEFP", min_size=5, max_size=5) | st.none(),
)
def test_no_error_is_too_odd_and_none_tells_the_password(kind, words, sqlstate):
    words = f"{words} canary-7d1f {words}"
    error = kind(words, None, None) if kind is DBAPIError else kind(words)
    if isinstance(error, psycopg.Error):
        error.sqlstate = sqlstate
    finding = explain(error, HERE).finding
    assert finding.title
    assert finding.fixes
    assert "canary-7d1f" not in f"{finding.title} {finding.cause} {finding.evidence}"
