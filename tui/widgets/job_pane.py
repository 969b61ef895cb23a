"""A long action as it goes: what it is, how long already, what it does now, how much of it is done."""

import time
from typing import TYPE_CHECKING, Final

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.jobs import Job, Stage
from tui.outside import line
from tui.widgets.gauges import bars

if TYPE_CHECKING:
    from textual.timer import Timer

SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
LINGER: Final = 8.0
"""Seconds for which a job that ended stays on screen."""

ENDED_LINES: Final = 2
"""Lines of progress that are still shown of a job that ended."""

BARS: Final = 3
TALL: Final = 36
BARS_WHEN_TALL: Final = 10
"""Bars that a terminal has room for, and one of at least `TALL` rows."""

_MARKS: Final = {
    Stage.DONE: ("✓", "$success", "done in"),
    Stage.FAILED: ("✗", "$error", "failed after"),
    Stage.STOPPED: ("■", "$warning", "stopped after"),
}


class JobPane(Widget):
    """Shows the deck's job on every screen, with its newest lines of progress."""

    job: reactive[Job | None] = reactive(None, layout=True)

    def __init__(self, lines: int) -> None:
        """Show at most `lines` of progress."""
        super().__init__()
        self._lines = lines
        self._ticker: Timer | None = None

    def on_mount(self) -> None:
        """Follow the deck's job."""
        self._ticker = self.set_interval(0.1, self._tick, pause=True)
        self.watch(self.app, "job", self._take)

    def _take(self, job: Job | None) -> None:
        self.job = job
        self.display = job is not None and (job.ended is None or time.monotonic() - job.ended < LINGER)
        if job is None or self._ticker is None:
            return
        if job.running:
            self._ticker.resume()
        else:
            self._ticker.pause()
            self.set_timer(LINGER, lambda: self._put_away(job))

    def _put_away(self, job: Job) -> None:
        if self.job is job:
            self.display = False

    def _tick(self) -> None:
        if self.display:
            self.refresh()

    def render(self) -> Content:
        """Draw the head line and the newest progress."""
        job = self.job
        if job is None:
            return Content()
        seconds = job.seconds(time.monotonic())
        if job.running:
            mark = Content.styled(SPINNER[int(seconds * 10) % len(SPINNER)], "bold $primary")
            state = Content.assemble((f" {seconds:.0f} s", "$muted"), ("  Esc", "bold $accent"), " stop")
        else:
            symbol, colour, word = _MARKS[job.stage]
            mark = Content.styled(symbol, f"bold {colour}")
            state = Content.styled(f" {word} {seconds:.1f} s", "$muted")
        head = Content.assemble(mark, " ", line(job.title, "bold"), state)
        return Content("\n").join([head, *(self._under_way(job) if job.running else _ended(job))])

    def _under_way(self, job: Job) -> list[Content]:
        """Return the newest lines; one of them gives way to what can be measured."""
        if not job.gauges:
            return _newest(job, self._lines)
        room = BARS_WHEN_TALL if self.app.size.height >= TALL else BARS
        return [*_newest(job, 1), *bars(job.gauges, self.content_size.width, room)]


def _newest(job: Job, count: int) -> list[Content]:
    return [line(f"  {text}", "$foreground") for text in job.lines[-count:]]


def _ended(job: Job) -> list[Content]:
    same = [Content.assemble(("  the same: ", "$muted"), line(f"$ {job.command}", "$muted"))] if job.command else []
    return [*_newest(job, ENDED_LINES), *same]
