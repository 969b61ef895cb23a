"""JSON as Postgres prints it, a member a line, coloured and to be folded; not a digit of it is changed."""

import re
from typing import Final

from tui.sheet_lines import Ink, Painted, Pieces
from tui.wrapping import wrap

FOLDED_FROM: Final = 200
"""Lines from which on what lies inside is folded to begin with."""

_DEEPEST: Final = 16
"""Levels that are still indented."""

_LEAST: Final = 16

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_PIECE: Final = re.compile(r'(\s+)|("(?:[^"\\]|\\.)*+")(?=: )|("(?:[^"\\]|\\.)*+"?)|([{}\[\],:]+)|([^\s{}\[\],:"]+)')
_INKS: Final = (Ink.PLAIN, Ink.NAME, Ink.TEXT, Ink.MUTED)
_OPENING: Final = {"}": "{", "]": "["}


def json_lines(text: str, room: int) -> Painted:
    """Return the lines of `text`, which is JSON or the beginning of some, at most `room` cells wide."""
    writer = _Writer(room)
    for found in _TOKEN.finditer(text):
        writer.take(found.group())
    return writer.done()


class _Writer:
    """Lines that grow by tokens, and which of them hold others."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._texts: list[str] = []
        self._inside: dict[int, int] = {}
        self._begun: list[int] = []
        self._line = ""
        self._last = ""

    def take(self, token: str) -> None:
        """Write what follows."""
        match token:
            case "{" | "[":
                self._end(token)
                self._begun.append(len(self._texts) - 1)
            case "}" | "]":
                self._close(token)
            case ",":
                self._separate()
            case ":":
                self._line += ": "
            case _:
                self._write(token)
        self._last = token

    def done(self) -> Painted:
        """Return what was written."""
        if self._line:
            self._end()
        folded = [first for first in self._inside if first] if len(self._texts) >= FOLDED_FROM else []
        return Painted(self._texts, _paint, self._inside, folded)

    @property
    def _indent(self) -> str:
        return "  " * min(len(self._begun), _DEEPEST)

    def _end(self, text: str = "") -> None:
        self._texts.append(f"{self._indent}{self._line}{text}")
        self._line = ""

    def _separate(self) -> None:
        if self._line:
            self._end(",")
        elif self._texts:
            self._texts[-1] += ","

    def _close(self, sign: str) -> None:
        if self._line:
            self._end()
        first = self._begun.pop() if self._begun else None
        if self._last == _OPENING[sign]:
            self._texts[-1] += sign
            return
        self._end(sign)
        if first is not None:
            self._inside[first] = len(self._texts) - 1 - first

    def _write(self, word: str) -> None:
        fit = max(_LEAST, self._room - len(self._indent) - len(self._line) - 1)
        *pieces, last = [word] if len(word) <= fit and word.isascii() and word.isprintable() else wrap(word, fit)
        for piece in pieces:
            self._line += piece
            self._end()
        self._line += last


def _paint(text: str) -> Pieces:
    pieces: list[tuple[str, Ink]] = []
    for found in _PIECE.finditer(text):
        index = found.lastindex or 0
        word = found.group()
        ink = _INKS[index - 1] if index <= len(_INKS) else Ink.WORD if word[0].isalpha() else Ink.NUMBER
        pieces.append((word, ink))
    return tuple(pieces)
