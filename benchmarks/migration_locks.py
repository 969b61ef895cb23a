"""Whether ``stackdeck migrate lint`` announces the right locks, rewrites and scans, on many rows and every Postgres.

It runs the statements of ``tests/database/test_migration_locks.py``, each in a transaction that is rolled back, on a
server of each of ``--versions`` (images of the engine), with ``--rows`` in each table. Prints what differs.
"""

import argparse
import asyncio
import contextlib
import subprocess
import time
from collections.abc import Iterator

import measuring  # noqa: F401 - it makes this checkout's tests importable
import psycopg

from stack.environment.url import DatabaseURL, parse_url
from tests.database.test_migration_locks import SCHEMA, STATEMENTS, compare


@contextlib.contextmanager
def server(version: str) -> Iterator[DatabaseURL]:
    """Lend a server of its own; nothing of it is left afterwards."""
    run = ("docker", "run", "--detach", "--rm", "--env", "POSTGRES_PASSWORD=scratch", "--publish", "127.0.0.1:0:5432")
    encoding = ("--env", "POSTGRES_INITDB_ARGS=--encoding=UTF8 --locale=C")
    started = subprocess.run(
        (*run, *encoding, f"postgres:{version}-alpine"), capture_output=True, text=True, check=True
    )
    container = started.stdout.strip()
    try:
        port = subprocess.run(("docker", "port", container, "5432"), capture_output=True, text=True, check=True)
        url = parse_url(f"postgresql://postgres:scratch@{port.stdout.strip()}/postgres")
        wait_for(url)
        yield url
    finally:
        subprocess.run(("docker", "rm", "--force", "--volumes", container), capture_output=True, check=False)


def wait_for(url: DatabaseURL) -> None:
    """Return once the server answers over the network, which the one that initialises the data does not."""
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url.reveal()).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


async def wrong(url: DatabaseURL, rows: int) -> list[str]:
    """Return the statements of which something else is announced than they do."""
    with psycopg.connect(url.reveal(), autocommit=True) as connection:
        connection.execute(SCHEMA.replace("generate_series(1, 1000) n", f"generate_series(1, {rows}) n").encode())
    found = []
    for statement in STATEMENTS:
        try:
            await compare(url, statement)
        except (AssertionError, psycopg.Error) as error:
            found.append(f"{statement}: {str(error).splitlines()[0]}")
    return found


def main() -> None:
    """Compare on each version."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--versions", nargs="+", default=["15", "16", "17", "18"])
    wanted = parser.parse_args()
    for version in wanted.versions:
        with server(version) as url:
            began = time.monotonic()
            differ = asyncio.run(wrong(url, wanted.rows))
            seconds = time.monotonic() - began
            print(
                f"Postgres {version}, {wanted.rows:,} rows: {len(differ)} of {len(STATEMENTS)} differ ({seconds:.0f} s)"
            )
            print(*(f"  {line}" for line in differ), sep="\n", end="\n" if differ else "")


if __name__ == "__main__":
    main()
