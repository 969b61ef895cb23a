"""The first queries to a server: it answers, its user may log in, and the database is there."""

from typing import Final

import psycopg
from psycopg import sql

from stack.environment.url import DatabaseURL
from stack.services.embedded import problems
from stack.text import clean

_MAINTENANCE: Final = "postgres"
"""The database that every cluster has, where others are created from."""


class LoginRefusedError(Exception):
    """The server runs, and knows another user or password; the message is the server's."""


async def ensure_database(url: DatabaseURL) -> bool:
    """Create the database of `url` where it is absent; return whether it was.

    Raises:
        LoginRefusedError: the server does not let the user in.
        Failure: it does not answer as it should.
    """
    try:
        async with await psycopg.AsyncConnection.connect(
            host=url.host,
            hostaddr=url.host,
            port=url.port,
            user=url.user,
            password=url.password.get_secret_value() if url.password else None,
            dbname=_MAINTENANCE,
            autocommit=True,
            connect_timeout=10,
            # Whatever the person's PG* variables say, they mean another server; this one speaks plain TCP.
            sslmode="disable",
            gssencmode="disable",
            options="",
            application_name="stackdeck up",
        ) as connection:
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [url.database])
            if await found.fetchone():
                return False
            # From template0: template1 may have sessions, which would make it wait or fail.
            await connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(url.database))
            )
    except psycopg.Error as error:
        words = clean(str(error))
        # While a connection is made, the driver has the server's words and not its SQLSTATE.
        if "password authentication failed" in words:
            raise LoginRefusedError(words) from None
        raise problems.unanswered(url, words) from None
    return True
