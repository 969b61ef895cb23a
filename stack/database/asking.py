"""Questions in the driver's own words, which SQLAlchemy's connections take as well as psycopg's.

Whoever has a few questions and no pool asks on a connection of psycopg's: SQLAlchemy's asyncio takes longer to import
than a server takes to answer.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from psycopg import sql

from stack.database.connection import APPLICATION_NAME, connect
from stack.environment.url import DatabaseURL

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


class Ask(Protocol):
    """Sends one statement and returns its rows."""

    async def __call__(self, statement: sql.Composed, parameters: Mapping[str, object]) -> Sequence[Sequence[object]]:
        """Send `statement`, which has psycopg's placeholders and doubles each other percent sign."""
        ...


def ask_on(connection: "AsyncConnection") -> Ask:
    """Return what asks on a connection of SQLAlchemy's, which raises as all else does that is done with it."""

    async def ask(statement: sql.Composed, parameters: Mapping[str, object]) -> Sequence[Sequence[object]]:
        return (await connection.exec_driver_sql(statement.as_string(), dict(parameters))).all()

    return ask


@asynccontextmanager
async def ask_alone(url: DatabaseURL, application_name: str = APPLICATION_NAME) -> AsyncIterator[Ask]:
    """Lend what asks on a connection of its own to `url`, in autocommit, one question after the other.

    Raises:
        psycopg.Error: there is no connection, as `stack.database.connection.connect` says, or the server refuses.
    """
    async with await connect(url, application_name=application_name, autocommit=True) as connection:

        async def ask(statement: sql.Composed, parameters: Mapping[str, object]) -> Sequence[Sequence[object]]:
            return await (await connection.execute(statement, parameters)).fetchall()

        yield ask
