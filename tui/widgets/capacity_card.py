"""How many connections there are, and how many there may be: the server's and the pool's."""

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

if TYPE_CHECKING:
    from stack.database.activity import Capacity
    from stack.database.pool import PoolStatus
    from stack.environment.pool import PoolSettings


class CapacityCard(Widget):
    """The server's connections as a bar, and the pool that the settings ask for beside what is open here."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        super().__init__()
        self._capacity: Capacity | None = None
        self._pool: PoolStatus | None = None
        self._settings: PoolSettings | None = None

    def show(self, capacity: "Capacity", pool: "PoolStatus", settings: "PoolSettings") -> None:
        """Take the newest numbers."""
        self._capacity, self._pool, self._settings = capacity, pool, settings
        self.refresh()

    def render(self) -> Content:
        """Draw the bar and the numbers."""
        capacity, pool, settings = self._capacity, self._pool, self._settings
        if capacity is None or pool is None or settings is None:
            return Content.styled("…", "$muted")
        most = settings.size + settings.max_overflow
        too_many = most > capacity.max_connections - capacity.reserved
        return Content("\n").join(
            [
                bar(capacity, max(10, self.size.width)),
                Content(f"{capacity.used} used, {capacity.available} free, {capacity.reserved} reserved"),
                Content.assemble(
                    ("pool  ", "$muted"),
                    f"{settings.size} + {settings.max_overflow} a process",
                    (" – more than the server has", "$warning") if too_many else "",
                ),
                Content.assemble(
                    ("here  ", "$muted"), f"{pool.checked_out} in use, {pool.idle} idle, {pool.overflow} over"
                ),
            ]
        )


def bar(capacity: "Capacity", width: int) -> Content:
    """Return the server's connections as a bar of `width` cells: used, free, reserved."""
    label = f" {capacity.used}/{capacity.max_connections}"
    cells = max(1, width - len(label))
    whole = max(1, capacity.max_connections)
    used = min(cells, -(-capacity.used * cells // whole))
    reserved = min(cells - used, capacity.reserved * cells // whole)
    share = capacity.used / whole
    colour = "$error" if share > 0.9 else "$warning" if share > 0.7 else "$success"
    return Content.assemble(
        ("█" * used, colour), ("░" * (cells - used - reserved), "$muted"), ("▒" * reserved, "$secondary"), label
    )
