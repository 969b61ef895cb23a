"""The newest lines of a log, as many as memory allows: which of them are shown, and which are looked for.

Nothing here draws. What passes the filter is found in slices, so that a key is never held up by fifty thousand lines.
"""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len

from stack.services.control import LineKind, LogLine
from stack.services.log_levels import Level
from stack.services.log_search import Pattern
from stack.text import clean_line

LINES: Final = 50_000
"""Lines that are kept at most."""

CHARACTERS: Final = 16_000_000
"""Characters that are kept at most, but for one line."""

_TAB: Final = 4
_LOOK: Final = 64
"""Lines between two looks at the clock."""


@dataclass(slots=True)
class Row:
    """A line that is kept: `text` is clean, and `cells` wide."""

    line: LogLine
    text: str
    cells: int


def make_row(line: LogLine) -> Row:
    """Return `line` as it is shown, with tabs expanded and every control character made visible."""
    text = line.text
    text = clean_line(text.expandtabs(_TAB) if "\t" in text else text)
    return Row(line, text, len(text) if text.isascii() else cell_len(text))


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines are shown: those of at least `least` in which `pattern` is found. What happened is always shown."""

    least: Level = Level.UNKNOWN
    pattern: Pattern | None = None

    def passes(self, row: Row) -> bool:
        """Return whether `row` is shown. Raises `TooSlowError`."""
        if row.line.kind is not LineKind.OUTPUT:
            return True
        return row.line.level >= self.least and (self.pattern is None or self.pattern.matches(row.text))


EVERYTHING: Final = Filter()


@dataclass(slots=True)
class LogHistory:
    """The lines, numbered in the order in which they came; the oldest that is kept has the number `first`.

    `shown` and `found` are numbers in ascending order: of what passes the filter, and of that, of what is looked for.
    Both are complete once `sift` has returned True.
    """

    filter: Filter = EVERYTHING
    search: Pattern | None = None
    first: int = 0
    shown: list[int] = field(default_factory=list)
    found: list[int] = field(default_factory=list)
    dropped: int = 0
    """Lines that came too quickly, since the beginning."""
    _rows: list[Row] = field(default_factory=list)
    _characters: int = 0
    _sifted: int = 0

    @property
    def end(self) -> int:
        """The number of the line that comes next."""
        return self.first + len(self._rows)

    def row(self, number: int) -> Row:
        """Return a line that is kept."""
        return self._rows[number - self.first]

    def add(self, lines: Sequence[LogLine]) -> int:
        """Take lines; return how many of `shown` have gone with those that are kept no longer."""
        for line in lines:
            row = make_row(line)
            self.dropped += line.dropped
            self._characters += len(row.text)
            self._rows.append(row)
        return self._forget()

    def look_for(self, search: Pattern | None) -> None:
        """Look for `search` from now on; `sift` finds it."""
        self.search = search
        self.found.clear()
        self._sift_anew()

    def show_only(self, wanted: Filter) -> None:
        """Show only what passes `wanted` from now on; `sift` finds it."""
        self.filter = wanted
        self._sift_anew()

    def sift(self, seconds: float) -> bool:
        """Go on finding what is shown and found, for `seconds` at most; return whether that is done.

        Raises:
            TooSlowError: an expression takes too long on one line; the filter and the search are as before.
        """
        until = time.monotonic() + seconds
        while self._sifted < self.end:
            for row in self._rows[self._sifted - self.first : self._sifted - self.first + _LOOK]:
                if self.filter.passes(row):
                    found = self.search is not None and self._finds(self.search, row)
                    self.shown.append(self._sifted)
                    if found:
                        self.found.append(self._sifted)
                self._sifted += 1
            if time.monotonic() >= until:
                break
        return self._sifted == self.end

    def lines(self, numbers: Sequence[int]) -> list[LogLine]:
        """Return the lines of `numbers` that are still kept."""
        return [self.row(number).line for number in numbers if number >= self.first]

    def every_number(self) -> range:
        """Return the numbers of all lines that are kept."""
        return range(self.first, self.end)

    @staticmethod
    def _finds(search: Pattern, row: Row) -> bool:
        return row.line.kind is LineKind.OUTPUT and search.matches(row.text)

    def _sift_anew(self) -> None:
        self.shown.clear()
        self.found.clear()
        self._sifted = self.first

    def _forget(self) -> int:
        """Keep no more than may be kept."""
        excess = max(0, len(self._rows) - LINES)
        characters = self._characters - sum(len(row.text) for row in self._rows[:excess])
        while characters > CHARACTERS and excess < len(self._rows) - 1:
            characters -= len(self._rows[excess].text)
            excess += 1
        if not excess:
            return 0
        self._characters = characters
        del self._rows[:excess]
        self.first += excess
        self._sifted = max(self._sifted, self.first)
        gone = bisect_left(self.shown, self.first)
        del self.shown[:gone]
        del self.found[: bisect_left(self.found, self.first)]
        return gone


def following(numbers: Sequence[int], number: int) -> int | None:
    """Return the first of `numbers` after `number`, or else the very first; None where there is none."""
    if not numbers:
        return None
    return numbers[bisect_right(numbers, number) % len(numbers)]


def preceding(numbers: Sequence[int], number: int) -> int | None:
    """Return the last of `numbers` before `number`, or else the very last; None where there is none."""
    return numbers[bisect_left(numbers, number) - 1] if numbers else None
