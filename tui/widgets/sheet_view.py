"""Lines to read, as many as there are: drawn as far as they are seen, folded and unfolded, one of them current."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.sheet_lines import Ink, Lines


class SheetView(ScrollView, can_focus=True):
    """Shows lines. Enter folds what can be folded, and picks what can be picked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "go(0)", show=False),
        Binding("end,G", "go(-1)", show=False),
        Binding("enter,space", "act", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"sheet--cursor", *(f"sheet--{ink.value}" for ink in Ink)}

    @dataclass
    class Picked(Message):
        """A line was picked, the one with this target."""

        target: int

    def __init__(self) -> None:
        """Show nothing yet."""
        super().__init__(id="lines")
        self._lines = Lines()
        self._folded: set[int] = set()
        self._runs: list[range] = []
        """The lines that are shown, in runs between what is folded away."""
        self._tops: list[int] = []
        """Where each run begins on the sheet."""
        self._count = 0
        self._cursor = 0

    def show(self, lines: Lines) -> None:
        """Show `lines` in place of others, the cursor on what can be picked first."""
        self._lines = lines
        self._folded = set(lines.folded)
        self._cursor = lines.first_target or 0
        self._lay_out()

    def _lay_out(self) -> None:
        self._runs, self._tops = [], []
        self._count = begin = 0
        for folded in sorted(self._folded):
            if folded >= begin:
                self._add_run(range(begin, folded + 1))
                begin = folded + 1 + self._lines.inside(folded)
        self._add_run(range(begin, len(self._lines)))
        self._cursor = min(self._cursor, max(0, self._count - 1))
        self.virtual_size = Size(0, self._count)
        self.refresh()

    def _add_run(self, run: range) -> None:
        if run:
            self._runs.append(run)
            self._tops.append(self._count)
            self._count += len(run)

    def _number(self, place: int) -> int:
        """Return the number among all lines of the one at `place` of those that are shown."""
        index = bisect_right(self._tops, place) - 1
        return self._runs[index][place - self._tops[index]]

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by what is seen at once."""
        self._go(self._cursor + by * max(1, self.size.height - 1))

    def action_go(self, place: int) -> None:
        """Move the cursor to the first or the last line."""
        self._go(place if place >= 0 else self._count)

    def _go(self, place: int) -> None:
        self._cursor = max(0, min(place, self._count - 1))
        self.scroll_to_region(Region(0, self._cursor, 1, 1), animate=False, immediate=True, force=True)
        self.refresh()

    def action_act(self) -> None:
        """Fold or unfold the current line, or pick it."""
        if self._cursor < self._count:
            number = self._number(self._cursor)
            line = self._lines[number]
            if line.target is not None:
                self.post_message(self.Picked(line.target))
            elif line.inside:
                self._folded ^= {number}
                self._lay_out()

    def on_click(self, event: events.Click) -> None:
        """Make the line current, and do what Enter does where it was that already."""
        place = event.y + self.scroll_offset.y
        was = self._cursor
        self._go(place)
        if place == was:
            self.action_act()

    def render_line(self, y: int) -> Strip:
        """Draw the line at `y` of what is seen."""
        width, place = self.size.width, y + self.scroll_offset.y
        style = self.rich_style
        if place >= self._count:
            return Strip.blank(width, style)
        number = self._number(place)
        line = self._lines[number]
        if place == self._cursor:
            style += self.get_component_rich_style("sheet--cursor", partial=True)
        sign = " " if not line.inside else "▸" if number in self._folded else "▾"
        segments = [Segment(f"{sign} ", style + self._ink(Ink.MUTED))]
        segments += [Segment(text, style + self._ink(ink)) for text, ink in line.pieces]
        if line.inside and number in self._folded:
            segments.append(Segment(f" … {line.inside:,} lines", style + self._ink(Ink.MUTED)))
        return Strip(segments).crop_extend(0, width, style)

    def _ink(self, ink: Ink) -> Style:
        return self.get_component_rich_style(f"sheet--{ink.value}", partial=True)
