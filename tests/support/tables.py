"""Reading tables in tests: an engine for one test, and what was sent to the server."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import psycopg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from stack.database.access import Database
from stack.database.sessions import create_engine
from stack.environment.pool import PoolSettings
from stack.environment.url import DatabaseURL
from stack.tables.browser import TableBrowser
from stack.tables.reading import Reader, reading


def run_sql(url: DatabaseURL, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    with psycopg.connect(url.reveal(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@contextlib.asynccontextmanager
async def engine_for(url: DatabaseURL) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(url, PoolSettings(size=2, max_overflow=0))
    try:
        yield engine
    finally:
        await engine.dispose()


@contextlib.asynccontextmanager
async def browser_for(url: DatabaseURL) -> AsyncIterator[tuple[TableBrowser, Database]]:
    """Lend a browser of the tables of `url` with the database that it reads."""
    database = Database(url, PoolSettings(size=2, max_overflow=0))
    browser = TableBrowser(database)
    try:
        yield browser, database
    finally:
        await browser.close()
        await database.close()


@contextlib.asynccontextmanager
async def reader_for(url: DatabaseURL) -> AsyncIterator[Reader]:
    async with engine_for(url) as engine, reading(engine, url) as reader:
        yield reader


@contextlib.contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[tuple[str, dict[str, object]]]]:
    """Collect the statements that `engine` sends, each with its parameters."""
    sent: list[tuple[str, dict[str, object]]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: dict[str, object], *_: object) -> None:
        sent.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)
