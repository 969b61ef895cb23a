"""Durations and sizes as Go writes them: integer nanoseconds and bytes here, texts in Compose files and hashes."""

import re
from fractions import Fraction
from typing import Final

_UNITS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # U+00B5, micro sign
    "μs": 10**3,  # U+03BC, mu
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 24 * 3600 * 10**9,
    "w": 7 * 24 * 3600 * 10**9,
}
_PART: Final = re.compile(rf"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)({'|'.join(sorted(_UNITS, key=len, reverse=True))})")
_DURATION: Final = re.compile(rf"[-+]?(?:0|(?:{_PART.pattern})+)")
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgtp])i?)?b?", re.IGNORECASE)
_MAX: Final = 2**63 - 1


def parse_duration(text: str) -> int | None:
    """Return the nanoseconds of a Go duration such as ``1m30s``, ``d`` and ``w`` included; None where it is none."""
    if len(text) > 100 or not _DURATION.fullmatch(text):
        return None
    total = sum(int(Fraction(number) * _UNITS[unit]) for number, unit in _PART.findall(text))
    return None if total > _MAX else -total if text.startswith("-") else total


def format_duration(nanoseconds: int) -> str:
    """Write a duration as Go's ``Duration.String`` does: ``1m30s``, ``1.5s``, ``100µs``, ``24h0m0s``."""
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest == 0:
        return "0s"
    if rest < 10**9:
        unit = next(unit for unit in ("ms", "µs", "ns") if rest >= _UNITS[unit])
        return f"{sign}{_decimal(rest, _UNITS[unit])}{unit}"
    hours, rest = divmod(rest, _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    seconds = f"{_decimal(rest, 10**9)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else sign + seconds


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    fraction = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else str(whole)


def parse_size(text: str) -> int | None:
    """Return the bytes of a size such as ``1.5gb``, in powers of 1024, rounded down; None where it is none."""
    if len(text) > 40 or not (size := _SIZE.fullmatch(text)):
        return None
    power = "bkmgtp".index((size[2] or "b").lower())
    number = float(size[1]) * 1024**power  # a float in Go too
    return int(number) if number < _MAX else None
