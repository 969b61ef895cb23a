"""A real Postgres server for tests: one a test process, a database of its own for each test."""

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from stack.environment.url import DatabaseURL
from stack.findings import Failure
from stack.services.embedded.account import server_account
from stack.services.embedded.area import Area, locked
from stack.services.embedded.binaries import Binaries, candidates
from stack.services.embedded.binaries import find_binaries as find
from stack.services.embedded.cluster import HOST, SERVER_SETTINGS, Cluster, free_port, stop
from stack.services.embedded.staging import stage, staged_programs
from stack.text import SecretStr

SETTINGS = dict(SERVER_SETTINGS) | {"fsync": "off", "max_connections": "200"}
"""What a server of tests is started with: its data need not outlive the machine."""


def find_binaries() -> Binaries | None:
    """Return the server that Stackdeck itself would run here, or None where there is none."""
    nothing = Path("/nonexistent")
    try:
        return find(candidates(), server_account(nothing), nothing)
    except Failure:
        return None


@dataclass(frozen=True)
class PostgresServer:
    """A running server and its superuser."""

    port: int
    password: str

    def url(self, database: str = "postgres") -> DatabaseURL:
        return DatabaseURL(HOST, self.port, database, "app", SecretStr(self.password))

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
def server_home() -> Iterator[Path]:
    """Make a directory that a server's account can enter; afterwards, stop the servers in it and remove it."""
    home = Path(tempfile.mkdtemp(prefix="stackdeck-test-", dir=_scratch()))
    home.chmod(0o755)
    try:
        yield home
    finally:
        for pid_file in home.rglob("data/postmaster.pid"):
            asyncio.run(stop(pid_file.parent))
        shutil.rmtree(home)


def _scratch() -> str:
    """Return memory where there is plenty that programs may be run from: there a server's fsync costs nothing."""
    with contextlib.suppress(OSError):
        memory = os.statvfs("/dev/shm")
        if memory.f_bavail * memory.f_frsize > 4_000_000_000 and not memory.f_flag & os.ST_NOEXEC:
            return "/dev/shm"
    return "/tmp"


@contextlib.contextmanager
def run_postgres(binaries: Binaries) -> Iterator[PostgresServer]:
    """Run a server with scram passwords on a free loopback port, as an unprivileged account where we are root."""
    password = secrets.token_hex(8)
    with server_home() as home:
        server = asyncio.run(_run(Area(home / "home", "server"), binaries, password))
        yield PostgresServer(server, password)


async def _run(area: Area, binaries: Binaries, password: str) -> int:
    programs = binaries.directory
    async with locked(area.directory):
        if not binaries.reachable:
            programs = staged_programs(binaries, area.home)
            async with locked(area.home / "binaries"):
                stage(binaries, area.home)
        cluster = Cluster(area, programs, server_account(area.data))
        await cluster.initialise("app", SecretStr(password))
        server = await cluster.start(free_port(), timeout=60, settings=SETTINGS)
    return server.port
