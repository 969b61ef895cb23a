"""Which rows: ``COLUMN OP VALUE`` as a person types it.

COLUMN is a name, or leads into JSON: ``details->customer->>name``, where a key that is no word stands in single quotes
and a number counts from 0 in an array; ``->`` compares JSON with JSON, ``->>`` text with text. VALUE depends on OP:
``between A and B``, ``in (A, B)``, nothing after ``is null``. A value stands as it is, without the space around it; in
single quotes it keeps its space, may be empty, and may hold a comma or the word “and”.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Final

from stack.findings import Code, Failure, Finding, Fix
from stack.tables.names import Name, storable, take_name


class Takes(Enum):
    """How many values an operator compares with."""

    NOTHING = "nothing"
    ONE = "one value"
    TWO = "two values"
    SOME = "a list of values"


class Operator(StrEnum):
    """What a column is asked.

    `CONTAINS` looks for a text anywhere in the value as it is printed, in any case. `DISTINCT` is `NOT_EQUAL` that
    NULL meets too. `HAS` asks an array for an element; `OVERLAPS` an array or a range for anything in common with
    another; `MATCHES` whether a jsonpath finds anything.
    """

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"
    BETWEEN = "between"
    ONE_OF = "in"
    DISTINCT = "is distinct from"
    HAS = "has"
    OVERLAPS = "overlaps"
    MATCHES = "@?"
    NULL = "is null"
    NOT_NULL = "is not null"

    @property
    def takes(self) -> Takes:
        """How many values it compares with."""
        return _TAKES.get(self, Takes.ONE)


_TAKES: Final = {
    Operator.NULL: Takes.NOTHING,
    Operator.NOT_NULL: Takes.NOTHING,
    Operator.BETWEEN: Takes.TWO,
    Operator.ONE_OF: Takes.SOME,
}


class Arrow(StrEnum):
    """What the last step of a path gives: JSON, or the text that a JSON string is."""

    JSON = "->"
    TEXT = "->>"


_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Path:
    """A place in a JSON value: keys of objects, and places in arrays counted from 0, one or more."""

    steps: tuple[str | int, ...]
    arrow: Arrow

    def __str__(self) -> str:
        """Return it as a person would type it; `parse_filter` reads it back."""
        *before, last = (
            str(step) if isinstance(step, int) or _WORD.fullmatch(step) else _quote(step) for step in self.steps
        )
        return "".join(f"{Arrow.JSON}{step}" for step in before) + f"{self.arrow}{last}"


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on a column, or on what is at `path` in it.

    `value` is as Postgres reads it: None where the operator takes none, a tuple where it takes two or a list.
    """

    column: Name
    operator: Operator
    value: str | tuple[str, ...] | None = None
    path: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what no condition is."""
        match self.operator.takes, self.value:
            case (Takes.NOTHING, None) | (Takes.ONE, str()) | (Takes.TWO, (_, _)) | (Takes.SOME, (_, *_)):
                pass
            case takes, _:
                raise ValueError(f"{self.operator} takes {takes.value}")

    @property
    def values(self) -> tuple[str, ...]:
        """All values that it compares with."""
        return (self.value,) if isinstance(self.value, str) else self.value or ()

    @property
    def subject(self) -> str:
        """What it is a condition on, as a person would type it."""
        return f"{self.column}{self.path or ''}"

    def shortened(self, longest: int) -> "Filter":
        """Return it with at most `longest` characters of each value, for where there is no room for more."""
        short = tuple(value if len(value) <= longest else f"{value[:longest]}…" for value in self.values)
        return replace(self, value=short[0] if isinstance(self.value, str) else short or None)

    def __str__(self) -> str:
        """Return it as a person would type it; `parse_filter` reads it back."""
        parts = [self.subject, self.operator.value]
        quoted = [_quote(value) for value in self.values]
        match self.operator.takes:
            case Takes.SOME:
                parts.append(f"({', '.join(quoted)})")
            case Takes.NOTHING | Takes.ONE | Takes.TWO:
                parts += [" and ".join(quoted)] if quoted else []
        return " ".join(parts)


def spell(value: str) -> str:
    """Return `value` as a person would type it: in quotes only where it would be read as something else."""
    plain = value.strip() == value and value and not set(value) & set(",'") and "and" not in value.lower().split()
    return value if plain else _quote(value)


def _quote(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


_SPELLINGS: Final = {"<>": Operator.NOT_EQUAL, "~": Operator.CONTAINS, "==": Operator.EQUAL}
_WORDS: Final = "|".join(re.escape(each).replace(r"\ ", r"\s+") for each in Operator if not set(each) <= set("=!<>"))
_OPERATOR: Final = re.compile(rf"\s*(<=|>=|!=|<>|==|=|<|>|~)|\s+({_WORDS})(?!\w)", re.IGNORECASE)
_QUOTED: Final = r"'(?:[^']|'')*'"
_STEP: Final = re.compile(rf"\s*(->>?)\s*(?:({_QUOTED})|((?:[^\s'\"=!<>~-]|-(?!>))+))")
_BETWEEN: Final = re.compile(rf"({_QUOTED}|.+?)\s+and\s+(.+)", re.IGNORECASE | re.DOTALL)
_ITEM: Final = re.compile(rf"\s*({_QUOTED}(?=\s*(?:,|\Z))|[^,]+)\s*(?:,|\Z)")


def parse_filter(text: str) -> Filter:
    """Read one ``--where``.

    Raises:
        Failure: it is no condition (`Code.FILTER_INVALID`).
    """
    if not storable(text):
        raise invalid(text, "Expected text; Postgres cannot hold a NUL, nor bytes that are no UTF-8.")
    taken = take_name(text)
    if taken is None:
        raise invalid(text, "Expected a column's name first, in double quotes where it has a space or a sign in it.")
    column, rest = taken
    path, rest = _take_path(rest)
    found = _OPERATOR.match(rest)
    if found is None:
        after = f"after the column {column.text}" if path is None else f"after the path {path}"
        raise invalid(text, f"Expected one of {', '.join(Operator)} {after}.")
    symbol = " ".join((found.group(1) or found.group(2)).lower().split())
    operator = _SPELLINGS.get(symbol) or Operator(symbol)
    return Filter(column, operator, _read_value(text, operator, rest[found.end() :].strip()), path)


def _take_path(text: str) -> tuple[Path | None, str]:
    steps: list[str | int] = []
    arrow = Arrow.JSON
    while arrow is Arrow.JSON and (found := _STEP.match(text)):
        sign, quoted, bare = found.groups()
        arrow = Arrow(sign)
        if quoted is not None:
            steps.append(_unquote(quoted))
        else:
            steps.append(int(bare) if re.fullmatch(r"-?[0-9]{1,9}", bare) else bare)
        text = text[found.end() :]
    return (Path(tuple(steps), arrow) if steps else None), text


def _read_value(text: str, operator: Operator, value: str) -> str | tuple[str, ...] | None:
    if operator.takes is Takes.NOTHING:
        if value:
            raise invalid(text, f"Expected nothing after “{operator}”.")
        return None
    if not value:
        raise invalid(text, f"Expected a value after {operator}; '' is the empty text.")
    match operator.takes:
        case Takes.TWO:
            found = _BETWEEN.fullmatch(value)
            if found is None:
                raise invalid(text, f"Expected two values after {operator}, with “and” between them.")
            return _unquote(found.group(1)), _unquote(found.group(2))
        case Takes.SOME:
            return _read_list(text, operator, value)
        case _:
            return _unquote(value)


def _read_list(text: str, operator: Operator, value: str) -> tuple[str, ...]:
    inside = value[1:-1] if value.startswith("(") and value.endswith(")") else ""
    items: list[str] = []
    place = 0
    while place < len(inside):
        found = _ITEM.match(inside, place)
        if found is None or not found.group(1).strip():
            break
        items.append(_unquote(found.group(1).strip()))
        place = found.end()
    if not items or place < len(inside) or inside.rstrip().endswith(","):
        raise invalid(text, f"Expected values in brackets after {operator}, with commas between them: (a, b).")
    return tuple(items)


def _unquote(value: str) -> str:
    return value[1:-1].replace("''", "'") if re.fullmatch(_QUOTED, value) else value


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
