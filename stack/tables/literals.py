"""What Postgres prints for arrays, ranges and bytes, taken apart for a person to read; and arrays of texts for it.

The forms are those of https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO, of
https://www.postgresql.org/docs/current/rangetypes.html#RANGETYPES-IO, and of bytea's hexadecimal format.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_ELEMENT: Final = r'"((?:[^"\\]|\\.)*)"|((?:[^{{}}"\\{delimiter}]|\\.)+)'
_BOUNDS: Final = re.compile(r"(?:\[[-+]?\d+:[-+]?\d+\])+=")
_BOUND: Final = r'((?:[^"\\(),\[\]]|\\.|"(?:[^"\\]|\\.|"")*")*)'
_RANGE: Final = re.compile(rf"([\[(]){_BOUND},{_BOUND}([\])])", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_DOUBLED: Final = re.compile(r'\\(.)|""|"', re.DOTALL)

BYTES_A_LINE: Final = 16


@dataclass(frozen=True, slots=True)
class Element:
    """One element of an array: its subscripts, counted as the array counts them, and its value, None for NULL."""

    place: tuple[int, ...]
    value: str | None


@dataclass(frozen=True, slots=True)
class Range:
    """A range that is not empty; a bound is None where there is no end to it."""

    lower: str | None
    upper: str | None
    lower_included: bool
    upper_included: bool


def elements(text: str, delimiter: str = ",") -> Iterator[Element]:
    """Yield the elements of the array that `text` is; `delimiter` is the type's, a semicolon for boxes."""
    bounds = _BOUNDS.match(text)
    lower = [int(first) for first in re.findall(r"\[([-+]?\d+):", bounds.group())] if bounds else []
    pattern = re.compile(rf"[{{}}]|{_ELEMENT.format(delimiter=re.escape(delimiter))}", re.DOTALL)
    place: list[int] = []
    for found in pattern.finditer(text, bounds.end() if bounds else 0):
        match found.group():
            case "{":
                if place:
                    place[-1] += 1
                place.append((lower[len(place)] if len(place) < len(lower) else 1) - 1)
            case "}":
                place.pop()
            case _:
                place[-1] += 1
                quoted, bare = found.groups()
                value = None if bare == "NULL" else _ESCAPED.sub(r"\1", bare if quoted is None else quoted)
                yield Element(tuple(place), value)


def array_literal(texts: Iterable[str | None]) -> str:
    """Return the array of `texts` as Postgres reads it."""
    escaped = ("NULL" if each is None else '"' + each.replace("\\", r"\\").replace('"', r"\"") + '"' for each in texts)
    return f"{{{','.join(escaped)}}}"


def ranges(text: str) -> Iterator[Range]:
    """Yield the range that `text` is, or those of a multirange; nothing where it is empty."""
    for lower_sign, lower, upper, upper_sign in _RANGE.findall(text):
        yield Range(_bound(lower), _bound(upper), lower_sign == "[", upper_sign == "]")


def _bound(text: str) -> str | None:
    return _DOUBLED.sub(lambda found: found.group(1) or ('"' if found.group() == '""' else ""), text) if text else None


def byte_count(text: str) -> int:
    """Return how many bytes the bytea `text` has."""
    return (len(text) - len(r"\x")) // 2


def bytes_at(text: str, offset: int) -> bytes:
    """Return at most `BYTES_A_LINE` bytes of the bytea `text`, from `offset` on."""
    begin = len(r"\x") + 2 * offset
    return bytes.fromhex(text[begin : begin + 2 * BYTES_A_LINE])
