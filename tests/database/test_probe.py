"""A server that answers is measured; one that does not gets the finding that is true, whatever its language."""

import asyncio
import dataclasses
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from stack.database.connection import connect
from stack.database.probe import ping, wait_until_ready
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure
from stack.text import SecretStr
from tests.support.postgres import PostgresServer, find_binaries, run_postgres
from tests.support.require import require
from tests.support.wire import answering, refusal, silent_server

CANARY = "canary-7d1f"


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


async def failure_of(url: DatabaseURL, timeout: float = 5) -> Failure:
    with pytest.raises(Failure) as caught:
        await ping(url, timeout=timeout)
    finding = caught.value.finding
    assert finding.fixes
    assert CANARY not in repr(finding) + repr(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


async def code_of(url: DatabaseURL, timeout: float = 5) -> Code:
    return (await failure_of(url, timeout)).finding.code


async def test_a_ping_is_a_real_query(database):
    answer = await ping(database)
    assert answer.latency_ms > 0
    with psycopg.connect(database.reveal()) as connection:
        version, started_at = connection.execute(
            "SELECT current_setting('server_version_num')::int / 10000, pg_postmaster_start_time()"
        ).fetchone()
    assert answer.server_version.split(".")[0] == str(version)
    assert " " not in answer.server_version
    assert answer.postmaster_started_at == started_at


async def test_names_are_resolved_outside_the_default_executor(database):
    async with await connect(dataclasses.replace(database, host="localhost"), autocommit=True) as connection:
        await connection.execute("SELECT 1")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("asyncio_")]


async def test_options_of_the_url_win(database):
    url = dataclasses.replace(database, options=(("application_name", "theirs"), ("options", "-c work_mem=1234kB")))
    async with await connect(url, application_name="ours") as connection:
        cursor = await connection.execute("SELECT current_setting('application_name'), current_setting('work_mem')")
        assert await cursor.fetchone() == ("theirs", "1234kB")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"password": SecretStr(CANARY)}, Code.DATABASE_PASSWORD),
        ({"user": "nobody-here", "password": SecretStr(CANARY)}, Code.DATABASE_PASSWORD),
        ({"password": None}, Code.DATABASE_PASSWORD),
        ({"database": "no-such-database"}, Code.DATABASE_MISSING),
        ({"options": (("sslmode", "require"),)}, Code.DATABASE_TLS),
        ({"options": (("no_such_option", "1"),)}, Code.DATABASE_ERROR),
        ({"host": "no-such-host.invalid"}, Code.DATABASE_UNREACHABLE),
    ],
)
async def test_what_a_real_server_refuses(database, monkeypatch, change, code):
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
    assert await code_of(dataclasses.replace(database, **change)) == code


async def test_no_connection_left_for_a_role(database):
    with psycopg.connect(database.reveal(), autocommit=True) as connection:
        connection.execute("CREATE ROLE narrow LOGIN PASSWORD 'x' CONNECTION LIMIT 0")
        try:
            url = dataclasses.replace(database, user="narrow", password=SecretStr("x"))
            assert await code_of(url) == Code.DATABASE_TOO_MANY_CONNECTIONS
        finally:
            connection.execute("DROP ROLE narrow")


async def test_a_database_that_a_role_may_not_enter(database):
    with psycopg.connect(database.reveal(), autocommit=True) as connection:
        connection.execute("CREATE ROLE outsider LOGIN PASSWORD 'x'")
        try:
            connection.execute(f'REVOKE CONNECT ON DATABASE "{database.database}" FROM PUBLIC')
            url = dataclasses.replace(database, user="outsider", password=SecretStr("x"))
            assert await code_of(url) == Code.DATABASE_PERMISSION
        finally:
            connection.execute("DROP ROLE outsider")


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("57P03", Code.DATABASE_STARTING),
        ("53300", Code.DATABASE_TOO_MANY_CONNECTIONS),
        ("28P01", Code.DATABASE_PASSWORD),
        ("28000", Code.DATABASE_ROLE_MISSING),
        ("3D000", Code.DATABASE_MISSING),
        ("57P01", Code.DATABASE_LOST),
        ("08004", Code.DATABASE_LOST),
        ("XX000", Code.DATABASE_ERROR),
    ],
)
async def test_codes_are_read_in_any_language(sqlstate, code):
    async with answering([refusal(sqlstate, "Tut mir leid, heute nicht")]) as port:
        failure = await failure_of(DatabaseURL("127.0.0.1", port, "app", "app", SecretStr(CANARY)))
    assert failure.finding.code == code
    assert "Tut mir leid" in failure.finding.evidence


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_something_that_is_not_postgres(reply):
    async with answering([reply]) as port:
        assert await code_of(DatabaseURL("127.0.0.1", port, "app", "app")) == Code.DATABASE_UNREACHABLE


