"""The server: its version, its address, how long it has been up, how quickly it answers."""

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from textual.content import Content
from textual.widget import Widget

from stack.amounts import span
from tui.outside import line
from tui.widgets.sparkline import sparkline

if TYPE_CHECKING:
    from stack.database.probe import Ping

HISTORY: Final = 120
"""Latencies that are kept."""


class ServerCard(Widget):
    """What the newest ping said, with the latencies of those before it."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        super().__init__()
        self._address = ""
        self._ping: Ping | None = None
        self._latencies: deque[float] = deque(maxlen=HISTORY)

    def show(self, address: str, ping: "Ping") -> None:
        """Take the newest answer of the server at `address`."""
        if address != self._address:
            self._latencies.clear()
        self._address, self._ping = address, ping
        self._latencies.append(ping.latency_ms)
        self.refresh()

    def render(self) -> Content:
        """Draw the facts, one a line."""
        ping = self._ping
        if ping is None:
            return Content.styled("No server has answered yet.", "$muted")
        up = (datetime.now(UTC) - ping.postmaster_started_at).total_seconds()
        graph = sparkline(list(self._latencies), max(0, self.size.width - 22))
        return Content("\n").join(
            [
                _fact("server", line(f"PostgreSQL {ping.server_version}", "bold")),
                _fact("address", line(self._address)),
                _fact("up for", Content(span(up))),
                _fact("latency", Content.assemble(f"{ping.latency_ms:6.2f} ms ", (graph, "$primary"))),
            ]
        )


def _fact(name: str, value: Content) -> Content:
    return Content.assemble((f"{name:>8}  ", "$muted"), value)
