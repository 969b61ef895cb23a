"""A database of any encoding gives text, never bytes."""

from dataclasses import replace

import psycopg
from psycopg import sql
from sqlalchemy import text

from stack.database.access import Database
from stack.environment.pool import PoolSettings


async def test_a_database_of_encoding_sql_ascii_gives_text(postgres, database):
    name = f"{database.database}_ascii"
    with psycopg.connect(postgres.url().reveal(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C'").format(sql.Identifier(name))
        )
    ascii_database = Database(replace(database, database=name), PoolSettings())
    try:
        assert (await ascii_database.ping()).server_version
        async with ascii_database.connection() as connection:
            assert (await connection.execute(text("SELECT 'Grüße'::text"))).scalar_one() == "Grüße"
    finally:
        await ascii_database.close()
        with psycopg.connect(postgres.url().reveal(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
