"""The text of a `.env` with lines taken away or renamed, everything else byte for byte. Pure."""

import re
from collections.abc import Callable
from typing import Final

from stack.environment import python_grammar
from stack.environment.files import BOM
from stack.environment.python_grammar import Statement

_NAME: Final = re.compile(r"(\s*(?:export[^\S\r\n]+)?)('[^']+'|[^=\#\s]+)")


def without(text: str, name: str) -> str:
    """Return `text` without the lines that set `name`."""
    return _keep(text, lambda statement, _is_last: statement.name != name)


def without_earlier(text: str, name: str) -> str:
    """Return `text` with the last line that sets `name` alone, the one that counts."""
    return _keep(text, lambda statement, is_last: statement.name != name or is_last)


def renamed(text: str, name: str, other: str) -> str:
    """Return `text` with the variable `name` called `other` wherever it is set."""
    return _joined(
        text,
        [
            _NAME.sub(lambda found: found[1] + other, statement.text, count=1)
            if statement.name == name
            else statement.text
            for statement in python_grammar.statements(text)
        ],
    )


def with_unix_line_ends(text: str) -> str:
    r"""Return `text` with every line ended by ``\n`` alone."""
    return text.replace("\r\n", "\n")


def without_mark(text: str) -> str:
    """Return `text` without its byte-order mark."""
    return text.removeprefix(BOM)


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
