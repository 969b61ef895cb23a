"""From an error of SQLAlchemy, psycopg or the operating system to what a person can do about it."""

import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import psycopg

from stack.database.wire import NotPostgresError
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Fix
from stack.text import hide

if TYPE_CHECKING:
    from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_SEE_SETTINGS: Final = Fix("See the settings and where each comes from", "stackdeck env check")
_SEE_LOGS: Final = Fix("Read the server's log", "stackdeck logs")
_SEE_SESSIONS: Final = Fix("See who is connected", "stackdeck db activity")
_ASK_DOCTOR: Final = Fix("Have the doctor look at the server itself, and mend it; the data stay", "stackdeck doctor")
_RETRY: Final = Fix("Try again in a moment")


def explain(error: BaseException, url: DatabaseURL) -> Failure:
    """Return the failure that `error`, met while talking to `url`, means to a person.

    Nothing is asked of the server. A refused log-in is told apart by its SQLSTATE, which the connections of
    `stack.database.connection` carry and psycopg's own do not; without it the server's words are all there is.
    """
    # Imported here: whoever asks with the driver alone has no need of it, unless something is wrong.
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.exc import TimeoutError as PoolTimeoutError

    if isinstance(error, Failure):
        return error
    if isinstance(error, PoolTimeoutError):
        return Failure(_pool_exhausted(error))
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return Failure(_finding(original, url, _words(original, url)))


def _finding(error: BaseException, url: DatabaseURL, words: str) -> Finding:
    if isinstance(error, psycopg.Error) and error.sqlstate:
        make = _SQLSTATES.get(error.sqlstate) or _SQLSTATE_CLASSES.get(error.sqlstate[:2], _other)
        # What ends a session is FATAL; of an error within a statement it is another server's connection that is meant.
        if make is _lost and error.diag.severity_nonlocalized == "ERROR":
            make = _elsewhere
        return make(url, words)
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return _unreachable(url, TimeoutError(), words)
    match error if isinstance(error, OSError) else error.__cause__:
        case ssl.SSLError():
            return _no_tls(url, words)
        case OSError() as reason:
            return _unreachable(url, reason, words)
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        # Both prefixes are psycopg's own and never translated.
        login = words.startswith(("connection failed", "connection is bad"))
        return (_failed_login if login else _lost)(url, words)
    return _other(url, words)


def _failed_login(url: DatabaseURL, words: str) -> Finding:
    """Tell log-ins without a code apart by libpq's own words, which psycopg's wheels never translate."""
    if "no password supplied" in words:
        return _password(url, words)
    if "SSL" in words or "certificate" in words:
        return _no_tls(url, words)
    return _refused_login(url, words)


def _words(error: BaseException, url: DatabaseURL) -> str:
    """Return what the server said, without the statement and its parameters, which may hold secrets."""
    from sqlalchemy.exc import SQLAlchemyError

    words = ""
    if isinstance(error, psycopg.Error):
        words = server_said(error)
    elif isinstance(error, SQLAlchemyError):
        words = str(error.args[0]) if error.args else ""
    words = words or str(error).strip() or type(error).__name__
    return hide(words, [url.password.get_secret_value()] if url.password else [])


def server_said(error: psycopg.Error) -> str:
    """Return the server's message, its detail and its hint, a line each; empty where it was not the server's error."""
    return "\n".join(filter(None, (error.diag.message_primary, error.diag.message_detail, error.diag.message_hint)))


def _server(url: DatabaseURL) -> str:
    return f"{url.host}:{url.port}"


def _why_unreachable(error: OSError, url: DatabaseURL, words: str) -> str:
    match error:
        case socket.gaierror():
            return f"the name {url.host} does not resolve to an address"
        case TimeoutError():
            return "nothing answered in time; a firewall, or a wrong host, looks like this"
        case ConnectionRefusedError():
            return f"nothing listens on port {url.port}: the server is not running, or it is on another port"
        case NotPostgresError():
            return f"something else than Postgres answers on port {url.port}"
        case ConnectionResetError():
            return "the connection was taken and closed at once, as Docker does while the server inside is not up yet"
        case _:
            return error.strerror or words.partition("\n")[0] or type(error).__name__


