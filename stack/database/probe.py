"""Whether a database answers: a real query, and the wait for the first one."""

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import psycopg

from stack.database.connection import connect
from stack.database.errors import explain
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Progress, silent
from stack.text import clean_line

_NOT_YET: Final = {Code.DATABASE_UNREACHABLE, Code.DATABASE_STARTING, Code.DATABASE_LOST}
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 0.5
_ATTEMPT_TIMEOUT: Final = 3.0


@dataclass(frozen=True, slots=True)
class Ping:
    """A server that answered. `latency_ms` is the round trip of a query on a connection that was already open."""

    latency_ms: float
    server_version: str
    postmaster_started_at: datetime


async def ping(url: DatabaseURL, *, timeout: float = _ATTEMPT_TIMEOUT) -> Ping:
    """Connect to `url`, have one query answered and hang up; `timeout` seconds are for each of the first two.

    Raises:
        Failure: a finding of the group «The database».
    """
    try:
        async with await connect(url, timeout=timeout, autocommit=True) as connection:
            began = time.perf_counter()
            async with asyncio.timeout(timeout):
                cursor = await connection.execute(
                    "SELECT current_setting('server_version'), pg_postmaster_start_time()"
                )
                row = await cursor.fetchone()
            latency = time.perf_counter() - began
            if row is None:
                raise psycopg.DatabaseError("a query of one row came back without it")
    except (psycopg.Error, OSError) as error:
        raise explain(error, url) from None
    version, started_at = row
    # Distributions append their own: «16.10 (Debian 16.10-1.pgdg13+1)».
    return Ping(latency * 1000, str(version).partition(" ")[0], started_at)


async def wait_until_ready(url: DatabaseURL, timeout: float, progress: Progress = silent) -> Ping:
    """Return the first answer of `url`, which has `timeout` seconds to start up.

    A server that is not reached or takes no connections yet is asked again; whatever waiting cannot mend, a wrong
    password for one, is raised at once. `progress` hears of each change of state.

    Raises:
        Failure: what waiting cannot mend, or what was still wrong at the end.
    """
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    told = ""
    while True:
        left = deadline - time.monotonic()
        try:
            return await ping(url, timeout=max(0.1, min(left, _ATTEMPT_TIMEOUT)))
        except Failure as failure:
            if failure.finding.code not in _NOT_YET:
                raise
            if time.monotonic() + pause >= deadline:
                raise _too_late(failure.finding, timeout) from None
            if failure.finding.title != told:
                told = failure.finding.title
                progress(clean_line(f"{told}, waiting"))
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _too_late(finding: Finding, timeout: float) -> Failure:
    return Failure(replace(finding, cause=f"{finding.cause}. It was waited for for {timeout:g} seconds"))
