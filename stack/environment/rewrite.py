"""The text of a `.env` with one variable changed, everything else byte for byte, and read alike by both grammars."""

import re
from dataclasses import dataclass
from typing import Final

from stack.environment import compose_grammar, python_grammar
from stack.environment.files import BOM
from stack.environment.python_grammar import Statement

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# What every variable is taken to be while a reading is checked. A value that comes out otherwise depended on one.
_ELSEWHERE: Final = "\ue000elsewhere\ue000"

_ASSIGNMENT: Final = re.compile(
    r"(?P<head>\s*(?:export[^\S\r\n]+)?(?:'[^']+'|[^=\#\s]+))"
    r"(?P<equals>[^\S\r\n]*=(?:[^\S\r\n]*(?=[^\s#]))?)?"
    r"(?P<value>'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|(?:(?![^\S\r\n]+\#)[^\r\n])*?)"
    r"(?P<tail>[^\S\r\n]*(?:\#[^\r\n]*)?(?:\r\n|\n|\r)?)",
    re.DOTALL,
)


class UnwritableError(ValueError):
    """A value that no line can hold so that both grammars read it. The message does not quote it."""


def spell(value: str) -> str | None:
    """Return what to write after ``NAME=`` so that both grammars read `value` whatever is set, or None."""
    return next((spelling for spelling in _spellings(value, "") if _holds(f"X={spelling}\n", "X", value)), None)


def with_value(text: str, name: str, value: str) -> str:
    """Return `text` with the variable `name` set to `value`.

    The assignment that counts, the last one, is changed where it stands: its indent, ``export``, quotes where they can
    stay, and comment are kept. A line that only Compose can read is written anew. A new name goes behind its own
    commented line where there is one, else to the end.

    Raises:
        UnwritableError: the two grammars would read `value` differently however it was written.
        EnvSyntaxError: Compose cannot read `text` as it is.
    """
    compose = compose_grammar.parse(text, _elsewhere)
    lines = {entry.line for entry in compose.entries if entry.name == name}
    read = python_grammar.statements(text)
    change = _addition(read, name, value)
    for index, statement in enumerate(read):
        if statement.name == name:
            change = _Change(index, index + 1, _changed(statement, value))
        elif not statement.readable and statement.line in lines:
            change = _Change(index, index + 1, _anew(statement, name, value))
    mark, texts = BOM if text.startswith(BOM) else "", [statement.text for statement in read]
    for replacement in change.candidates:
        result = mark + "".join((*texts[: change.start], replacement, *texts[change.end :]))
        if _holds(result, name, value) and _others(result, name, lines) == _others(text, name, lines):
            return result
    raise UnwritableError(f"Compose and Python would read this value of {name} differently however it is written")


@dataclass(frozen=True, slots=True)
class _Change:
    """The statements from `start` up to `end` give way to one of the candidates."""

    start: int
    end: int
    candidates: list[str]


def _changed(statement: Statement, value: str) -> list[str]:
    match = _ASSIGNMENT.fullmatch(statement.text)
    if match is None:
        return []
    equals = match["equals"] or "="
    written = match["value"]
    return [
        match["head"] + equals + spelling + tail
        for tail in dict.fromkeys((match["tail"], _spaced(match["tail"])))
        for spelling in _spellings(value, written[:1])
    ]


def _spaced(tail: str) -> str:
    # Compose takes a comment only behind a space; python-dotenv behind any blank.
    return " " + tail.lstrip(" \t\f\v") if "#" in tail else tail


def _anew(statement: Statement, name: str, value: str) -> list[str]:
    body = statement.text.strip()
    before, _, after = statement.text.partition(body)
    return [f"{before}{name}={spelling}{after}" for spelling in _spellings(value, "")]


def _addition(read: tuple[Statement, ...], name: str, value: str) -> _Change:
    example = re.compile(rf"\s*#\s*(?:export\s+)?{re.escape(name)}\s*=[^\r\n]*[\r\n]*")
    found = [index for index, statement in enumerate(read) if not statement.name and example.fullmatch(statement.text)]
    position = found[-1] + 1 if found else len(read)
    before = "".join(statement.text for statement in read[:position])
    end = _line_end(before)
    start = "" if not before or before.endswith(("\n", "\r")) else end
    return _Change(position, position, [f"{start}{name}={spelling}{end}" for spelling in _spellings(value, "")])


def _line_end(text: str) -> str:
    found = re.search(r"\r\n|\n|\r", text)
    return found[0] if found else "\n"


def _spellings(value: str, quote: str) -> list[str]:
    single = "'" + value.replace("'", "\\'") + "'"
    double = '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'
    first = {"'": single, '"': double}.get(quote)
    spellings = [value, single, double]
    return spellings if first is None else [first, *(spelling for spelling in spellings if spelling != first)]


def _holds(text: str, name: str, value: str) -> bool:
    python = python_grammar.parse(text, _elsewhere).effective.get(name)
    try:
        compose = compose_grammar.parse(text, _elsewhere).values.get(name)
    except compose_grammar.EnvSyntaxError:
        return False
    return python is not None and python.value == compose == value


def _others(text: str, name: str, lines: set[int]) -> tuple[list[str], list[str]]:
    """Return what must stay: the other names in both readings, but for what Compose reads on the same `lines`."""
    python, compose = python_grammar.parse(text, _elsewhere), compose_grammar.parse(text, _elsewhere)
    return (
        [entry.name for entry in python.entries if entry.name != name],
        [entry.name for entry in compose.entries if entry.name != name and entry.line not in lines],
    )


def _elsewhere(_name: str) -> str:
    return _ELSEWHERE