async def test_nothing_listens():
    failure = await failure_of(DatabaseURL("127.0.0.1", closed_port(), "app", "app"))
    assert failure.finding.code == Code.DATABASE_UNREACHABLE
    assert "nothing listens" in failure.finding.cause.lower()
    assert failure.finding.fixes[0].command == "stackdeck up"


async def test_a_server_that_never_answers():
    async with silent_server() as port, asyncio.timeout(30):
        failure = await failure_of(DatabaseURL("127.0.0.1", port, "app", "app", SecretStr(CANARY)), timeout=0.2)
    assert failure.finding.code == Code.DATABASE_UNREACHABLE
    assert "in time" in failure.finding.cause


async def test_waiting_passes_over_a_server_that_starts(database):
    told = []
    async with answering([b""] * 3 + [refusal("57P03", "starting up")] * 4, then=database.port) as port:
        answer = await wait_until_ready(dataclasses.replace(database, port=port), 20, told.append)
    assert answer.server_version
    assert any("takes no connections yet" in line for line in told)


async def test_waiting_fails_at_once_on_what_it_cannot_mend(database):
    async with asyncio.timeout(30):
        with pytest.raises(Failure) as caught:
            await wait_until_ready(dataclasses.replace(database, password=SecretStr("wrong")), 60)
    assert caught.value.finding.code == Code.DATABASE_PASSWORD


async def test_waiting_ends():
    with pytest.raises(Failure) as caught:
        await wait_until_ready(DatabaseURL("127.0.0.1", closed_port(), "app", "app"), 0.3)
    assert caught.value.finding.code == Code.DATABASE_UNREACHABLE
    assert "0.3 seconds" in caught.value.finding.cause


@pytest.fixture(scope="module")
def particular() -> Iterator[PostgresServer]:
    """A server with TLS and a rule of its own for some roles."""
    binaries = find_binaries()
    require("postgres", binaries is not None, "no Postgres server binaries")
    require("postgres", shutil.which("openssl") is not None, "no openssl to make a certificate with")
    with run_postgres(binaries) as server, psycopg.connect(server.url().reveal(), autocommit=True) as connection:
        data = Path(connection.execute("SHOW data_directory").fetchone()[0])
        certificate = [str(data / "server.crt"), "-keyout", str(data / "server.key")]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=db", "-out", *certificate],
            check=True,
            capture_output=True,
        )
        for path in (data / "server.crt", data / "server.key"):
            shutil.chown(path, data.owner(), data.group())
            path.chmod(0o600)
        (data / "pg_hba.conf").write_text(
            "host all ghost 127.0.0.1/32 trust\n"
            "host all old 127.0.0.1/32 md5\n"
            "hostssl all all 127.0.0.1/32 scram-sha-256\n"
        )
        connection.execute("ALTER SYSTEM SET ssl = on")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("SET password_encryption = 'md5'")
        connection.execute("CREATE ROLE old LOGIN PASSWORD 'old'")
        yield server


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"password": SecretStr(CANARY)}, Code.DATABASE_PASSWORD),
        ({"database": "no-such-database"}, Code.DATABASE_MISSING),
        ({"options": (("sslmode", "disable"),)}, Code.DATABASE_REFUSED_LOGIN),
        ({"options": (("sslmode", "verify-full"), ("sslrootcert", "/nonexistent"))}, Code.DATABASE_TLS),
        ({"user": "ghost"}, Code.DATABASE_ROLE_MISSING),
        ({"user": "old", "password": SecretStr(CANARY)}, Code.DATABASE_PASSWORD),
        ({"user": "old", "password": SecretStr("old"), "database": "no-such-database"}, Code.DATABASE_MISSING),
        # Not repeated on the wire, so not told apart: SASLprep, and a restriction of the methods.
        ({"password": SecretStr("pässword")}, Code.DATABASE_REFUSED_LOGIN),
        ({"password": SecretStr("wrong"), "options": (("require_auth", "md5"),)}, Code.DATABASE_REFUSED_LOGIN),
    ],
)
async def test_a_server_with_tls_and_rules(particular, change, code):
    url = particular.url()
    for _ in range(100):  # the reload is asynchronous
        try:
            await ping(dataclasses.replace(url, options=(("sslmode", "require"),)))
        except Failure:
            await asyncio.sleep(0.05)
        else:
            break
    assert await code_of(dataclasses.replace(url, **change)) == code