def _unreachable(url: DatabaseURL, reason: OSError, words: str) -> Finding:
    why = _why_unreachable(reason, url, words)
    start = Fix("Start the database", "stackdeck up")
    reach = Fix(f"Make sure that this machine may reach {_server(url)}")
    return Finding(
        Code.DATABASE_UNREACHABLE,
        f"No database answers at {_server(url)}",
        why[0].upper() + why[1:],
        evidence=words,
        fixes=(start if url.is_local else reach, _SEE_SETTINGS),
    )


def _starting(url: DatabaseURL, words: str) -> Finding:
    return Finding(
        Code.DATABASE_STARTING,
        f"The server at {_server(url)} takes no connections yet",
        "It is starting up, recovering or shutting down; this passes by itself",
        evidence=words,
        fixes=(_RETRY, _SEE_LOGS),
    )


def _password(url: DatabaseURL, words: str) -> Finding:
    cause = (
        f"No password is set for {url.user}, and the server asks for one"
        if url.password is None
        else f"Either the password is wrong or the server has no role {url.user}; it does not tell which. "
        "A volume keeps the user and the password that it was created with, whatever .env says later"
    )
    return Finding(
        Code.DATABASE_PASSWORD,
        f"The server at {_server(url)} does not accept the password of {url.user}",
        cause,
        evidence=words,
        fixes=(
            _ASK_DOCTOR,
            Fix("Set APP_DB_USER and APP_DB_PASSWORD to what the database was created with", "stackdeck env check"),
        )
        if url.is_local
        else (_SEE_SETTINGS,),
    )


def _role(url: DatabaseURL, words: str) -> Finding:
    # 28000 is also what a rule of pg_hba.conf answers with; only the words differ.
    if "pg_hba.conf" in words:
        return _refused_login(url, words)
    return Finding(
        Code.DATABASE_ROLE_MISSING,
        f"The server at {_server(url)} does not let a role {url.user} log in",
        "There is no such role, or it may not log in. A volume keeps the user that it was created with",
        evidence=words,
        fixes=(
            _ASK_DOCTOR,
            Fix("Set APP_DB_USER to a role that is there", "stackdeck env check"),
        ),
    )


def _database_missing(url: DatabaseURL, words: str) -> Finding:
    return Finding(
        Code.DATABASE_MISSING,
        f"The server at {_server(url)} has no database {url.database}",
        "The log-in itself works. A volume keeps the database that it was created with, whatever .env says later",
        evidence=words,
        fixes=(
            _ASK_DOCTOR,
            Fix("Set APP_DB_NAME to a database that is there", "stackdeck env check"),
        ),
    )


def _too_many(url: DatabaseURL, words: str) -> Finding:
    return Finding(
        Code.DATABASE_TOO_MANY_CONNECTIONS,
        f"The server at {_server(url)} has no connection left for {url.user}",
        "As many clients are connected as the server, the database or the role allows",
        evidence=words,
        fixes=(_SEE_SESSIONS, Fix("Let the applications pool fewer: lower APP_DB_POOL_SIZE and APP_DB_MAX_OVERFLOW")),
    )


def _refused_login(url: DatabaseURL, words: str) -> Finding:
    return Finding(
        Code.DATABASE_REFUSED_LOGIN,
        f"The server at {_server(url)} refuses to let {url.user} in",
        "Its rules for this host, user, database or encryption do not allow the log-in; its own words say which",
        evidence=words,
        fixes=(_SEE_SETTINGS, Fix("Allow it in the server's pg_hba.conf")),
    )


def _no_tls(url: DatabaseURL, words: str) -> Finding:
    return Finding(
        Code.DATABASE_TLS,
        f"No encrypted connection to {_server(url)} can be made",
        "What the URL's sslmode asks for and what the server offers do not meet, or its certificate is not trusted",
        evidence=words,
        fixes=(Fix("Correct sslmode and sslrootcert in APP_DB_URL; a local server usually has no TLS"),),
    )


