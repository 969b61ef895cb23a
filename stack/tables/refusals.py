"""Which input it was, where the server refused a page: a filter's value, a cursor's, or the order."""

import itertools
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from stack.findings import Code, Failure, Finding, Fix
from stack.tables import cursors, filters
from stack.tables.cursors import Cursor, KeyCursor
from stack.tables.reading import Reader, server_words, sqlstate
from stack.tables.requests import At, Request, key_invalid
from stack.tables.statements import condition, typed


async def blame_input(reader: Reader, request: Request, error: DBAPIError) -> None:
    """Raise what is wrong with the filters, the order or the cursor, where one of them made the server refuse.

    Class 22 is a value that its type cannot read, 42883 an operator that the type has not
    (https://www.postgresql.org/docs/current/errcodes-appendix.html). Rows can cause both, in a view, so each input is
    tried by itself.
    """
    code = sqlstate(error) or ""
    if not code.startswith("22") and code != "42883":
        return
    for column, each in request.where:
        value = typed(each.value or "", column)
        if each.value is not None and (refusal := await _refusal(reader, [condition(value, column, each)])):
            raise filters.invalid(str(each), f"The column {column.name} is of type {column.type}.", refusal)
    for ordered, text in zip(request.order, _values(request.cursor), strict=False):
        if text is not None and (refusal := await _refusal(reader, [typed(text, ordered.column)])):
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


def _values(cursor: Cursor | None) -> Iterable[str | None]:
    return cursor.values if isinstance(cursor, KeyCursor) else itertools.repeat(None)


async def _refusal(reader: Reader, expressions: Sequence[sa.ColumnElement[bool] | sa.ColumnElement[str]]) -> str | None:
    await reader.rollback()
    try:
        await reader.execute(sa.select(*expressions))
    except DBAPIError as error:
        return server_words(error)
    return None
