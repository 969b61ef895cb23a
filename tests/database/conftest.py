"""Databases with the booking tables in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine

from stack.database.sessions import sqlalchemy_url
from stack.environment.url import DatabaseURL
from tests.support.postgres import PostgresServer

ALEMBIC_INI = Path(__file__).parents[2] / "alembic.ini"


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> Iterator[DatabaseURL]:
    """A database at the newest revision, as a template for others; nobody may stay connected to it."""
    with postgres.database() as url:
        engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
        with engine.connect() as connection:
            command.upgrade(Config(ALEMBIC_INI, attributes={"connection": connection}), "head")
        yield url


@pytest.fixture
def booking_database(postgres: PostgresServer, migrated: DatabaseURL) -> Iterator[DatabaseURL]:
    """A database of this test's own with the booking tables, empty."""
    with postgres.database(template=migrated.database) as url:
        yield url
