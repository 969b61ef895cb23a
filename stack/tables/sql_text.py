"""Statements as a person can read them, and run them elsewhere: the values stand in them as literals."""

from collections.abc import Sequence
from functools import cache
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import visitors

from stack.tables.conditions import NamedType, condition, exactly
from stack.tables.description import Column
from stack.tables.filters import Filter
from stack.text import clean_line

_DIALECT: Final = postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]


def where(columns: Sequence[Column], filters: Sequence[Filter]) -> tuple[str, ...]:
    """Return the condition that each of `filters` is on one of `columns`, as SQL."""
    by_name = {column.name: column for column in columns}
    found = [(by_name[name], each) for each in filters if (name := each.column.among(by_name)) is not None]
    return tuple(
        sql_text(condition(sa.column(exactly(column.name), NamedType(column.base_type)), column, each))
        for column, each in found
    )


def sql_text(expression: sa.ColumnElement[bool] | sa.ColumnElement[str]) -> str:
    """Return `expression` as SQL with its values as literals."""

    def literal(element: object, **_options: object) -> sa.ColumnElement[str] | None:
        match element:
            case sa.Cast(clause=sa.BindParameter(value=value), type=NamedType(name=name)):
                # What stands in quotes alone is taken for text, where it may be.
                return sa.literal_column(quote_literal(str(value)) + ("" if name == "text" else f"::{name}"))
            case sa.BindParameter(value=value):
                return sa.literal_column(quote_literal(str(value)))
            case _:
                return None

    written = visitors.replacement_traverse(expression, {}, literal)
    # In a statement with parameters of this style every other % is written twice.
    return str(written.compile(dialect=_DIALECT)) % ()


def quote_literal(text: str) -> str:
    r"""Return `text` as a literal that means exactly it, whatever ``standard_conforming_strings`` is.

    What a terminal would obey is written as an escape (``\u001B``), so that it can be read and copied.
    """
    doubled = text.replace("'", "''")
    if "\\" not in text and clean_line(text) == text:
        return f"'{doubled}'"
    return f"E'{doubled.translate(_escapes())}'"


@cache
def _escapes() -> dict[int, str]:
    obeyed = (code for code in range(0x10000) if clean_line(chr(code)) != chr(code))
    return {code: rf"\u{code:04X}" for code in obeyed} | {ord("\\"): r"\\"}
