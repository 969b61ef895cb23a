"""A scratch database on the same server: made for one purpose, and dropped whatever happens.

The session that made it holds an advisory lock named after it, so that what a killed process left is told from what
another one is using.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import sqlalchemy as sa

from stack.database.sessions import create_engine
from stack.environment.pool import PoolSettings
from stack.environment.url import DatabaseURL

_MAY: Final = sa.text("SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")
_PREFIX: Final = sa.text(
    "SELECT 'stackdeck_scratch_' || oid || '_' FROM pg_catalog.pg_database WHERE datname = current_database()"
)
_LEFT: Final = sa.text(
    """
    SELECT datname FROM pg_catalog.pg_database
    WHERE datname ~ ('^' || :prefix || '[0-9a-f]{12}$') AND pg_has_role(datdba, 'MEMBER')
    """
)
_LOCK: Final = sa.text("SELECT pg_try_advisory_lock(:key)")


class NoScratch(Exception):  # noqa: N818 - not an error, but how things are
    """There can be no scratch database; `why` says the reason in a clause."""

    def __init__(self, why: str) -> None:
        """Take the reason."""
        super().__init__(why)
        self.why = why


@asynccontextmanager
async def scratch_database(url: DatabaseURL) -> AsyncIterator[DatabaseURL]:
    """Make an empty database on the server of `url` and drop it when left; what was left of earlier ones too.

    Raises:
        NoScratch: the role may not create one.
    """
    engine = create_engine(url, PoolSettings(size=1, max_overflow=0), application_name="stackdeck scratch")
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            if not (await connection.execute(_MAY)).scalar_one():
                raise NoScratch("the role may not create the database that the migrations would be run in")
            prefix = (await connection.execute(_PREFIX)).scalar_one()
            for left in (await connection.execute(_LEFT, {"prefix": prefix})).scalars().all():
                if (await connection.execute(_LOCK, {"key": _key(left)})).scalar_one():
                    await connection.execute(_statement("DROP DATABASE IF EXISTS {} WITH (FORCE)", left))
            name = prefix + secrets.token_hex(6)
            await connection.execute(_LOCK, {"key": _key(name)})
            try:
                await connection.execute(_statement("CREATE DATABASE {}", name))
                yield replace(url, database=name)
            finally:
                await _drop(url, name)
    finally:
        await engine.dispose()


async def _drop(url: DatabaseURL, name: str) -> None:
    # On a connection of its own: what was broken off may have taken the other with it.
    engine = create_engine(url, PoolSettings(size=1, max_overflow=0), application_name="stackdeck scratch")
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(_statement("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))
    finally:
        await engine.dispose()


def _statement(text: str, name: str) -> sa.TextClause:
    return sa.text(text.format(name))  # the name is made of letters and digits


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
