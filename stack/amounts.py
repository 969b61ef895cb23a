"""Amounts as a person reads them: bytes, bytes a second, lengths of time."""

from typing import Final

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """Return `count` bytes in the unit that leaves one to three digits before the point, in powers of 1000."""
    value, index = float(count), 0
    while value >= 999.5 and index < len(_UNITS) - 1:
        value, index = value / 1000, index + 1
    return f"{value:.0f} {_UNITS[index]}" if index == 0 or value >= 99.95 else f"{value:.1f} {_UNITS[index]}"


def rate(count: float) -> str:
    """Return `count` bytes a second."""
    return f"{size(count)}/s"


def span(seconds: float) -> str:
    """Return a length of time in its two greatest units."""
    whole = max(0, int(seconds))
    for length, name, less_length, less in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= length:
            return f"{whole // length} {name} {whole % length // less_length} {less}"
    return f"{whole} s"


def duration(seconds: float) -> str:
    """Return how long something took: two digits of a short time, a longer one as `span` has it."""
    if seconds >= 60:
        return span(seconds)
    return (
        f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s" if seconds >= 0.95 else f"{seconds * 1000:.0f} ms"
    )
