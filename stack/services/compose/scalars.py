"""What a plain YAML scalar means to Compose, and how Compose writes it as a text.

Compose reads YAML with go-yaml 3, which is neither YAML 1.1 nor 1.2: ``yes`` and ``22:22`` are texts, ``012`` is ten.
"""

import datetime as dt
import math
import re
import struct
from decimal import Decimal
from typing import Final

from stack.services.compose.nodes import Timestamp, Value

_WORDS: Final[dict[str, Value]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER: Final = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_BASES: Final = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DATE: Final = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    r"(?:(?:[Tt][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2}))"
    r"|(?: [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?))?"
)
_MAX_DIGITS: Final = 400


def resolve(text: str) -> Value:
    """Return what the plain scalar `text` means. Integers outside of Go's 64 bits are floats, as they are there."""
    if text in _WORDS:
        return _WORDS[text]
    if not text[0].isascii() or text[0] not in "+-.0123456789" or len(text) > _MAX_DIGITS:
        return text
    if (date := _DATE.fullmatch(text)) and _is_date(date):
        return Timestamp(text)
    digits = text.replace("_", "")
    if integer := _INTEGER.fullmatch(digits):
        base = next(base for base in _BASES if integer[base])
        number = int(integer["sign"] + integer[base], _BASES[base])
        if -(2**63) <= number < 2**64:
            return number
    fraction = float(digits) if _FLOAT.fullmatch(digits) else math.inf
    return fraction if math.isfinite(fraction) else text


def _is_date(date: re.Match[str]) -> bool:
    try:
        dt.date(int(date["year"]), int(date["month"]), int(date["day"]))
    except ValueError:
        return False
    return True


def to_text(value: str | float) -> str:
    """Write `value` as Compose does where it needs a text: as Go's ``fmt.Sprint``, with ``1e+06`` for a million."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return _float_text(value)
        case _:
            return str(value)


def _float_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    number = Decimal(repr(value)).normalize()
    exponent = number.adjusted()
    if -4 <= exponent < 6:  # Go decides as if the precision were six, however many digits there are
        return f"{number:f}"
    return f"{number.scaleb(-exponent):f}e{exponent:+03d}"


def single_precision(value: float) -> str:
    """Write `value` as the shortest decimal that is the same 32 bit number, as Go's JSON writes a ``float32``."""
    packed = struct.pack("<f", value)
    single = float(struct.unpack("<f", packed)[0])
    candidates = (f"{single:.{digits}g}" for digits in range(1, 10))
    shortest = next(text for text in candidates if struct.pack("<f", float(text)) == packed)
    number = Decimal(shortest).normalize()
    if number == 0 or Decimal("1e-6") <= abs(number) < Decimal("1e21"):
        return f"{number:f}"
    return f"{number.scaleb(-number.adjusted()):f}e{number.adjusted():+d}"
