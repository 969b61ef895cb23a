"""The lines of a log as far as they are seen: drawn by level, searched, scrolled, and followed to the end."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import chop_cells
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from stack.services.control import LineKind, LogLine
from stack.services.log_levels import Level
from stack.services.log_search import Pattern, TooSlowError
from stack.text import clean_line
from tui.log_history import Filter, LogHistory, Row, following, preceding

if TYPE_CHECKING:
    from textual.selection import Selection

SLICE: Final = 0.01
"""Seconds for which lines are filtered before anything else may happen."""

_TIME: Final = 13
"""Cells of a time of day with milliseconds, and the space after it."""

_LONGEST_NAME: Final = 16

_SIGNS: Final = {Level.WARNING: ("▲ ", "warning"), Level.ERROR: ("✗ ", "error"), Level.FATAL: ("✗ ", "fatal")}
_STYLES: Final = {Level.DEBUG: "debug", Level.WARNING: "warning", Level.ERROR: "error", Level.FATAL: "fatal"}


class LogView(ScrollView, can_focus=True):
    """Draws a `LogHistory`, line by line as it is scrolled to, and stays at its end unless scrolled away from it."""

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--time",
        "log--name",
        "log--event",
        "log--gap",
        "log--debug",
        "log--warning",
        "log--error",
        "log--fatal",
        "log--match",
        "log--current",
    }

    class Changed(Message):
        """What is shown, found or followed is another than before."""

    class TooSlow(Message):
        """An expression took too long on a line; it is used no longer."""

    def __init__(self) -> None:
        """Show nothing yet."""
        super().__init__()
        self.history = LogHistory()
        self.wrapped = False
        self.timed = False
        self.named = False
        self.following = True
        self.current: int | None = None
        """The number of the line that the search stands on."""
        self._left_at = 0
        self._bottoms: list[int] = []
        """Where each shown line ends, in rows from the beginning of all, of which `_gone` are not kept any more."""
        self._gone = 0
        self._widest = 0
        self._name_width = 0
        self._sifting = False

    @property
    def allow_select(self) -> bool:
        """Let text be selected with the mouse."""
        return True

    # -- What is kept

    def begin(self, *, named: bool) -> None:
        """Start over; `named` puts each line's service before it."""
        kept = self.history
        self.history = LogHistory(kept.filter, kept.search)
        self.named = named
        self._name_width = 0
        self.current = None
        self._lay_out_anew()
        self.follow()

    def add(self, lines: Sequence[LogLine]) -> None:
        """Take lines."""
        if self.named:
            self._name_width = max((self._name_width, *(len(line.service) for line in lines)))
            self._name_width = min(self._name_width, _LONGEST_NAME)
        gone = self.history.add(lines)
        if gone:
            rows = self._bottoms[gone - 1] - self._gone
            self._gone += rows
            del self._bottoms[:gone]
            if not self.following:
                # What is being read stays where it is.
                self.scroll_to(y=max(0, self.scroll_offset.y - rows), animate=False, force=True, immediate=True)
        self._sift()

    def show_only(self, wanted: Filter) -> None:
        """Show only what passes `wanted`."""
        self.history.show_only(wanted)
        self._lay_out_anew()
        self._sift()

    def look_for(self, pattern: Pattern | None) -> None:
        """Look for `pattern`, and mark where it is."""
        self.history.look_for(pattern)
        self.current = None
        self._lay_out_anew()
        self._sift()

    def _sift(self) -> None:
        """Find what is shown, a slice at a time."""
        try:
            done = self.history.sift(SLICE)
        except TooSlowError:
            self._give_up()
            return
        self._lay_out()
        if done:
            self._sifting = False
        elif not self._sifting:
            self._sifting = True
            self.set_timer(0.001, self._sift_on)
        self.post_message(self.Changed())

    def _sift_on(self) -> None:
        self._sifting = False
        self._sift()

    def _give_up(self) -> None:
        """Use the expressions no longer."""
        self.history.look_for(None)
        self.history.show_only(Filter(self.history.filter.least))
        self.post_message(self.TooSlow())
        self._lay_out_anew()
        self._sift()

    # -- Where each line is

    @property
    def _head(self) -> int:
        """Cells before the text of each line."""
        return 2 + (_TIME if self.timed else 0) + (self._name_width + 3 if self.named else 0)

    @property
    def _room(self) -> int:
        return max(8, self.scrollable_content_region.width - self._head)

    def _lay_out_anew(self) -> None:
        self._bottoms.clear()
        self._gone = self._widest = 0
        self._lay_out()

    def _lay_out(self) -> None:
        """Place the lines that have been added to what is shown."""
        shown, room = self.history.shown, self._room
        bottom = self._bottoms[-1] if self._bottoms else self._gone
        for number in shown[len(self._bottoms) :]:
            row = self.history.row(number)
            bottom += self._height(row, room)
            self._bottoms.append(bottom)
            self._widest = max(self._widest, row.cells)
        width = 0 if self.wrapped else self._head + self._widest
        self.virtual_size = Size(width, bottom - self._gone)
        if self.following:
            self._scroll_to_end()
        self.refresh()

    def _height(self, row: Row, room: int) -> int:
        if not self.wrapped or row.cells <= room:
            return 1
        return -(-row.cells // room) if row.cells == len(row.text) else len(chop_cells(row.text, room))

    def on_resize(self) -> None:
        """Wrap at the new width, and stay at the end."""
        if self.wrapped:
            self._lay_out_anew()
        elif self.following:
            self._scroll_to_end()

    def _find(self, y: int) -> tuple[int, int] | None:
        """Return the number of the line at row `y`, and which of its rows that is."""
        index = bisect_right(self._bottoms, self._gone + y)
        if index >= len(self._bottoms):
            return None
        top = self._bottoms[index - 1] if index else self._gone
        return self.history.shown[index], self._gone + y - top

    def _top(self, number: int) -> int | None:
        """Return the row at which the line `number` begins; None where it is not shown."""
        index = bisect_left(self.history.shown, number)
        if index >= len(self._bottoms) or self.history.shown[index] != number:
            return None
        return (self._bottoms[index - 1] if index else self._gone) - self._gone

    # -- Moving

    @property
    def unseen(self) -> int:
        """How many shown lines have come since the end was left."""
        shown = self.history.shown
        return 0 if self.following else len(shown) - bisect_left(shown, self._left_at)

    def follow(self) -> None:
        """Go to the end, and stay there."""
        self.following = True
        self._scroll_to_end()
        self.post_message(self.Changed())

    def _scroll_to_end(self) -> None:
        # By force, since lines come before the scroll bar does.
        self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow while the end is seen."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) == round(new_value):
            return
        was, self.following = self.following, round(new_value) >= self.max_scroll_y
        if was and not self.following:
            self._left_at = self.history.end
        if was != self.following:
            self.post_message(self.Changed())

    def go_to_next(self) -> None:
        """Go to the next line that is looked for, round from the end to the beginning."""
        self._go_to(following(self.history.found, self._here(-1)))

    def go_to_previous(self) -> None:
        """Go to the line before that is looked for, round from the beginning to the end."""
        self._go_to(preceding(self.history.found, self._here(self.history.end)))

    def go_to_last(self) -> None:
        """Go to the newest line that is looked for."""
        self._go_to(self.history.found[-1] if self.history.found else None)

    def _here(self, otherwise: int) -> int:
        return otherwise if self.current is None else self.current

    def _go_to(self, number: int | None) -> None:
        self.current = number
        top = None if number is None else self._top(number)
        if top is not None:
            if not self.scroll_offset.y <= top < self.scroll_offset.y + self.scrollable_content_region.height:
                height = self.scrollable_content_region.height
                self.scroll_to(y=max(0, top - height // 2), animate=False, force=True, immediate=True)
            self.refresh()
        self.post_message(self.Changed())

    def toggle_wrapping(self) -> None:
        """Break long lines, or let them run on to the right."""
        self.wrapped = not self.wrapped
        self._keep_place()

    def toggle_times(self) -> None:
        """Show when each line was written, or leave it out."""
        self.timed = not self.timed
        self._keep_place()

    def _keep_place(self) -> None:
        place = self._find(self.scroll_offset.y)
        following = self.following
        self._lay_out_anew()
        self.scroll_to(x=0, animate=False, force=True, immediate=True)
        top = self._top(place[0]) if place else None
        if top is not None and not following:
            self.scroll_to(y=top, animate=False, force=True, immediate=True)

    # -- Drawing

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"log--{name}", partial=True)

    def render_line(self, y: int) -> Strip:
        """Draw the line at `y` of what is seen."""
        left, top = self.scroll_offset
        width, style = self.size.width, self.rich_style
        text = self._line(top + y)
        if text is None:
            return Strip.blank(width, style)
        text.stylize_before(style)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(top + y)) is not None:
            begin, end = span
            chosen = self.screen.get_component_rich_style("screen--selection")
            text.stylize(chosen, begin, len(text) if end == -1 else end)
        strip = Strip(Segment(each.text, each.style) for each in text.render(self.app.console))
        return strip.crop_extend(left, left + width, style).apply_offsets(left, top + y)

    def get_selection(self, selection: "Selection") -> tuple[str, str] | None:
        """Return the selected text, a line for each row that is seen."""
        rows = self.virtual_size.height
        first = selection.start.y if selection.start else 0
        last = min(selection.end.y if selection.end else rows - 1, rows - 1)
        pieces = []
        for y in range(max(0, first), last + 1):
            text, span = self._line(y), selection.get_span(y)
            if text is not None and span is not None:
                begin, end = span
                pieces.append(text.plain[begin : None if end == -1 else end])
        return "\n".join(pieces), "\n"

    def selection_updated(self, selection: "Selection | None") -> None:  # noqa: ARG002 - Textual's signature
        """Draw the selection."""
        self.refresh()

    def _line(self, y: int) -> Text | None:
        """Return row `y` of all, with its colours; None below the last one."""
        place = self._find(y)
        if place is None:
            return None
        number, part = place
        row, room = self.history.row(number), self._room
        if row.line.kind is not LineKind.OUTPUT:
            return self._aside(row, part)
        text = Text(row.text, self._style(_STYLES[row.line.level]) if row.line.level in _STYLES else "", end="")
        self._mark(text, number)
        if self.wrapped and row.cells > room:
            text = _cut(text, row, room, part)
        return self._head_of(row, part) + text

    def _head_of(self, row: Row, part: int) -> Text:
        """Return what stands before a line; nothing before its later parts."""
        if part:
            return Text(" " * self._head, end="")
        sign, style = _SIGNS.get(row.line.level, ("  ", "debug"))
        head = Text(sign, self._style(style), end="")
        if self.timed:
            # In the person's own time zone, as a clock on the wall has it.
            time = row.line.time.astimezone().strftime("%H:%M:%S.%f")[:-3] if row.line.time else ""
            head.append(f"{time:<{_TIME}}", self._style("time"))
        if self.named:
            head.append(f"{_short(row.line.service):<{self._name_width}} │ ", self._style("name"))
        return head

    def _aside(self, row: Row, part: int) -> Text:
        """Return what is said about a log among its lines."""
        gap = row.line.kind is LineKind.GAP
        service = f"{_short(row.line.service)}: " if row.line.service else ""
        time = f"  {row.line.time.astimezone():%H:%M:%S}" if row.line.time and not gap else ""
        said = f"… {row.text} …" if gap else f"── {service}{row.text}{time} ──"
        text = Text(said, self._style("gap" if gap else "event"), end="")
        if self.wrapped:
            pieces = chop_cells(said, max(8, self.scrollable_content_region.width))
            text = Text(pieces[part] if part < len(pieces) else "", text.style, end="")
        return text

    def _mark(self, text: Text, number: int) -> None:
        """Mark where what is looked for is, or else what the filter has found."""
        pattern = self.history.search or self.history.filter.pattern
        if pattern is None:
            return
        style = self._style("current" if number == self.current else "match")
        try:
            places = pattern.places(text.plain)
        except TooSlowError:
            # It matched in time; where else it does remains unsaid.
            places = []
        for begin, end in places:
            text.stylize(style, begin, end)


def _cut(text: Text, row: Row, room: int, part: int) -> Text:
    """Return a part of a line that is broken at `room` cells."""
    if row.cells == len(row.text):
        return text[part * room : (part + 1) * room]
    pieces = chop_cells(row.text, room)
    begin = sum(map(len, pieces[:part]))
    return text[begin : begin + len(pieces[part])] if part < len(pieces) else Text("", end="")


def _short(service: str) -> str:
    name = clean_line(service)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
