"""The lines of a sheet: what a long text is drawn as, with what can be folded away.

A value may have a hundred thousand lines. Only those that are seen become `Line`s; until then they are plain texts,
which also keeps the garbage collector from looking through them.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol


class Ink(StrEnum):
    """How a piece of a line is drawn, by what it is."""

    PLAIN = "plain"
    TITLE = "title"
    NAME = "name"
    MUTED = "muted"
    TEXT = "text"
    NUMBER = "number"
    WORD = "word"
    WRONG = "wrong"


Pieces = tuple[tuple[str, Ink], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One line. Its pieces are clean.

    `inside` is how many of the lines after it can be folded away with it. `target` is what is picked on it, where
    something can be.
    """

    pieces: Pieces
    inside: int = 0
    target: int | None = None


def plain(text: str, ink: Ink = Ink.PLAIN) -> Line:
    """Return a line of one piece."""
    return Line(((text, ink),))


class Body(Protocol):
    """Lines that are made as they are seen. `folded` are those that are folded to begin with."""

    folded: Sequence[int]

    def __len__(self) -> int:
        """Return how many lines there are."""

    def __getitem__(self, place: int, /) -> Line:
        """Return one of them."""

    def inside(self, place: int, /) -> int:
        """Return how many lines after that one can be folded away with it."""


class Painted:
    """Texts that `paint` puts colours on; `inside` says of some lines how many after them can be folded away."""

    def __init__(
        self,
        texts: Sequence[str],
        paint: Callable[[str], Pieces],
        inside: Mapping[int, int] | None = None,
        folded: Sequence[int] = (),
    ) -> None:
        """Take `texts`, which are clean."""
        self._texts = texts
        self._paint = paint
        self._inside = inside or {}
        self.folded = folded

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, place: int, /) -> Line:
        return Line(self._paint(self._texts[place]), self.inside(place))

    def inside(self, place: int, /) -> int:
        """Return how many lines after that one can be folded away with it."""
        return self._inside.get(place, 0)


class Made:
    """So many lines, each made by its number."""

    folded: Sequence[int] = ()

    def __init__(self, count: int, make: Callable[[int], Line]) -> None:
        """Have `count` lines."""
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int, /) -> Line:
        return self._make(place)

    def inside(self, _place: int, /) -> int:
        """Return that nothing can be folded."""
        return 0


_INDENT: Final = "  "


class Lines:
    """All lines of a sheet, in parts."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        """Begin with `lines`."""
        self._parts: list[Line | Body] = []
        self._starts: list[int] = []
        self._count = 0
        self.folded: set[int] = set()
        """The lines that are folded to begin with."""
        self.first_target: int | None = None
        """The first line on which something can be picked."""
        for line in lines:
            self.add(line)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int, /) -> Line:
        part, start = self._find(place)
        if isinstance(part, Line):
            return part
        line = part[place - start]
        return Line(((_INDENT, Ink.PLAIN), *line.pieces), line.inside, line.target)

    def inside(self, place: int) -> int:
        """Return how many lines after that one can be folded away with it, without making any."""
        part, start = self._find(place)
        return part.inside if isinstance(part, Line) else part.inside(place - start)

    def _find(self, place: int) -> tuple[Line | Body, int]:
        index = bisect_right(self._starts, place) - 1
        return self._parts[index], self._starts[index]

    def add(self, line: Line) -> None:
        """Add a line."""
        if line.target is not None and self.first_target is None:
            self.first_target = self._count
        self._append(line, 1)

    def add_body(self, head: Pieces, body: Body, *, folded: bool = False) -> None:
        """Add a line of `head` and below it the lines of `body`, which can be folded into it."""
        if folded:
            self.folded.add(self._count)
        self.add(Line(head, inside=len(body)))
        if len(body):
            self.folded |= {self._count + place for place in body.folded}
            self._append(body, len(body))

    def _append(self, part: Line | Body, count: int) -> None:
        self._parts.append(part)
        self._starts.append(self._count)
        self._count += count
