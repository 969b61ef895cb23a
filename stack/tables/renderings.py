r"""Cells as text for somewhere else: lines of CSV, members of JSON, a statement that inserts them; pure functions.

The cells are those of a `Page`, as Postgres prints them. What is made of them is read back to the same: CSV and text by
COPY, JSON by any reader of JSON, the statement by Postgres. NULL, the empty text and the text NULL differ in each.
"""

import json
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from stack.tables.catalogue import Table
from stack.tables.description import Column, Family, Generated
from stack.tables.sql_text import quote_literal

Row = Sequence[str | None]


class Form(StrEnum):
    """What cells are rendered as."""

    TEXT = "text"
    CSV = "CSV"
    JSON = "JSON"
    SQL = "SQL"


_NEEDS_QUOTES: Final = re.compile(r'[,"\r\n]|^$|^\\\.$')
_ESCAPES: Final = str.maketrans(
    {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\b": r"\b", "\f": r"\f", "\v": r"\v"}
)
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")  # RFC 8259, section 6
_DECIMAL_TYPES: Final = frozenset({"smallint", "integer", "bigint", "numeric"})
_NUMBER_TYPES: Final = _DECIMAL_TYPES | {"real", "double precision"}
_JSON_TYPES: Final = frozenset({"json", "jsonb"})


def text_line(cells: Row) -> str:
    r"""Return one row as COPY's text format has it: tabs between cells, ``\N`` for NULL; pastes into a spreadsheet."""
    return "\t".join(r"\N" if cell is None else cell.translate(_ESCAPES) for cell in cells) + "\n"


def csv_line(cells: Iterable[str | None]) -> str:
    """Return one row of CSV as COPY writes it: NULL is nothing, the empty text is ``""`` (RFC 4180 but for the LF)."""
    return ",".join("" if cell is None else _csv_cell(cell) for cell in cells) + "\n"


def _csv_cell(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"' if _NEEDS_QUOTES.search(cell) else cell


def json_value(column: Column, cell: str | None) -> str:
    """Return one value as JSON: numbers with every digit, JSON as it is on one line, else as Postgres prints it."""
    if cell is None:
        return "null"
    if column.family is Family.BOOLEAN or (column.base_type in _NUMBER_TYPES and _NUMBER.fullmatch(cell)):
        return cell
    if column.base_type in _JSON_TYPES:
        return cell.replace("\n", " ").replace("\r", " ")
    return json.dumps(cell, ensure_ascii=False)


def json_object(columns: Sequence[Column], cells: Row) -> str:
    """Return one row as a JSON object on one line, its members in the order of the columns."""
    members = zip(columns, cells, strict=True)
    return (
        "{" + ", ".join(f"{json.dumps(c.name, ensure_ascii=False)}: {json_value(c, cell)}" for c, cell in members) + "}"
    )


def insert_statement(table: Table, columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """Return a statement that inserts `rows` into `table`, identities too; columns that are computed stay out of it."""
    name = f"{sql_name(table.schema)}.{sql_name(table.name)}"
    written = [index for index, column in enumerate(columns) if column.generated is not Generated.COMPUTED]
    if not written:
        return "".join(f"INSERT INTO {name} DEFAULT VALUES;\n" for _ in rows)
    names = ", ".join(sql_name(columns[index].name) for index in written)
    identity = (
        " OVERRIDING SYSTEM VALUE" if any(columns[index].generated is Generated.IDENTITY for index in written) else ""
    )
    values = ",\n".join(
        "    (" + ", ".join(sql_literal(columns[index], row[index]) for index in written) + ")" for row in rows
    )
    return f"INSERT INTO {name} ({names}){identity} VALUES\n{values};\n"


def sql_name(name: str) -> str:
    """Return `name` as SQL has it whatever it is: always in quotes, which reserved words need."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def sql_literal(column: Column, cell: str | None) -> str:
    """Return `cell` as a literal that means it in a statement, whatever ``standard_conforming_strings`` is."""
    if cell is None:
        return "NULL"
    # A float stays in quotes: without them -0 loses its sign.
    if column.family is Family.BOOLEAN or (column.base_type in _DECIMAL_TYPES and _NUMBER.fullmatch(cell)):
        return cell
    return quote_literal(cell)


def render_cell(form: Form, column: Column, cell: str | None) -> str:
    """Return one cell: as it is printed, or NULL; as a cell of CSV; as a value of JSON; as a literal of SQL."""
    match form:
        case Form.TEXT:
            return "NULL" if cell is None else cell
        case Form.CSV:
            return csv_line([cell]).removesuffix("\n")
        case Form.JSON:
            return json_value(column, cell)
        case Form.SQL:
            return sql_literal(column, cell)


def render_rows(form: Form, table: Table, columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """Return rows with the names of their columns: as lines, as an array of JSON, as a statement that inserts them."""
    names = [column.name for column in columns]
    match form:
        case Form.TEXT:
            return "".join(map(text_line, [names, *rows]))
        case Form.CSV:
            return "".join(map(csv_line, [names, *rows]))
        case Form.JSON:
            return "[\n" + ",\n".join(json_object(columns, row) for row in rows) + "\n]\n"
        case Form.SQL:
            return insert_statement(table, columns, rows)
