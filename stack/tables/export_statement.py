"""The statement that an export is the output of: rows as lines of CSV or of JSON, made by the server."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, cast

import sqlalchemy as sa

from stack.tables.conditions import printed
from stack.tables.description import Column, Family
from stack.tables.renderings import csv_line
from stack.tables.requests import Request
from stack.tables.statements import Shown


class Format(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    JSONL = "jsonl"


class Formulas(StrEnum):
    """What becomes of a cell that a spreadsheet would take for a formula, and run."""

    KEPT = "kept"
    GUARDED = "guarded"


@dataclass(frozen=True, slots=True)
class ExportStatement:
    """`select` are the rows, `copy` writes them out; `parameters` are both statements', which have them by name.

    `head` comes before the rows.
    """

    select: str
    copy: str
    parameters: dict[str, object]
    head: bytes


QUOTE: Final = b"\x01"
"""What COPY puts around JSON with a line break in it. JSON itself has no control characters but white space."""

_JSON_OPTIONS: Final = rf"FORMAT csv, QUOTE E'\x{QUOTE.hex()}', DELIMITER E'\x02'"

# https://owasp.org/www-community/attacks/CSV_Injection, with the wide signs that some spreadsheets take too.
_FORMULA: Final = "^[-=+@\t\r\n＝＋－＠]"
_NUMBER: Final = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"

# No sign at its beginning makes a formula of what these print.
_NUMBERS: Final = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision", "money", "oid"})

# As arrays of JSON they would not be read back: their elements look like a dimension more.
_TEXTS_IN_JSON: Final = frozenset({"int2vector", "oidvector", "int2vector[]", "oidvector[]", "json[]", "jsonb[]"})


def export_statement(
    request: Request,
    format: Format,  # noqa: A002 - what it is
    formulas: Formulas,
    dialect: sa.Dialect,
) -> ExportStatement:
    """Return the statement for all rows that `request` selects, in its order; `dialect` is psycopg's.

    CSV is as COPY writes it: NULL is nothing, the empty text is ``""``. JSON is as ``row_to_json`` makes it: numbers
    with every digit, times in ISO 8601, JSON as it is, arrays and composites as JSON; ``json_populate_record`` reads it
    back. An array that does not count from 1, or has JSON in it, is a text there, since JSON has no form for it. One
    thing is lost: whether a JSON column has the JSON ``null`` or no value.
    """
    if format is Format.JSONL:
        select, parameters = _compiled(request, _member, dialect)
        lines = f"SELECT row_to_json(line.*) FROM ({select}) AS line"  # noqa: S608 - values are parameters in it
        return ExportStatement(select, f"COPY ({lines}) TO STDOUT ({_JSON_OPTIONS})", parameters, b"")
    names = [column.name for column in request.columns]
    if formulas is Formulas.GUARDED:
        select, parameters = _compiled(request, _guarded, dialect)
        names = [_guard(name) for name in names]
    else:
        select, parameters = _compiled(request, _cell, dialect)
    return ExportStatement(select, f"COPY ({select}) TO STDOUT (FORMAT csv)", parameters, csv_line(names).encode())


def _compiled(request: Request, shown: Shown, dialect: sa.Dialect) -> tuple[str, dict[str, object]]:
    compiled = request.rows.all(request.order, shown).compile(dialect=dialect)
    return str(compiled), dict(compiled.params)


def _cell(value: sa.ColumnElement[str], column: Column) -> sa.ColumnElement[str | None]:
    # COPY writes t and f for truth values; everything else it writes as a page has it.
    return printed(value, column) if column.family is Family.BOOLEAN else cast("sa.ColumnElement[str | None]", value)


def _guarded(value: sa.ColumnElement[str], column: Column) -> sa.ColumnElement[str | None]:
    if column.base_type in _NUMBERS:
        return _cell(value, column)
    text = printed(value, column)
    runs = sa.and_(text.regexp_match(_FORMULA), sa.not_(text.regexp_match(_NUMBER)))
    return sa.case((runs, sa.literal("'").concat(text)), else_=text)


def _guard(name: str) -> str:
    return f"'{name}" if re.match(_FORMULA, name) else name


def _member(value: sa.ColumnElement[str], column: Column) -> sa.ColumnElement[str | None]:
    kept = cast("sa.ColumnElement[str | None]", value)
    if column.base_type in _TEXTS_IN_JSON:
        return printed(value, column)
    if not column.base_type.endswith("[]"):
        return kept
    # The text of an array begins with its bounds where they are not the usual ones.
    text = sa.cast(value, sa.Text)
    member = sa.case((text.startswith("["), sa.func.to_json(text)), else_=sa.func.to_json(value))
    return cast("sa.ColumnElement[str | None]", sa.case((value.is_not(None), member)))
