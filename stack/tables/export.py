"""All rows that a filter selects, streamed into a file: no more of them is in memory than is being written."""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import psycopg
from psycopg.pq.abc import PGconn
from psycopg.rows import TupleRow
from sqlalchemy.exc import DBAPIError

from stack.amounts import size
from stack.background import in_thread
from stack.database.connection import connect
from stack.database.errors import explain
from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Fix, Gauge, Progress, Unit
from stack.publish import new_file
from stack.tables.copy_out import Drain
from stack.tables.description import describe
from stack.tables.export_statement import QUOTE, ExportStatement, Format, Formulas, export_statement
from stack.tables.plan_json import explained
from stack.tables.query import PageQuery, Query
from stack.tables.reading import Reader, session_settings
from stack.tables.refusals import blame_input
from stack.tables.requests import prepare
from stack.text import clean_line

Destination = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens what an export is written to; what is opened is whole once its block has ended without an error."""

_QUOTED: Final = re.compile(QUOTE + b"([^" + QUOTE + b"]*)" + QUOTE)

_REPORT_SECONDS: Final = 0.2
_CANCEL_TIMEOUT: Final = 3.0


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """An export of the table `name`; the planner's guess is that it has `expected_rows`."""

    name: str
    statement: ExportStatement
    expected_rows: int


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: `rows` of the table, `bytes` of the file, in so many `seconds`."""

    rows: int
    bytes: int
    seconds: float


def file_at(target: Path, *, overwrite: bool = False) -> Destination:
    """Return a destination in the file `target`, for its owner alone; blocking.

    Opening and ending it raise `Failure`: there is such a file (`Code.EXPORT_FILE_EXISTS`), unless it is to be
    overwritten, or it cannot be written (`Code.EXPORT_NOT_WRITTEN`). Nothing is left then that was not there before.
    """
    return partial(_file_at, target, overwrite)


@contextmanager
def _file_at(target: Path, overwrite: bool) -> Iterator[BinaryIO]:
    try:
        with new_file(target, overwrite=overwrite) as file:
            yield file
    except FileExistsError:
        raise Failure(
            Finding(
                Code.EXPORT_FILE_EXISTS,
                f"{target.name} exists already",
                f"{target} may be an earlier export, so it is not written over.",
                fixes=(Fix("Write to another file"), Fix("Write over it, with --overwrite", destructive=True)),
            )
        ) from None
    except OSError as error:
        raise Failure(
            Finding(
                Code.EXPORT_NOT_WRITTEN,
                "The export could not be written",
                f"{target} cannot be written: {error.strerror or error}. Nothing is left of it.",
                fixes=(Fix("Write to a directory that you may write to, on a disk with room"),),
            )
        ) from None


async def plan_export(
    reader: Reader,
    query: Query,
    *,
    format: Format,  # noqa: A002 - what it is
    formulas: Formulas,
) -> ExportPlan:
    """Return the statement for all rows of `query`, and about how many the planner expects.

    In its order and then that of the key; without a sort as they lie in the table, which reads each page once.

    Raises:
        Failure: as a page of the same would (`stack.tables.pages.page`).
    """
    description = await describe(reader, query.table)
    request = await in_thread(partial(prepare, description, PageQuery(query.table, query.filters, query.sort)))
    ordered = request if query.sort else replace(request, order=())
    statement = await in_thread(partial(export_statement, ordered, format, formulas, reader.dialect))
    try:
        plan = await explained(reader, f"EXPLAIN (FORMAT JSON) {statement.select}", statement.parameters)
    except DBAPIError as error:
        await blame_input(reader, request, error)
        raise
    return ExportPlan(query.table.path, statement, expected_rows(plan))


def expected_rows(plan: object) -> int:
    """Return how many rows the planner expects, out of what EXPLAIN says in JSON."""
    match plan:
        case [{"Plan": {"Plan Rows": int(rows)}}]:
            return rows
        case _:
            return 0


async def export(url: DatabaseURL, plan: ExportPlan, destination: Destination, progress: Progress) -> Exported:
    """Write the rows of `plan` to `destination`, in one read-only transaction.

    It may take as long as it takes, but waits for no lock for long. Cancelling ends it on the server too; what was
    begun of a file is then removed.

    Raises:
        Failure: the server refuses or goes away, or what `destination` raises.
    """
    began = time.perf_counter()
    drain = Drain()
    statement = plan.statement
    try:
        connection = await connect(url, autocommit=True)
        try:
            cursor = psycopg.AsyncClientCursor(connection)
            await cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            for setting in session_settings(None).items():
                await cursor.execute("SELECT set_config(%s, %s, true)", setting)
            copy = cursor.mogrify(statement.copy.encode(), statement.parameters).encode()
            work = partial(_write, drain, connection.pgconn, copy, statement.head, destination)
            await _watch(work, drain, connection, partial(_say, progress, plan, drain, began))
        finally:
            await connection.close()
    except psycopg.Error as error:
        raise explain(error, url) from None
    return Exported(drain.rows, len(statement.head) + drain.size, time.perf_counter() - began)


def _write(drain: Drain, connection: PGconn, statement: bytes, head: bytes, destination: Destination) -> None:
    with destination() as file:
        file.write(head)

        def write(rows: bytearray) -> int:
            block = _QUOTED.sub(_on_one_line, rows) if QUOTE in rows else rows
            file.write(block)
            return len(block)

        drain.run(connection, statement, write)


def _on_one_line(quoted: re.Match[bytes]) -> bytes:
    """Return JSON without its quotes and with spaces for its line breaks, which are white space in JSON."""
    return quoted.group(1).replace(b"\n", b" ").replace(b"\r", b" ")


async def _watch(
    work: Callable[[], None], drain: Drain, connection: psycopg.AsyncConnection[TupleRow], say: Callable[[], None]
) -> None:
    """Do `work` in a thread, and `say` how far it is at times; leave neither it nor its statement running."""
    task = asyncio.ensure_future(in_thread(work))
    try:
        while not (await asyncio.wait((task,), timeout=_REPORT_SECONDS))[0]:
            say()
        task.result()
    finally:
        if not task.done():
            drain.stop()
            with contextlib.suppress(psycopg.Error):
                await connection.cancel_safe(timeout=_CANCEL_TIMEOUT)
            # What it had begun to write is gone before anybody goes on.
            await asyncio.wait((task,))
            task.exception()


def _say(progress: Progress, plan: ExportPlan, drain: Drain, began: float) -> None:
    total = plan.expected_rows if plan.expected_rows >= drain.rows else None
    gauge = Gauge(plan.name, drain.rows, total, Unit.ROWS, drain.rows / (time.perf_counter() - began))
    about = f" of about {total:,}" if total else ""
    progress(clean_line(f"Exporting {plan.name}: {drain.rows:,}{about} rows, {size(drain.size)}"), (gauge,))
