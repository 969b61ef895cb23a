"""How Python reads a `.env` file: python-dotenv's grammar, which pydantic-settings uses, with line numbers.

python-dotenv drops a line that it cannot read, with nothing but a log message. Here such lines are counted.
"""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from dotenv.parser import parse_stream
from dotenv.variables import Variable, parse_variables

_LINE_END: Final = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Statement:
    """One piece of a file as python-dotenv cuts it: an assignment, a comment, or what it cannot read.

    `text` is exact, with the blank lines before it; `line` is where the statement itself begins, counted from 1.
    `name` is None for comments and for what cannot be read; `value` is None for a name without ``=``.
    """

    text: str = field(repr=False)
    line: int
    name: str | None
    value: str | None = field(repr=False)
    readable: bool


@dataclass(frozen=True, slots=True)
class PythonEntry:
    """One assignment, its value expanded; None where the line is a name alone. `text` is what is written."""

    name: str
    value: str | None = field(repr=False)
    line: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PythonEnv:
    """What Python reads: the entries in the order of the file, the last one of each name, and the lines it drops."""

    entries: tuple[PythonEntry, ...]
    effective: Mapping[str, PythonEntry]
    unreadable: tuple[int, ...]


def statements(text: str) -> tuple[Statement, ...]:
    """Cut `text` into statements; their texts joined are `text` without its byte-order mark."""
    return tuple(
        Statement(
            text=binding.original.string,
            line=binding.original.line + _leading_lines(binding.original.string),
            name=binding.key,
            value=binding.value,
            readable=not binding.error,
        )
        for binding in parse_stream(io.StringIO(text, newline=""))
    )


def parse(text: str, lookup: Callable[[str], str | None]) -> PythonEnv:
    """Read `text`, expanding ``${NAME}`` and ``${NAME:-default}`` from earlier lines first, then by `lookup`.

    Never raises: every text has a reading in this grammar.
    """
    # Text mode translates line ends before python-dotenv sees them.
    read = statements(_LINE_END.sub("\n", text))
    earlier: dict[str, str | None] = {}
    entries: list[PythonEntry] = []
    for statement in read:
        if statement.name is None:
            continue
        value = None if statement.value is None else _expand(statement.value, earlier, lookup)
        earlier[statement.name] = value
        entries.append(PythonEntry(statement.name, value, statement.line, statement.text))
    return PythonEnv(
        entries=tuple(entries),
        effective={entry.name: entry for entry in entries},
        unreadable=tuple(statement.line for statement in read if not statement.readable),
    )


def _expand(value: str, earlier: Mapping[str, str | None], lookup: Callable[[str], str | None]) -> str:
    atoms = tuple(parse_variables(value))
    known: dict[str, str | None] = {}
    for atom in atoms:
        if not isinstance(atom, Variable):
            continue
        if atom.name in earlier:
            known[atom.name] = earlier[atom.name]
        elif (found := lookup(atom.name)) is not None:
            known[atom.name] = found
    return "".join(atom.resolve(known) for atom in atoms)


def _leading_lines(text: str) -> int:
    return len(_LINE_END.findall(text[: len(text) - len(text.lstrip())]))
