"""The text of a `.env` with one variable changed, everything else byte for byte, and read alike by both grammars."""

import re
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
    stay, and comment are kept. A new name goes behind its own commented line where there is one, else to the end.

    Raises:
        UnwritableError: the two grammars would read `value` differently however it was written.
        EnvSyntaxError: Compose cannot read `text` as it is.
    """
    compose_grammar.parse(text, _elsewhere)
    mark = BOM if text.startswith(BOM) else ""
    read = python_grammar.statements(text)
    before = [statement.text for statement in read]
    places = [index for index, statement in enumerate(read) if statement.name == name]
    for line in _changed(read[places[-1]], value) if places else _added(text, name, value):
        if places:
            changed = [*before[: places[-1]], line, *before[places[-1] + 1 :]]
        else:
            position = _place(read, name)
            changed = [*before[:position], _on_its_own(before[:position], line, text), *before[position:]]
        result = mark + "".join(changed)
        if _holds(result, name, value) and _others(result, name) == _others(text, name):
            return result
    raise UnwritableError(f"Compose and Python would read this value of {name} differently however it is written")


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


def _added(text: str, name: str, value: str) -> list[str]:
    end = _line_end(text)
    return [f"{name}={spelling}{end}" for spelling in _spellings(value, "")]


def _place(read: tuple[Statement, ...], name: str) -> int:
    example = re.compile(rf"\s*#\s*(?:export\s+)?{re.escape(name)}\s*=[^\r\n]*[\r\n]*")
    found = [index for index, statement in enumerate(read) if not statement.name and example.fullmatch(statement.text)]
    return found[-1] + 1 if found else len(read)


def _on_its_own(before: list[str], line: str, text: str) -> str:
    ended = not before or before[-1].endswith(("\n", "\r"))
    return line if ended else _line_end(text) + line


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


def _others(text: str, name: str) -> tuple[list[str], list[str], tuple[int, ...]]:
    """Return what must not change: the other names in both readings, and how many statements are unreadable."""
    python, compose = python_grammar.parse(text, _elsewhere), compose_grammar.parse(text, _elsewhere)
    return (
        [entry.name for entry in python.entries if entry.name != name],
        [entry.name for entry in compose.entries if entry.name != name],
        (len(python.unreadable),),
    )


def _elsewhere(_name: str) -> str:
    return _ELSEWHERE
