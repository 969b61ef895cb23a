"""This machine's pg_dump dumps a real server, over TCP and with a password where it wants one."""

import psycopg

from stack.findings import silent
from stack.services.dump_file import MAGIC
from stack.services.external import ExternalServices


async def test_a_database_in_no_container_is_dumped(database, tmp_path):
    async with await psycopg.AsyncConnection.connect(database.reveal()) as connection:
        await connection.execute("CREATE TABLE precious AS SELECT g FROM generate_series(1, 1000) g")
    target = tmp_path / "a.dump"
    size = await ExternalServices(database).dump(target, progress=silent)
    written = target.read_bytes()
    assert size == len(written)
    assert written.startswith(MAGIC)
    assert b"precious" in written
