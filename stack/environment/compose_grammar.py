"""The grammar in which Compose reads `.env` and `env_file:` files, quirks included.

It is what `docker compose` does with a file, not what its documentation promises: keys may end in ``:``, backslashes
mean something in double quotes only, and text behind a closing quote begins a new statement.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from stack.environment.interpolation import InterpolationError, Lookup, interpolate

MAX_VALUES: Final = 4 << 20
"""Characters of all values of a file: its variables may repeat each other, and not without end."""

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})

# Go's `unicode.IsSpace`, which is not Python's `str.isspace`.
_BLANKS: Final = "\t\v\f\r \u0085\u00a0"
SPACES: Final = (
    _BLANKS + "\n\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)

_BEFORE_STATEMENT: Final = re.compile(rf"(?:[{SPACES}]++|\#[^\n]*+)*+")
_EXPORT: Final = re.compile(rf"export[\t\n\f\r ]+[{_BLANKS}]*")
_NAME: Final = re.compile(r"[^=:\n]*")
_BLANK_RUN: Final = re.compile(rf"[{_BLANKS}]*")
_QUOTED: Final = {quote: re.compile(rf"{quote}((?:[^{quote}\\]++|\\.)*+){quote}", re.DOTALL) for quote in ("'", '"')}
_ESCAPE: Final = re.compile(r'\\(?:[abcfnrtv$"\\]|0[0-9]{0,3})')
_OCTAL: Final = re.compile(r"\\0([0-3][0-7]{2})")
_ESCAPED: Final = {
    r"\a": "\a", r"\b": "\b", r"\f": "\f", r"\n": "\n", r"\r": "\r", r"\t": "\t", r"\v": "\v", r"\\": "\\", r"\"": '"',
    r"\$": "$$",  # interpolation, which comes after this, makes it one
}  # fmt: skip


class EnvSyntaxError(ValueError):
    """A file that Compose would refuse. The message quotes no value, which may be a secret."""

    def __init__(self, line: int, column: int, message: str) -> None:
        """Take the line and the column, from 1, and what was expected there."""
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.column = column
        self.message = message


@dataclass(frozen=True, slots=True)
class EnvEntry:
    """One assignment. A `value` of None is a bare name that nothing sets; `line` counts from 1.

    Compose has no bare name on a last line that does not end: what is written there becomes the value of the variable
    whose name is empty.
    """

    name: str
    value: str | None = field(repr=False)
    line: int


@dataclass(frozen=True, slots=True)
class ComposeEnv:
    """A file's assignments in their order, and the plain variables that were empty only because nothing sets them."""

    entries: tuple[EnvEntry, ...]
    unset: tuple[str, ...] = ()

    @property
    def values(self) -> Mapping[str, str]:
        """What the file sets: the last assignment of a name wins, a bare name that nothing sets takes nothing away."""
        return {entry.name: entry.value for entry in self.entries if entry.value is not None}


def parse(text: str, lookup: Lookup, earlier: Mapping[str, str] = NOTHING) -> ComposeEnv:
    """Read the assignments of `text`.

    A variable in a value is what `lookup` has for it, else what the file assigned last, else what `earlier` files did.

    Raises:
        EnvSyntaxError: a name with a space or a character that is not allowed in one, a quote that is not closed, or a
            value whose variables cannot be interpolated. Values that grow beyond `MAX_VALUES`, too.
    """
    text = text.removeprefix("\ufeff")
    known = dict(earlier)
    entries: list[EnvEntry] = []
    unset: dict[str, None] = {}

    def lookup_with_known(name: str) -> str | None:
        value = lookup(name)
        return known.get(name) if value is None else value

    line, counted, length = 1, 0, 0
    position = _skip(_BEFORE_STATEMENT, text, 0)
    while position < len(text):
        line += text.count("\n", counted, position)
        counted = position
        name, position, is_bare = _name(text, position, line)
        if is_bare:
            value = lookup(name)
        else:
            start = position
            template, position = _template(text, start, line)
            try:
                interpolated = interpolate(template, lookup_with_known)
            except InterpolationError as error:
                raise EnvSyntaxError(line, _column(text, start), str(error)) from None
            value = interpolated.text
            unset |= dict.fromkeys(interpolated.unset)
        if value is not None:
            known[name] = value
            length += len(value)
            if length > MAX_VALUES:
                raise EnvSyntaxError(line, 1, f"expected values of at most {MAX_VALUES} characters in all")
        entries.append(EnvEntry(name, value, line))
        position = _skip(_BEFORE_STATEMENT, text, position)
    return ComposeEnv(tuple(entries), tuple(unset))


def _column(text: str, position: int) -> int:
    return position - text.rfind("\n", 0, position)


def _skip(what: re.Pattern[str], text: str, position: int) -> int:
    found = what.match(text, position)
    return found.end() if found else position


def _name(text: str, position: int, line: int) -> tuple[str, int, bool]:
    """Return the name at `position`, where its value begins, and whether it is bare."""
    start = _skip(_EXPORT, text, position)
    end = _skip(_NAME, text, start)
    for place, character in enumerate(text[start:end], start):
        if character not in "_.-[]" + _BLANKS and unicodedata.category(character)[0] not in "LN":
            column = _column(text, place)
            raise EnvSyntaxError(
                line,
                column,
                f"expected a name of letters, digits and _ . - [ ] before the =, got another in column {column}",
            )
    if end == len(text):
        return "", start, False
    name = text[start:end].rstrip(SPACES)
    if " " in name:
        column = _column(text, start + name.index(" "))
        raise EnvSyntaxError(line, column, "expected a name without spaces before the =, or the whole value in quotes")
    return name, _skip(_BLANK_RUN, text, end + 1), text[end] == "\n"


def _template(text: str, position: int, line: int) -> tuple[str, int]:
    """Return the value at `position`, unescaped and ready for interpolation, and where the next statement may begin."""
    quote = text[position : position + 1]
    if quote in _QUOTED:
        quoted = _QUOTED[quote].match(text, position)
        if quoted is None:
            raise EnvSyntaxError(line, _column(text, position), f"expected a closing {quote}")
        value = quoted[1].replace(f"\\{quote}", quote)
        return _unescape(value) if quote == '"' else value.replace("$", "$$"), quoted.end()
    end = text.find("\n", position)
    end = len(text) if end == -1 else end
    return text[position:end].partition(" #")[0].rstrip(SPACES), end


def _unescape(value: str) -> str:
    return _ESCAPE.sub(_unescaped, value)


def _unescaped(escape: re.Match[str]) -> str:
    if octal := _OCTAL.fullmatch(escape[0]):
        return chr(int(octal[1], 8))
    # What begins like an octal escape and is none loses its zero: Compose writes it anew before it tries.
    return _ESCAPED.get(escape[0], escape[0].replace("\\0", "\\", 1))
