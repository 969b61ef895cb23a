"""What a container uses, each figure with a short history."""

from typing import Final

from textual.content import Content
from textual.widget import Widget

from stack.amounts import rate, size
from tui.usage import UsageHistory
from tui.widgets.sparkline import sparkline

LABEL: Final = 11
"""Cells before a figure."""

FIGURE: Final = 28
"""Cells of a figure, before its history."""

QUIET_CPU: Final = 0.05
QUIET_NETWORK: Final = 10_000.0
QUIET_DISK: Final = 100_000.0
"""Up to which figures a history fills its line in proportion: in cores, and in bytes a second."""


class UsageGraphs(Widget):
    """Four lines that are drawn with each sample: a widget of their own, so that nothing else is."""

    def __init__(self) -> None:
        """Begin with no samples, and take no room."""
        super().__init__()
        self.display = False
        self._usage = UsageHistory()

    def show(self, usage: UsageHistory) -> None:
        """Draw `usage` as it is now."""
        self._usage = usage
        self.display = usage.latest is not None
        self.refresh()

    def render(self) -> Content:
        """Draw the figures, one a line."""
        usage, latest = self._usage, self._usage.latest
        if latest is None:
            return Content()
        limit = f" of {size(latest.memory_limit)}" if latest.memory_limit else ""
        figures = (
            ("cpu", f"{latest.cpu * 100:.1f} % of a core", usage.cpu, QUIET_CPU),
            ("memory", f"{size(latest.memory)}{limit}", usage.memory, 0.0),
            ("network", f"↓ {rate(latest.received)}  ↑ {rate(latest.sent)}", usage.network, QUIET_NETWORK),
            ("disk", f"r {rate(latest.read)}  w {rate(latest.written)}", usage.disk, QUIET_DISK),
        )
        room = max(0, self.size.width - LABEL - FIGURE)
        return Content("\n").join(
            [
                Content.assemble(
                    (f"{name:<{LABEL}}", "$muted"),
                    f"{text:<{FIGURE}}",
                    (sparkline(list(history), room, floor), "$primary"),
                )
                for name, text, history, floor in figures
            ]
        )
