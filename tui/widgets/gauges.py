"""What can be measured of a long action, as bars: the whole of it, and as many of its parts as there is room for."""

from collections.abc import Sequence
from typing import Final

from textual.content import Content

from stack.amounts import rate, size, span
from stack.findings import Gauge, Unit
from tui.outside import line

NAME: Final = 14
"""Cells for the name of a part."""

WIDEST: Final = 40
NARROWEST: Final = 8
"""Cells of a bar."""

NUMBERS: Final = 44
"""Cells that are kept for the numbers beside a bar."""


def bars(gauges: Sequence[Gauge], width: int, room: int) -> list[Content]:
    """Return at most `room` lines of `width` cells: the whole first, then its parts, those that are finished last."""
    if not gauges or room < 1:
        return []
    whole, *parts = gauges
    lines = [_line(whole, width, "bold")]
    left = room - 1
    shown = parts if len(parts) <= left else _most_telling(parts, left)
    lines += [_line(part, width, "") for part in shown]
    return lines


def _most_telling(parts: Sequence[Gauge], count: int) -> list[Gauge]:
    """Return `count` of `parts` in their order: those under way before those that wait, those that are done last."""
    ranked = sorted(range(len(parts)), key=lambda index: (_rank(parts[index]), index))[:count]
    return [parts[index] for index in sorted(ranked)]


def _rank(gauge: Gauge) -> int:
    if gauge.total is not None and gauge.done >= gauge.total:
        return 2
    return 0 if gauge.done else 1


def _line(gauge: Gauge, width: int, style: str) -> Content:
    cells = max(NARROWEST, min(WIDEST, width - NAME - NUMBERS))
    name = line(gauge.name, style).truncate(NAME, ellipsis=True, pad=True)
    if gauge.total is None:
        return Content.assemble("  ", name, (" " + "░" * cells + " ", "$muted"), _done(gauge), _speed(gauge))
    share = min(1.0, gauge.done / gauge.total) if gauge.total else 1.0
    full = int(share * cells)
    colour = "$success" if share >= 1.0 else "$primary"
    return Content.assemble(
        "  ",
        name,
        (" " + "█" * full, colour),
        ("░" * (cells - full) + " ", "$muted"),
        (f"{int(share * 100):3d} %  ", style),
        _done(gauge),
        _speed(gauge),
    )


def _done(gauge: Gauge) -> str:
    if gauge.unit is Unit.BYTES:
        return size(gauge.done) if gauge.total is None else f"{size(gauge.done)} of {size(gauge.total)}"
    unit = " rows" if gauge.unit is Unit.ROWS else ""
    return f"{gauge.done:,}{unit}" if gauge.total is None else f"{gauge.done:,} of {gauge.total:,}{unit}"


def _speed(gauge: Gauge) -> Content:
    if not gauge.rate:
        return Content()
    speed = rate(gauge.rate) if gauge.unit is Unit.BYTES else f"{gauge.rate:,.0f}/s"
    left = f", {span((gauge.total - gauge.done) / gauge.rate)} left" if gauge.total and gauge.done < gauge.total else ""
    return Content.styled(f"  {speed}{left}", "$muted")
