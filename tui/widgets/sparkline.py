"""A short history of numbers, in one line of text."""

from collections.abc import Sequence
from typing import Final

BLOCKS: Final = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int, floor: float = 0.0) -> str:
    """Return the newest `width` of `values`, which are not negative, as blocks between zero and the highest.

    While none is above `floor` that is the highest, so that next to nothing looks like it.
    """
    newest = values[-width:] if width > 0 else ()
    highest = max(floor, max(newest, default=0.0))
    if highest <= 0:
        return BLOCKS[0] * len(newest)
    return "".join(BLOCKS[min(len(BLOCKS) - 1, int(value / highest * len(BLOCKS)))] for value in newest)
