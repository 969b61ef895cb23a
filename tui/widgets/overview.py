"""Everything at a glance, for when nothing is in the way."""

from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from stack.services.control import ServiceStatus, State
from tui.outside import line
from tui.vitals import Tone, revision_sign
from tui.widgets.service_signs import sign_of

if TYPE_CHECKING:
    from stack.workspace import Overview


class OverviewPanel(Widget):
    """Services, database, pool and revision, each in a line, and where to read more."""

    overview: "reactive[Overview | None]" = reactive(None, layout=True)

    def render(self) -> Content:
        """Draw what is known."""
        seen = self.overview
        if seen is None:
            return Content.styled("…", "$muted")
        rows = [_service(service) for service in seen.services if service.state is not State.ABSENT]
        if seen.database:
            rows.append(
                _row("database", f"PostgreSQL {seen.database.server_version}, {seen.database.latency_ms:.1f} ms", "4")
            )
        pool = seen.pool
        rows.append(
            _row("pool", f"up to {pool.size} + {pool.max_overflow} connections, {pool.checked_out} in use here", "4")
        )
        if seen.migrations:
            sign = revision_sign(seen.migrations)
            rows.append(_row("revision", sign.text, "5", sign.tone))
        rows.append(Content.assemble((" ⏎ ", "bold $background on $accent"), (" Look at the rows", "bold $accent")))
        return Content("\n").join(rows)


def _service(service: ServiceStatus) -> Content:
    sign = sign_of(service)
    return _row(service.service, ", ".join((sign.text, *service.ports)), "2", sign.tone)


def _row(name: str, value: str, key: str, tone: Tone = Tone.GOOD) -> Content:
    return Content.assemble(
        (f" {key} ", "bold $accent"), line(f"{name:<10.10} ", "$muted"), ("● ", tone.value), line(value)
    )
