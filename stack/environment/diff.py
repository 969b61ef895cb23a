"""What an edit does to the lines of a `.env`, as it may be shown: secrets are hidden, on both sides."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import SequenceMatcher

from stack.environment import compose_grammar, python_grammar
from stack.environment.python_grammar import Statement
from stack.environment.secrecy import is_secret
from stack.text import MASK, hide


@dataclass(frozen=True, slots=True)
class LineChange:
    """A line of the file, from 1, before and after; None where it is not there.

    Both are exactly as written but for secrets; an assignment over several lines is one text with line breaks.
    """

    line: int
    before: str | None
    after: str | None


def line_changes(before: str, after: str) -> tuple[LineChange, ...]:
    """Return what differs between two texts of a `.env`, in the order of its lines."""
    old, new = python_grammar.statements(before), python_grammar.statements(after)
    secrets = _secrets(before) | _secrets(after)
    return tuple(
        change
        for tag, i1, i2, j1, j2 in SequenceMatcher(
            None, [it.text for it in old], [it.text for it in new], autojunk=False
        ).get_opcodes()
        if tag != "equal"
        for change in _paired(old[i1:i2], new[j1:j2], secrets)
    )


def _paired(old: tuple[Statement, ...], new: tuple[Statement, ...], secrets: set[str]) -> Iterator[LineChange]:
    for index in range(max(len(old), len(new))):
        gone = old[index] if index < len(old) else None
        come = new[index] if index < len(new) else None
        line = (come or gone or new[0]).line
        yield LineChange(line, _shown(gone, secrets) if gone else None, _shown(come, secrets) if come else None)


def _shown(statement: Statement, secrets: set[str]) -> str:
    text = statement.text.strip("\r\n")
    if not statement.readable:
        # Where the name ends is anybody's guess.
        return MASK
    if statement.name is None or not is_secret(statement.name, statement.value):
        return hide(text, secrets)
    written, equals, _ = text.partition("=")
    return f"{written}{equals}{MASK}" if equals else text


def _secrets(text: str) -> set[str]:
    """Return the secret values of `text`, in either reading, which may stand in its comments too."""
    found = {(entry.name, entry.value) for entry in python_grammar.parse(text, lambda _name: None).entries}
    with suppress(compose_grammar.EnvSyntaxError):  # what Compose would refuse, it reads no secret from
        found |= {(entry.name, entry.value) for entry in compose_grammar.parse(text, lambda _name: None).entries}
    return {value for name, value in found if value and is_secret(name, value)}
