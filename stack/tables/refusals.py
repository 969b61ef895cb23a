"""Which input it was, where the server refused a page: a filter's value, a cursor's, or the order."""

import itertools
from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from stack.findings import Code, Failure, Finding, Fix
from stack.tables import cursors, filters
from stack.tables.conditions import trial, typed
from stack.tables.cursors import Cursor, KeyCursor
from stack.tables.description import Column
from stack.tables.filters import Filter
from stack.tables.query import At
from stack.tables.reading import Reader, server_words, sqlstate
from stack.tables.requests import Request, key_invalid

LONGEST: Final = 200
"""Characters of a value that a finding shows."""


async def blame_input(reader: Reader, request: Request, error: DBAPIError) -> None:
    """Raise what is wrong with the filters, the order or the cursor, where one of them made the server refuse.

    Rows can cause the same errors, in a view, so each input is tried by itself.
    """
    code = sqlstate(error) or ""
    if not _is_of_input(code):
        return
    await reader.rollback()
    for column, each in request.where:
        await try_filter(reader, column, each)
    for ordered, text in zip(request.order, _values(request.cursor), strict=False):
        if text is not None and (refusal := await _refusal(reader, sa.select(typed(text, ordered.column)))):
            if isinstance(request.position, At):
                cause = f"The column {ordered.column.name} is of type {ordered.column.type}."
                raise key_invalid(request.position.values, cause, refusal)
            raise cursors.invalid(f"Its value for {ordered.column.name} cannot be read: {refusal}")
    if code == "42883" and request.order:
        unsortable = ", ".join(f"{each.column.name} ({each.column.type})" for each in request.order)
        raise Failure(
            Finding(
                Code.SORT_INVALID,
                "The rows cannot be sorted that way",
                f"A type among these has no order: {unsortable}.",
                evidence=server_words(error),
                fixes=(Fix("Sort by another column"),),
            )
        )


async def try_filter(reader: Reader, column: Column, each: Filter) -> None:
    """Let the server judge `each` on `column`, without reading a row.

    Raises:
        Failure: its value cannot be read, or the type has no such operator (`Code.FILTER_INVALID`).
    """
    if refusal := await _refusal(reader, trial(column, each)):
        raise filters.invalid(
            str(each.shortened(LONGEST)), f"The column {column.name} is of type {column.type}.", refusal
        )


def _is_of_input(code: str) -> bool:
    """Whether what was typed can be the cause of an error.

    Class 22 is a value that its type cannot read, 42601 a jsonpath that is none, 42883 an operator that the type has
    not, 42725 one that it has several of (https://www.postgresql.org/docs/current/errcodes-appendix.html).
    """
    return code.startswith("22") or code in {"42601", "42725", "42883"}


def _values(cursor: Cursor | None) -> Iterable[str | None]:
    return cursor.values if isinstance(cursor, KeyCursor) else itertools.repeat(None)


async def _refusal(reader: Reader, statement: sa.Select[*tuple[object, ...]]) -> str | None:
    try:
        async with reader.begin_nested():
            await reader.execute(statement)
    except DBAPIError as error:
        if not _is_of_input(sqlstate(error) or ""):
            raise
        return server_words(error)
    return None
