"""A log with all that can be done with it: search, filter, pause, follow, save."""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from typing import Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from stack.services.control import LogLine
from stack.services.log_levels import Level
from stack.services.log_search import Pattern
from tui.actions import Fact
from tui.log_history import LINES, Filter
from tui.outside import line
from tui.widgets.log_prompt import LogPrompt, Purpose
from tui.widgets.log_view import LogView

AT_ONCE: Final = 2_000
"""Lines that are added at once after a pause."""

_LEAST: Final = (Level.UNKNOWN, Level.INFO, Level.WARNING, Level.ERROR)
"""The least levels that lines may be limited to, in the order of the key."""


class LogPane(Vertical):
    """Shows a log's newest lines, cleaned, and says in its frame what of them is seen and what is not."""

    def __init__(self) -> None:
        """Make an empty pane."""
        super().__init__(id="log")
        self.view = LogView()
        self.prompt = LogPrompt()
        self._title = ""
        self._paused = False
        self._waiting: deque[LogLine] = deque(maxlen=LINES)
        self._dropped = 0

    def compose(self) -> ComposeResult:
        """Lay out the lines above the prompt."""
        yield self.view
        yield self.prompt

    # -- Lines

    def begin(self, title: str, *, named: bool) -> None:
        """Start over with what `title` says; `named` puts each line's service before it."""
        self._paused = False
        self._waiting.clear()
        self._dropped = 0
        self._title = title
        self.view.begin(named=named)

    def add(self, lines: Sequence[LogLine], dropped: int) -> None:
        """Add lines; `dropped` more came too quickly to get here."""
        self._dropped += dropped
        if self._paused or self._waiting:
            self._dropped += max(0, len(self._waiting) + len(lines) - LINES)
            self._waiting.extend(lines)
            self._say()
        else:
            self.view.add(lines)

    # -- What can be done

    def facts(self) -> Fact:
        """State what is so about the log."""
        history = self.view.history
        facts = Fact.LOG_SEARCHED if history.search else Fact.NONE
        if history.search or history.filter != Filter():
            facts |= Fact.LOG_SIFTED
        return facts

    def search(self) -> None:
        """Ask what to look for."""
        self.prompt.ask(Purpose.SEARCH)

    def narrow(self) -> None:
        """Ask what the lines that are shown must have."""
        self.prompt.ask(Purpose.FILTER)

    def clear(self) -> None:
        """Look for nothing, and show everything."""
        self.prompt.forget()
        self.view.look_for(None)
        self.view.show_only(Filter())

    def raise_level(self) -> None:
        """Show only more serious lines, or after the most serious ones all again."""
        wanted = self.view.history.filter
        least = _LEAST[(_LEAST.index(wanted.least) + 1) % len(_LEAST)]
        self.view.show_only(Filter(least, wanted.pattern))

    def pause(self) -> None:
        """Add nothing to what is shown, or go on with all that has come meanwhile."""
        self._paused = not self._paused
        if not self._paused:
            self._catch_up()
        self._say()

    def _catch_up(self) -> None:
        """Add what waits, some at a time, so that a key can come between."""
        if self._paused:
            return
        self.view.add([self._waiting.popleft() for _ in range(min(len(self._waiting), AT_ONCE))])
        if self._waiting:
            self.set_timer(0.001, self._catch_up)

    def chosen(self, *, filtered: bool) -> list[LogLine]:
        """Return the lines that are kept, or those of them that the filter shows."""
        history = self.view.history
        return history.lines(history.shown if filtered else history.every_number())

    @property
    def counts(self) -> tuple[int, int | None]:
        """How many lines are kept, and how many of them the filter shows; None without a filter."""
        history = self.view.history
        return len(history.every_number()), None if history.filter == Filter() else len(history.shown)

    # -- The prompt

    @on(LogPrompt.Typed)
    def _typed(self, event: LogPrompt.Typed) -> None:
        event.stop()
        if event.purpose is Purpose.SEARCH:
            self.view.look_for(event.pattern)
            if event.pattern:
                self.view.go_to_last()
        else:
            self.view.show_only(Filter(self.view.history.filter.least, event.pattern))

    @on(LogPrompt.Left)
    def _left(self, event: LogPrompt.Left) -> None:
        event.stop()
        self.view.focus()

    @on(LogView.TooSlow)
    def _too_slow(self, event: LogView.TooSlow) -> None:
        event.stop()
        self.prompt.say("this expression takes too long; it is not used")
        self.prompt.display = True

    # -- What the frame says

    @on(LogView.Changed)
    def _say(self) -> None:
        view, history = self.view, self.view.history
        parts: list[Content] = []
        if self._paused:
            parts.append(Content.styled(f"paused, {len(self._waiting):,} wait", "$warning"))
        if history.filter.least:
            parts.append(Content(f"from {history.filter.least.name.lower()} up"))
        if history.filter.pattern:
            parts.append(_asked(Purpose.FILTER, history.filter.pattern, f"{len(history.shown):,} shown"))
        if history.search:
            parts.append(_asked(Purpose.SEARCH, history.search, self._place(history.found)))
        if dropped := self._dropped + history.dropped:
            parts.append(Content.styled(f"{dropped:,} dropped", "$warning"))
        if not view.following:
            parts.append(Content.styled(f"↓ {view.unseen:,} new (G)", "$accent"))
        self.border_title = line(self._title)
        self.border_subtitle = Content(" · ").join(parts)

    def _place(self, found: Sequence[int]) -> str:
        current = self.view.current
        if current is None or not found:
            return f"{len(found):,} found"
        return f"{bisect_right(found, current):,} of {len(found):,}"


def _asked(purpose: Purpose, pattern: Pattern, result: str) -> Content:
    return Content.assemble((purpose.value, "bold $accent"), line(pattern.text[:24]), f" {result}")
