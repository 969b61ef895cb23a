"""What the health check of a service has printed lately."""

from typing import Final

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from stack.services.control import ProbeRun
from stack.text import clean
from tui.outside import line
from tui.vitals import Tone

OUTPUT_LINES: Final = 3
"""Lines of the newest run's output that are shown; of the runs before it the last line is."""

INDENT: Final = 11
"""Cells before what a run printed, below its first line."""


class ProbeRuns(Widget):
    """The newest run first; nothing where there is no health check."""

    runs: reactive[tuple[ProbeRun, ...]] = reactive((), layout=True)

    def watch_runs(self, runs: tuple[ProbeRun, ...]) -> None:
        """Take no room without a run."""
        self.display = bool(runs)

    def render(self) -> Content:
        """Draw the runs."""
        lines = [Content.styled("health check, the newest run first", "$muted")]
        for index, run in enumerate(reversed(self.runs)):
            lines += _run(run, OUTPUT_LINES if index == 0 else 1)
        return Content("\n").join(lines)


def _run(run: ProbeRun, lines: int) -> list[Content]:
    mark, colour = ("✓", Tone.GOOD) if run.exit_code == 0 else ("✗", Tone.BAD)
    at = run.ended_at.astimezone().strftime("%H:%M:%S")
    said = [text for text in clean(run.output).expandtabs(4).split("\n") if text.strip()]
    # A traceback says in its last line what went wrong.
    shown = said[-lines:] or [""]
    head = Content.assemble((f"{mark} ", f"bold {colour.value}"), (f"{at} ", "$muted"), f"exit {run.exit_code}  ")
    return [
        head + line(shown[0], "$muted"),
        *(Content.assemble(" " * INDENT, line(text, "$muted")) for text in shown[1:]),
    ]
