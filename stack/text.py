"""What may reach a terminal: control characters made visible, secrets hidden.

Rows, logs, names, errors and ``.env`` values come from outside. A terminal obeys some of their characters and reorders
text around others, so nothing from outside is shown before it went through `clean` or `clean_line`.
"""

from collections.abc import Iterable
from typing import Final

MASK: Final = "••••••••"

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
# Unicode's explicit bidirectional controls (UAX #9, section 2): they can make text read as something that it is not.
_BIDIRECTIONAL: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))


def _visible() -> dict[int, str]:
    table = {code: chr(0x2400 + code) for code in range(0x20)}
    table[0x7F] = "\N{SYMBOL FOR DELETE}"
    table |= dict.fromkeys(range(0x80, 0xA0), _REPLACEMENT)
    table |= dict.fromkeys(_BIDIRECTIONAL, _REPLACEMENT)
    table |= dict.fromkeys(range(0xD800, 0xE000), _REPLACEMENT)
    table |= dict.fromkeys((0x2028, 0x2029), _REPLACEMENT)
    return table


_LINE: Final = _visible()
_BLOCK: Final = {code: shown for code, shown in _LINE.items() if code not in {0x09, 0x0A}}


class SecretStr:
    """A text that nothing shows by accident: not `str`, not `repr`, no log and no traceback. Immutable.

    It has the interface of pydantic's class of this name, which costs a command more time to import than all that it
    does with its password.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep `value`."""
        self._value = value

    def get_secret_value(self) -> str:
        """Return the text itself."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and other._value == self._value

    def __hash__(self) -> int:
        return hash((SecretStr, self._value))

    def __str__(self) -> str:
        return MASK if self._value else ""

    def __repr__(self) -> str:
        return f"SecretStr({str(self)!r})"


def clean(text: str) -> str:
    r"""Return `text` with every control character made visible, except ``\n`` and ``\t``.

    C0 controls become their picture (U+2400 and up), C1 controls, bidirectional controls, line separators and lone
    surrogates become U+FFFD. The result can be encoded as UTF-8 and has the length of `text`.
    """
    return text if text.isascii() and text.isprintable() else text.translate(_BLOCK)


def clean_line(text: str) -> str:
    """Return `text` for one line of a terminal: like `clean`, with line breaks and tabs made visible too."""
    return text if text.isascii() and text.isprintable() else text.translate(_LINE)


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with each of `secrets` replaced by `MASK`, the longest first; empty secrets hide nothing."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
