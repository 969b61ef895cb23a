"""Databases with the booking tables in them."""

from collections.abc import AsyncIterator, Iterator

import pytest

from stack.environment.url import DatabaseURL
from stack.tables.browser import TableBrowser
from tests.support.booking import upgrade
from tests.support.postgres import PostgresServer
from tests.support.tables import browser_for


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> Iterator[DatabaseURL]:
    """A database at the newest revision, as a template for others; nobody may stay connected to it."""
    with postgres.database() as url:
        upgrade(url)
        yield url


@pytest.fixture
def booking_database(postgres: PostgresServer, migrated: DatabaseURL) -> Iterator[DatabaseURL]:
    """A database of this test's own with the booking tables, empty."""
    with postgres.database(template=migrated.database) as url:
        yield url


@pytest.fixture
async def browser(database: DatabaseURL) -> AsyncIterator[TableBrowser]:
    """The tables of this test's own database."""
    async with browser_for(database) as (tables, _):
        yield tables
