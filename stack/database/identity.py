"""Which cluster a server is of: the number that ``initdb`` gave it."""

import sys

from sqlalchemy import text

from stack.database.access import Database


async def system_identifier(database: Database) -> int:
    """Ask the server that answers.

    Raises:
        Failure: it does not say.
    """
    async with database.connection() as connection:
        return int((await connection.execute(text("SELECT system_identifier FROM pg_control_system()"))).scalar_one())


def identifier_in(control_file: bytes) -> int:
    """Return the number that a cluster's ``global/pg_control`` begins with (PostgreSQL, ``ControlFileData``)."""
    return int.from_bytes(control_file[:8], sys.byteorder)
