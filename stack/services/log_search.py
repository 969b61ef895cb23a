"""What a person looks for in a log: plain text or a regular expression, which may not take longer than it is worth.

In either, capitals count only where what is looked for has one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from regex import Pattern as Expression

SECONDS: Final = 0.02
"""How long one line may take: some expressions take longer than a life on some lines."""

MOST: Final = 500
"""Places in one line that are told."""


class PatternError(ValueError):
    """What was typed is no regular expression; the message says why."""


class TooSlowError(Exception):
    """A regular expression took longer than `SECONDS` on one line."""


class Pattern(Protocol):
    """What is looked for."""

    @property
    def text(self) -> str:
        """What was typed."""
        ...

    def matches(self, line: str) -> bool:
        """Return whether it is in `line`. Raises `TooSlowError`."""
        ...

    def places(self, line: str) -> list[tuple[int, int]]:
        """Return where it is in `line`, as pairs of begin and end, at most `MOST`. Raises `TooSlowError`."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """A piece of text."""

    text: str
    _exact: bool = field(init=False)

    def __post_init__(self) -> None:
        """See whether capitals count."""
        object.__setattr__(self, "_exact", self.text != self.text.lower())

    def matches(self, line: str) -> bool:
        """Return whether it is in `line`."""
        return self.text in (line if self._exact else line.lower())

    def places(self, line: str) -> list[tuple[int, int]]:
        """Return where it is in `line`."""
        # Not in the small letters of `line`: some capitals become two of them.
        found = re.finditer(re.escape(self.text), line, 0 if self._exact else re.IGNORECASE)
        return _spans(match.span() for match in found)


@dataclass(frozen=True, slots=True)
class Regular:
    """A regular expression.

    Made with the package ``regex``, which understands what `re` does, and whose searches have a time limit: Python's
    own cannot be interrupted, and hold every other thread up meanwhile.
    """

    text: str
    _expression: "Expression[str]" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the expression.

        Raises:
            PatternError: it is none.
        """
        # Imported with the first expression: most people never type one, and starting up would pay for it.
        import regex

        # What follows a backslash is a class, such as \S, and no capital that is looked for.
        has_capital = any(character.isupper() for character in re.sub(r"\\.", "", self.text))
        try:
            expression = regex.compile(self.text, 0 if has_capital else regex.IGNORECASE)
        except (regex.error, OverflowError, RecursionError, MemoryError) as error:
            raise PatternError(str(error)) from None
        object.__setattr__(self, "_expression", expression)

    def matches(self, line: str) -> bool:
        """Return whether it is in `line`. Raises `TooSlowError`."""
        try:
            return self._expression.search(line, timeout=SECONDS) is not None
        except TimeoutError:
            raise TooSlowError(self.text) from None

    def places(self, line: str) -> list[tuple[int, int]]:
        """Return where it is in `line`. Raises `TooSlowError`."""
        try:
            return _spans(match.span() for match in self._expression.finditer(line, timeout=SECONDS))
        except TimeoutError:
            raise TooSlowError(self.text) from None


def _spans(found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the first of `found` that are not empty."""
    return list(islice((span for span in found if span[0] < span[1]), MOST))
