"""The text of a `.env` with lines taken away or renamed, everything else byte for byte. Pure."""

import re
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from typing import Final

from stack.environment import compose_grammar, python_grammar
from stack.environment.files import BOM
from stack.environment.python_grammar import Statement

_NAME: Final = re.compile(r"(\s*(?:export[^\S\r\n]+)?)('[^']+'|[^=\#\s]+)")


class _Reader(Enum):
    PYTHON = auto()
    COMPOSE = auto()


_Values = dict[tuple[_Reader, str], str | None]


class InseparableError(ValueError):
    """Lines that cannot be changed alone, since Compose and Python do not agree on where they begin and end."""


def without(text: str, name: str) -> str:
    """Return `text` without the lines that set `name`, to Python or to Compose alone.

    Raises:
        InseparableError: another variable would go, or come, with it.
    """
    lines = _lines_of_compose(text, name)
    result = _keep(text, lambda it, _is_last: it.name != name and (it.readable or it.line not in lines))
    before, after = _values(text), _values(result)
    _require(_without(before, name).keys() == after.keys())
    return result


def without_earlier(text: str, name: str) -> str:
    """Return `text` with the last line that sets `name` alone, the one that counts.

    Raises:
        InseparableError: a variable would have another value then, or be gone.
    """
    result = _keep(text, lambda it, is_last: it.name != name or is_last)
    _require(_values(text) == _values(result))
    return result


def renamed(text: str, name: str, other: str) -> str:
    """Return `text` with the variable `name` called `other` wherever Python finds it set.

    Raises:
        InseparableError: Compose would not follow, or another variable have another value.
    """
    result = _joined(
        text,
        [
            _NAME.sub(lambda found: found[1] + other, statement.text, count=1)
            if statement.name == name
            else statement.text
            for statement in python_grammar.statements(text)
        ],
    )
    before, after = _values(text), _values(result)
    _require(not any(found == name for _, found in after))
    _require(_without(_without(before, name), other) == _without(after, other))
    return result


def with_unix_line_ends(text: str) -> str:
    r"""Return `text` with every line ended by ``\n`` alone."""
    return text.replace("\r\n", "\n")


def without_mark(text: str) -> str:
    """Return `text` without its byte-order mark."""
    return text.removeprefix(BOM)


def _require(is_so: bool) -> None:
    if not is_so:
        raise InseparableError("Compose and Python do not agree on these lines, or another variable refers to them")


def _values(text: str) -> _Values:
    """Return what each variable is in each grammar; where Compose refuses the text, it has none."""
    found: _Values = {
        (_Reader.PYTHON, name): it.value for name, it in python_grammar.parse(text, _nothing).effective.items()
    }
    with suppress(compose_grammar.EnvSyntaxError):
        compose = compose_grammar.parse(text, _nothing)
        read = compose.values
        found |= {(_Reader.COMPOSE, it.name): read.get(it.name) for it in compose.entries}
    return found


def _without(values: _Values, name: str) -> _Values:
    return {key: value for key, value in values.items() if key[1] != name}


def _lines_of_compose(text: str, name: str) -> set[int]:
    try:
        return {it.line for it in compose_grammar.parse(text, _nothing).entries if it.name == name}
    except compose_grammar.EnvSyntaxError:
        return set()


def _nothing(_name: str) -> str | None:
    return None


def _keep(text: str, is_kept: Callable[[Statement, bool], bool]) -> str:
    read = python_grammar.statements(text)
    last = {statement.name: index for index, statement in enumerate(read)}
    return _joined(
        text,
        [
            # The blank lines above a line are not the line's own, and stay.
            statement.text if is_kept(statement, last[statement.name] == index) else _blank_lines(statement)
            for index, statement in enumerate(read)
        ],
    )


def _blank_lines(statement: Statement) -> str:
    before = statement.text[: len(statement.text) - len(statement.text.lstrip())]
    return before[: max(before.rfind("\n"), before.rfind("\r")) + 1]


def _joined(text: str, texts: list[str]) -> str:
    return (BOM if text.startswith(BOM) else "") + "".join(texts)
