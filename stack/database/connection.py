"""The one door to the server: every asynchronous connection of ours is made here.

Two things are mended on the way. psycopg resolves names in asyncio's default executor, whose threads keep a program
from quitting while a name server is silent. And libpq keeps the code of a refused log-in to itself, so `wire` asks the
server for it again.
"""

import asyncio
import socket
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from stack.database.addresses import resolve
from stack.database.wire import Refusal, Unclear, ask_why
from stack.environment.url import DatabaseURL

APPLICATION_NAME: Final = "stackdeck"
"""How our sessions are told apart in ``pg_stat_activity``."""

CONNECT_TIMEOUT: Final = 10
"""Seconds in which one address has to take a connection, where neither the caller nor the URL says otherwise."""

CLIENT_ENCODING: Final = "utf8"
"""Asked of every server: from a database in SQL_ASCII, psycopg would otherwise return bytes for text."""

_QUESTION_TIMEOUT: Final = 2.0


async def connect(
    url: DatabaseURL,
    *,
    timeout: float | None = None,
    application_name: str = APPLICATION_NAME,
    autocommit: bool = False,
) -> psycopg.AsyncConnection[TupleRow]:
    """Connect to `url` within `timeout` seconds, all of its addresses together; the URL's options win over ours.

    Raises:
        psycopg.OperationalError: there is no connection. Where the server refused it, `sqlstate` is the server's own
            code; where no server was reached, the error's cause is the `OSError`, or its class is
            `psycopg.errors.ConnectionTimeout`.
        psycopg.ProgrammingError: the URL has an option that libpq does not know.
    """
    try:
        async with asyncio.timeout(timeout):
            addresses = await resolve(url)
            conninfo = make_conninfo(**_parameters(url, addresses, application_name))
            try:
                return await psycopg.AsyncConnection.connect(conninfo, autocommit=autocommit)
            except psycopg.errors.ConnectionTimeout:
                raise
            except psycopg.OperationalError as error:
                reason = await _reason(url, addresses)
                if reason is not Unclear.ADMITTED:
                    raise _with_reason(error, reason) from (reason if isinstance(reason, OSError) else None)
            # It was not ready a moment ago and is now.
            return await psycopg.AsyncConnection.connect(conninfo, autocommit=autocommit)
    except TimeoutError:
        raise psycopg.errors.ConnectionTimeout(f"no answer within {timeout:g} s") from None
    except socket.gaierror as error:
        raise psycopg.OperationalError(f"the name {url.host} does not resolve: {error.strerror}") from error


def _parameters(url: DatabaseURL, addresses: tuple[str, ...], application_name: str) -> dict[str, str]:
    """Return libpq's parameters. With `hostaddr` given, `host` is what a certificate is checked against."""
    parameters = {
        "application_name": application_name,
        "connect_timeout": str(CONNECT_TIMEOUT),
        "client_encoding": CLIENT_ENCODING,
        **dict(url.options),
        "host": ",".join([url.host] * len(addresses)) or url.host,
        "port": str(url.port),
        "dbname": url.database,
        "user": url.user,
    }
    if addresses:
        parameters["hostaddr"] = ",".join(addresses)
    if url.password is not None:
        parameters["password"] = url.password.get_secret_value()
    return parameters


async def _reason(url: DatabaseURL, addresses: tuple[str, ...]) -> Refusal | Unclear | OSError:
    """Return what the first address that has a server says, or else why the last one has none."""
    reason: OSError | Unclear = Unclear.UNKNOWN
    for address in addresses or (url.host,):
        try:
            async with asyncio.timeout(_QUESTION_TIMEOUT):
                return await ask_why(url, address)
        except OSError as error:  # a TimeoutError is one too
            reason = error
    return reason


def _with_reason(error: psycopg.OperationalError, reason: Refusal | Unclear | OSError) -> psycopg.OperationalError:
    """Return `error` as psycopg would have made it, had libpq told it the code."""
    reasoned = psycopg.OperationalError(str(error))
    if isinstance(reason, Refusal):
        reasoned.sqlstate = reason.sqlstate
    return reasoned
