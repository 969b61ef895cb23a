"""The newest lines of services' logs, as they come."""

from collections.abc import Sequence
from typing import Final

from textual.widgets import Log

from stack.services.control import LogLine
from stack.text import clean_line
from tui.outside import line

LINES: Final = 5000
"""Lines that are kept."""


class LogPane(Log):
    """Shows `LogLine`s, cleaned, with the service's name where several are followed; keeps the newest `LINES`."""

    def __init__(self) -> None:
        """Make an empty pane."""
        super().__init__(highlight=False, max_lines=LINES, id="log")
        self._named = False

    def begin(self, title: str, *, named: bool) -> None:
        """Start over with what `title` says; `named` puts each line's service before it."""
        self.clear()
        self._named = named
        self.border_title = line(title)

    def add(self, lines: Sequence[LogLine], dropped: int) -> None:
        """Add lines, and say how many came too quickly to be shown."""
        shown = [self._text(logged) for logged in lines]
        if dropped:
            shown.insert(0, f"… {dropped:,} lines came too quickly to be shown …")
        self.write_lines(shown)

    def _text(self, logged: LogLine) -> str:
        text = clean_line(logged.text.rstrip("\r\n"))
        return f"{clean_line(logged.service):<10} │ {text}" if self._named else text
