"""Which rows: ``COLUMN OP VALUE`` as a person types it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stack.findings import Code, Failure, Finding, Fix
from stack.tables.names import Name, quote_name, storable, take_name


class Operator(StrEnum):
    """What a column is asked. `CONTAINS` looks for a text anywhere in the value as it is printed, in any case."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"
    NULL = "is null"
    NOT_NULL = "is not null"


_SPELLINGS: Final = {"<>": Operator.NOT_EQUAL, "~": Operator.CONTAINS, "==": Operator.EQUAL}
_OPERATOR: Final = re.compile(
    r"\s*(<=|>=|!=|<>|==|=|<|>|~)|\s+(contains|is\s+not\s+null|is\s+null)(?!\w)", re.IGNORECASE
)
_QUOTED: Final = re.compile(r"'((?:[^']|'')*)'")


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition; `value` is as Postgres reads it, and None for the operators that take none."""

    column: Name
    operator: Operator
    value: str | None = None

    def __str__(self) -> str:
        """Return it as a person would type it; `parse_filter` reads it back."""
        parts = [quote_name(self.column.text), self.operator.value]
        doubled = (self.value or "").replace("'", "''")
        return " ".join(parts if self.value is None else [*parts, f"'{doubled}'"])


def parse_filter(text: str) -> Filter:
    """Read one ``--where``.

    A value stands as it is, without the space around it; in single quotes it keeps its space and may be empty.

    Raises:
        Failure: it is no condition (`Code.FILTER_INVALID`).
    """
    if not storable(text):
        raise invalid(text, "Expected text; Postgres cannot hold a NUL, nor bytes that are no UTF-8.")
    taken = take_name(text)
    if taken is None:
        raise invalid(text, "Expected a column's name first, in double quotes where it has a space or a sign in it.")
    column, rest = taken
    found = _OPERATOR.match(rest)
    if found is None:
        raise invalid(text, f"Expected one of {', '.join(Operator)} after the column {column.text}.")
    symbol = " ".join((found.group(1) or found.group(2)).lower().split())
    operator = _SPELLINGS.get(symbol) or Operator(symbol)
    value = rest[found.end() :].strip()
    if operator in {Operator.NULL, Operator.NOT_NULL}:
        if value:
            raise invalid(text, f"Expected nothing after “{operator}”.")
        return Filter(column, operator)
    if not value:
        raise invalid(text, f"Expected a value after {operator}; '' is the empty text.")
    quoted = _QUOTED.fullmatch(value)
    return Filter(column, operator, quoted.group(1).replace("''", "'") if quoted else value)


def invalid(shown: str, cause: str, evidence: str | None = None) -> Failure:
    """Return the failure of a condition that cannot be used."""
    return Failure(
        Finding(
            Code.FILTER_INVALID,
            f"The condition {shown!r} cannot be used",
            cause,
            evidence=evidence,
            fixes=(Fix("Write it as COLUMN OP VALUE", "--where 'status = confirmed'"),),
        )
    )
