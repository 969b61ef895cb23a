"""How far a long action is, in a command's terminal: a few lines redrawn in place, and gone when it is over."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TextIO

from rich.cells import cell_len, set_cell_size

from stack.findings import Gauge, Unit
from stack.text import clean_line

_NARROWEST_BAR: Final = 8
_WIDEST_BAR: Final = 40
_CLEAR_DOWN: Final = "\x1b[J"


@dataclass(frozen=True, slots=True)
class Marks:
    """What bars are drawn with."""

    full: str
    empty: str


LINES: Final = Marks("━", "─")
ASCII: Final = Marks("#", "-")


@dataclass(slots=True)
class Block:
    """Lines at the bottom of the terminal `stream`, which has `size`, each time they are drawn."""

    stream: TextIO
    size: Callable[[], os.terminal_size]
    _drawn: list[int] = field(default_factory=list)

    def draw(self, line: str, gauges: Sequence[Gauge]) -> None:
        """Show `line` and a bar for each of `gauges` that is not done, in place of what was shown before."""
        size = self.size()
        lines = [set_cell_size(clean_line(line), min(cell_len(line), size.columns)), *bars(gauges, size, self._marks)]
        self.stream.write(self._back(size.columns) + "".join(f"{text}\n" for text in lines))
        self.stream.flush()
        self._drawn = [cell_len(text) for text in lines]

    def clear(self) -> None:
        """Take away what is shown."""
        if self._drawn:
            self.stream.write(self._back(self.size().columns))
            self.stream.flush()
            self._drawn = []

    def _back(self, columns: int) -> str:
        # Lines that were drawn before the terminal got narrower take several rows by now.
        rows = sum(max(1, -(-width // columns)) for width in self._drawn)
        return f"\x1b[{rows}A\r{_CLEAR_DOWN}" if rows else ""

    @property
    def _marks(self) -> Marks:
        try:
            LINES.full.encode(self.stream.encoding or "ascii")
        except UnicodeEncodeError:
            return ASCII
        return LINES


def terminal_size(stream: TextIO) -> os.terminal_size:
    """Return how many columns and lines the terminal `stream` has; a serial line does not know, and says none."""
    columns, lines = os.get_terminal_size(stream.fileno())
    return os.terminal_size((columns or 80, lines or 24))


def bars(gauges: Sequence[Gauge], size: os.terminal_size, marks: Marks) -> list[str]:
    """Return the first gauge and those that are not done, a line each, as many as a terminal of `size` has room for."""
    whole, parts = gauges[:1], [gauge for gauge in gauges[1:] if gauge.done != gauge.total]
    # The line above them, the whole, the cursor's own line and the one that says how many are left out.
    room = max(0, size.lines - 4)
    shown = [*whole, *parts[:room]]
    names = [clean_line(gauge.name) for gauge in shown]
    width = min(max(map(cell_len, names), default=0), size.columns // 3)
    amounts = [_amount(gauge) for gauge in shown]
    left = size.columns - width - max(map(cell_len, amounts), default=0) - 4
    lines = [
        f"{set_cell_size(name, width)}  {_bar(gauge, min(left, _WIDEST_BAR), marks)}{amount}"
        for name, gauge, amount in zip(names, shown, amounts, strict=True)
    ]
    if len(parts) > room:
        lines.append(f"and {len(parts) - room} more")
    return [set_cell_size(line, min(cell_len(line), size.columns)) for line in lines]


def _bar(gauge: Gauge, width: int, marks: Marks) -> str:
    if width < _NARROWEST_BAR:
        return ""
    full = min(width, gauge.done * width // gauge.total) if gauge.total else 0
    return f"{marks.full * full}{marks.empty * (width - full)}  "


def _amount(gauge: Gauge) -> str:
    if gauge.unit is not Unit.BYTES:
        total = f" of {gauge.total:,}" if gauge.total is not None else ""
        return f"{gauge.done:,}{total} {gauge.unit.value}"
    total = f" of {gauge.total / 1e6:.1f}" if gauge.total is not None else ""
    speed = f"  {gauge.rate / 1e6:.1f} MB/s" if gauge.rate else ""
    return f"{gauge.done / 1e6:.1f}{total} MB{speed}"
