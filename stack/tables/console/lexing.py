"""SQL as the tokens that Postgres reads it as, for completion, colours, and what is said about a statement.

What a statement may do is the server's word alone; nothing here is relied on for that but the names that
`stack.tables.console.rights` refuses. After «Lexical Structure» of the manual, with ``standard_conforming_strings`` on,
which the console sets.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    """A keyword, or a name without quotes."""
    QUOTED = "quoted"
    """A name in double quotes."""
    STRING = "string"
    NUMBER = "number"
    SYMBOL = "symbol"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a statement that begins at `start`; `closed` is false where its end is missing."""

    kind: Kind
    text: str
    start: int
    closed: bool = True

    @property
    def end(self) -> int:
        """Where the next token may begin."""
        return self.start + len(self.text)

    @property
    def name(self) -> str | None:
        """The name that Postgres takes it for; None where it is none, or one in Unicode escapes."""
        match self.kind:
            case Kind.WORD:
                return self.text.translate(_FOLDED)
            case Kind.QUOTED if self.text[0] == '"':
                return (self.text[1:-1] if self.closed else self.text[1:]).replace('""', '"')
            case _:
                return None


# A literal goes on in the next one after a line's end, by the rules that it began with: escapes count there too.
_CONTINUED: Final = r"""
    '[ \t\f\v]*(?:--[^\r\n]*)?[\r\n](?:[ \t\f\v\r\n]|--[^\r\n]*[\r\n])*'
"""
_PLAIN: Final = re.compile(
    rf"""
      (?P<space>\s+)
    | (?P<line>--[^\r\n]*)
    | (?P<block>/\*)
    | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?\$)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|''|{_CONTINUED})*(?P<escaped_end>')?)
    | (?P<string>(?:[uU]&|[bBxXnN])?'(?:[^']|'')*(?P<string_end>')?)
    | (?P<quoted>(?:[uU]&)?"(?:[^"]|"")*(?P<quoted_end>")?)
    | (?P<word>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
    | (?P<number>(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)
    | (?P<symbol>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)
# Names are folded by ASCII alone, in a database of UTF-8.
_FOLDED: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")


def tokens(text: str) -> tuple[Token, ...]:
    """Return the tokens of `text`, comments among them; the space between them is nobody's."""
    found: list[Token] = []
    place = 0
    while match := _PLAIN.match(text, place):
        end, closed = match.end(), True
        match match.lastgroup:
            case "space":
                place = end
                continue
            case "line":
                kind = Kind.COMMENT
            case "block":
                kind = Kind.COMMENT
                end, closed = _comment_end(text, end)
            case "dollar":
                kind = Kind.STRING
                closing = text.find(match[0], end)
                end, closed = (closing + len(match[0]), True) if closing >= 0 else (len(text), False)
            case "escaped" | "string":
                kind, closed = Kind.STRING, bool(match["escaped_end"] or match["string_end"])
            case "quoted":
                kind, closed = Kind.QUOTED, bool(match["quoted_end"])
            case "word":
                kind = Kind.WORD
            case "number":
                kind = Kind.NUMBER
            case _:
                kind = Kind.SYMBOL
        found.append(Token(kind, text[place:end], place, closed))
        place = end
    return tuple(found)


def _comment_end(text: str, place: int) -> tuple[int, bool]:
    """Return where the comment ends whose inside begins at `place`, and whether it does; comments nest."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, place):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end(), True
    return len(text), False


def statements(text: str) -> tuple[tuple[Token, ...], ...]:
    """Return the tokens of each statement in `text`, without comments; empty ones are none."""
    found: list[tuple[Token, ...]] = []
    begun: list[Token] = []
    for token in tokens(text):
        if token.kind is Kind.SYMBOL and token.text == ";":
            found.append(tuple(begun))
            begun = []
        elif token.kind is not Kind.COMMENT:
            begun.append(token)
    found.append(tuple(begun))
    return tuple(each for each in found if each)
