"""Names as people type them: ``bookings``, ``public.bookings``, ``"My Table"``."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

# Without quotes a name ends where a sign begins, and at the arrow of a path.
_NAME: Final = re.compile(r'"((?:[^"]|"")+)"|((?:[^\s"=!<>~:.-]|-(?!>))+)')


@dataclass(frozen=True, slots=True)
class Name:
    """One identifier; `quoted` where it was typed in double quotes and so means exactly what it says.

    A name that folding to lower case leaves as it is means the same either way, and is never `quoted`.
    """

    text: str
    quoted: bool = False

    def __post_init__(self) -> None:
        """Keep one form of names that mean the same."""
        object.__setattr__(self, "quoted", self.quoted and self.text != self.text.lower())

    def __str__(self) -> str:
        """Return it as a person would type it; `take_name` reads it back."""
        bare = not self.quoted and (found := _NAME.fullmatch(self.text)) is not None and found.group(2) is not None
        return self.text if bare else quote_name(self.text)

    def among(self, candidates: Iterable[str]) -> str | None:
        """Return the candidate that is meant.

        Postgres folds a name without quotes to lower case. Here the name as typed comes first, since a person who
        types ``createdAt`` and has a column of that name means it.
        """
        names = set(candidates)
        if self.text in names:
            return self.text
        folded = self.text.lower()
        return folded if not self.quoted and folded in names else None


def take_name(text: str) -> tuple[Name, str] | None:
    """Return the identifier at the start of `text` and what follows it, or None where none starts there."""
    found = _NAME.match(text.lstrip())
    if found is None:
        return None
    quoted, plain = found.groups()
    name = Name(plain) if plain else Name(quoted.replace('""', '"'), quoted=True)
    return name, text.lstrip()[found.end() :]


def take_path(text: str) -> tuple[Name, ...]:
    """Read all of `text` as identifiers with dots between them; an empty tuple where it is something else."""
    path: list[Name] = []
    rest = text.strip()
    while True:
        taken = take_name(rest)
        if taken is None:
            return ()
        name, rest = taken
        path.append(name)
        if not rest:
            return tuple(path)
        if not rest.startswith("."):
            return ()
        rest = rest[1:]


def quote_name(name: str) -> str:
    """Return `name` as it has to be typed to mean exactly this name, in double quotes where it needs them."""
    if re.fullmatch(r"[a-z_][a-z0-9_$]*", name):
        return name
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def storable(text: str) -> bool:
    """Return whether Postgres can hold `text`: Unicode without NUL, and without the bytes that no text came from."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def near(name: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """Return the candidates that look like `name` whatever the case, the likeliest first."""
    by_folded = {candidate.lower(): candidate for candidate in candidates}
    return [by_folded[found] for found in get_close_matches(name.lower(), by_folded, n=limit)]
