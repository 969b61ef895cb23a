"""A refused log-in to a server that is somebody else's: what its administrator does about it, without a secret."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from psycopg import sql

from stack.environment.url import DatabaseURL
from stack.findings import Code, Finding, Fix


def by_hand(refused: Finding, url: DatabaseURL, published: DatabaseURL | None) -> Finding:
    """Return `refused` with what can be done on a server that nobody here may change, in place of its own fixes.

    `published` is where the Compose file has a database of its own.
    """
    if refused.code is Code.DATABASE_UNREACHABLE and url.is_local:
        return _not_there(refused, url, published)
    fixes = _FIXES.get(refused.code)
    return replace(refused, fixes=(*fixes(url), *_harmless(refused))) if fixes else refused


def _not_there(refused: Finding, url: DatabaseURL, published: DatabaseURL | None) -> Finding:
    start = Fix(f"Start whatever is to listen on port {url.port}; it is no service of this project")
    if published is None:
        return replace(refused, fixes=(start, *_harmless(refused)))
    own = f"{published.host}:{published.port}"
    return replace(
        refused,
        cause=f"{refused.cause}. The Compose file publishes a database at {own}",
        fixes=(Fix(f"Write port {published.port} into the settings, if that one is meant"), start, *_harmless(refused)),
    )


def _harmless(refused: Finding) -> tuple[Fix, ...]:
    """Return the fixes that are about the settings: no volume of ours holds the data."""
    return tuple(fix for fix in refused.fixes if not fix.destructive and fix.command == "stackdeck env check")


def _password(url: DatabaseURL) -> tuple[Fix, ...]:
    # psql asks for the new password, and sends the server a verifier of it.
    statement = f"\\password {_name(url.user)}"
    return (Fix(f"As an administrator of the server: give {url.user} the password", _psql(url, statement)),)


def _role(url: DatabaseURL) -> tuple[Fix, ...]:
    create = sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(url.user)).as_string()
    return (
        Fix(f"As an administrator of the server: create the role {url.user}", _psql(url, create)),
        Fix("Then give it its password", _psql(url, f"\\password {_name(url.user)}")),
    )


def _database(url: DatabaseURL) -> tuple[Fix, ...]:
    names = sql.Identifier(url.database), sql.Identifier(url.user)
    create = sql.SQL("CREATE DATABASE {} OWNER {}").format(*names).as_string()
    return (Fix(f"As an administrator of the server: create the database {url.database}", _psql(url, create)),)


_FIXES: Final[Mapping[Code, Callable[[DatabaseURL], tuple[Fix, ...]]]] = {
    Code.DATABASE_PASSWORD: _password,
    Code.DATABASE_ROLE_MISSING: _role,
    Code.DATABASE_MISSING: _database,
}


def _name(role: str) -> str:
    return sql.Identifier(role).as_string()


def _psql(url: DatabaseURL, statement: str) -> str:
    arguments = ("psql", "-h", url.host, "-p", str(url.port), "-U", "postgres", "-d", "postgres", "-c", statement)
    return " ".join(map(shlex.quote, arguments))
