"""Labels beside a page: which column is one is looked up once, and then all of a page take one round trip.

Not in the statement of the page itself: rows are worth more than what is said beside them, so the labels have a time of
their own to take, and may fail.
"""

import time
from dataclasses import dataclass
from functools import partial
from typing import Final

import psycopg

from stack.background import in_thread
from stack.database.access import Database
from stack.database.errors import explain
from stack.findings import Code, Failure
from stack.tables.description import Column
from stack.tables.labels import (
    Labelled,
    Labels,
    label_parameters,
    label_statement,
    labelled,
    labels_of,
    references,
)
from stack.tables.pages import Page
from stack.tables.quick_pages import KNOWN_FOR
from stack.tables.reading import reading
from stack.tables.round_trip import Connections, Statement, numbered

LABEL_TIME: Final = 0.5
"""Seconds that a statement for labels may take."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The labels of some columns as they were at `seen`, of the monotonic clock; no statement where there are none."""

    labels: tuple[Labelled, ...]
    statement: Statement | None
    seen: float


class QuickLabels:
    """Labels of the references of one database."""

    def __init__(self, database: Database, connections: Connections) -> None:
        """Know nothing yet; `connections` are of `database`."""
        self._database = database
        self._connections = connections
        self._known: dict[tuple[Column, ...], _Known] = {}

    async def of(self, shown: Page) -> Labels:
        """Return what the references of the page `shown` mean to a person; nothing where that takes too long.

        Raises:
            Failure: the server refuses, or went away.
        """
        columns = shown.columns
        if not shown.rows or not any(column.references for column in columns):
            return {}
        known = self._known.get(columns)
        if known is not None and time.monotonic() - known.seen < KNOWN_FOR:
            try:
                return await self._read(known, shown)
            except psycopg.Error:
                # A table was altered, or the connection ended: what is looked up anew will do, or say why not.
                self._known.pop(columns, None)
        try:
            known = self._known[columns] = await self._look(columns)
            return await self._read(known, shown)
        except psycopg.Error as error:
            raise explain(error, self._database.url) from None
        except Failure as failure:
            if failure.finding.code is Code.DATABASE_TIMEOUT:
                return {}
            raise

    async def _look(self, columns: tuple[Column, ...]) -> _Known:
        engine, url = self._database.engine, self._database.url
        async with reading(engine, url, timeout=LABEL_TIME, lock_timeout=LABEL_TIME) as reader:
            labels = await labelled(reader, columns)
        seen = time.monotonic()
        if not labels:
            return _Known(labels, None, seen)
        compiled = await in_thread(partial(label_statement(labels).compile, dialect=engine.dialect))
        return _Known(labels, numbered(str(compiled), compiled.params), seen)

    async def _read(self, known: _Known, shown: Page) -> Labels:
        if known.statement is None:
            return {}
        wanted = [references(shown, each.key) for each in known.labels]
        values = label_parameters(known.labels, wanted)
        try:
            rows = await self._connections.read(known.statement, values, timeout=LABEL_TIME, lock_timeout=LABEL_TIME)
        except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
            return {}
        return labels_of(wanted, rows)