def _lost(url: DatabaseURL, words: str) -> Finding:
    return Finding(
        Code.DATABASE_LOST,
        f"The connection to {_server(url)} was lost",
        "The server was stopped or restarted, an administrator ended the session, or it waited for too long; "
        "what was not committed is undone",
        evidence=words,
        fixes=(_RETRY, Fix("See whether the database runs", "stackdeck status")),
    )


def _elsewhere(url: DatabaseURL, words: str) -> Finding:
    return Finding(
        Code.DATABASE_ERROR,
        f"The server at {_server(url)} does not reach another server",
        f"What was asked for lies there, as a foreign table's rows do: {words.partition(chr(10))[0]}",
        evidence=words,
        fixes=(Fix("Make sure that the other server runs, and that ALTER SERVER names its right address"), _RETRY),
    )


def _permission(url: DatabaseURL, words: str) -> Finding:
    return Finding(
        Code.DATABASE_PERMISSION,
        f"The role {url.user} may not do this",
        "The server has not granted it the right that this needs",
        evidence=words,
        fixes=(Fix(f"Have the owner GRANT {url.user} the right, or connect as a role that has it"),),
    )


def _no_table(_url: DatabaseURL, words: str) -> Finding:
    return Finding(
        Code.TABLE_MISSING,
        "A table that this needs is not there",
        "The database is younger or older than this program's migrations, or the name is wrong",
        evidence=words,
        fixes=(Fix("Apply the migrations", "stackdeck migrate up"), Fix("See the tables", "stackdeck tables")),
    )


def _disk_full(url: DatabaseURL, words: str) -> Finding:
    return Finding(
        Code.DATABASE_DISK_FULL,
        f"The server at {_server(url)} has no space left",
        "Its disk, or the shared memory of its container, is full; nothing of this was kept",
        evidence=words,
        fixes=(Fix("Free space where the database's volume lies"), _SEE_LOGS),
    )


def _gave_up(_url: DatabaseURL, words: str) -> Finding:
    return Finding(
        Code.DATABASE_TIMEOUT,
        "The statement was stopped before it was done",
        "It took longer than it may, waited too long for a lock, or was cancelled; nothing of it was kept",
        evidence=words,
        fixes=(Fix("See what is running and who holds it up", "stackdeck db activity"), _RETRY),
    )


def _other(url: DatabaseURL, words: str) -> Finding:
    return Finding(
        Code.DATABASE_ERROR,
        "The database reported an error",
        f"The server at {_server(url)}: {words.partition(chr(10))[0]}",
        evidence=words,
        fixes=(_SEE_LOGS,),
    )


def _pool_exhausted(error: "PoolTimeoutError") -> Finding:
    return Finding(
        Code.POOL_EXHAUSTED,
        "All connections of the pool are in use",
        "None came back within the pool's timeout: sessions stay open too long, or the pool is too small for the load",
        evidence=str(error.args[0]) if error.args else None,
        fixes=(
            Fix("See which sessions are idle in a transaction", "stackdeck db activity"),
            Fix("Raise APP_DB_POOL_SIZE or APP_DB_MAX_OVERFLOW within what the server allows", "stackdeck db pool"),
        ),
    )


# PostgreSQL's documentation, appendix A, «PostgreSQL Error Codes».
_SQLSTATES: Final[dict[str, Callable[[DatabaseURL, str], Finding]]] = {
    "28P01": _password,
    "28000": _role,
    "3D000": _database_missing,
    "3F000": _no_table,
    "42P01": _no_table,
    "42501": _permission,
    "53100": _disk_full,
    "53300": _too_many,
    "55P03": _gave_up,
    "57014": _gave_up,
    "57P01": _lost,
    "57P02": _lost,
    "57P03": _starting,
    "57P05": _lost,
    "25P03": _lost,
}
_SQLSTATE_CLASSES: Final[dict[str, Callable[[DatabaseURL, str], Finding]]] = {"08": _lost}
