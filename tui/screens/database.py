"""Database: whether it answers and how quickly, its connections and the pool, and who is on it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from stack.amounts import span
from tui.actions import Place, bindings
from tui.outside import cell
from tui.reach import Reach
from tui.screens.base import DeckScreen
from tui.vitals import Tone
from tui.widgets.capacity_card import CapacityCard
from tui.widgets.grid import Grid, GridRow
from tui.widgets.server_card import ServerCard

if TYPE_CHECKING:
    from stack.database.access import DatabaseStatus
    from stack.database.activity import ServerSession
    from stack.environment.pool import PoolSettings
    from stack.workspace import Workspace

_TITLES: Final = tuple(Text(title) for title in ("Pid", "State", "For", "User", "Application", "Query", "Client"))


@dataclass(frozen=True, slots=True)
class _Look:
    address: str
    settings: "PoolSettings"
    status: "DatabaseStatus"


class DatabaseScreen(DeckScreen):
    """The server behind the project's settings, as it is at this moment."""

    place = Place.DATABASE
    words = (
        "A Postgres server takes a limited number of connections; an application keeps some open in a pool and lends "
        "them to its requests. Above: how the server is, and how many connections it and the pool have. Below: every "
        "session on the server, those at work first, with what each one does or waits for."
    )
    CSS_PATH = "../styles/database.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.DATABASE)]
    every = 5.0

    def __init__(self) -> None:
        """Prepare the screen."""
        super().__init__()
        self.server = ServerCard()
        self.capacity = CapacityCard()
        self.sessions = Vertical(id="sessions", classes="panel")
        self.grid = Grid(id="sessions-grid")
        self._look = self.request("database", self._show)
        self._reach = Reach(self)

    def compose_body(self) -> ComposeResult:
        """Lay out the two cards above the sessions."""
        with Horizontal(id="cards"):
            with Vertical(classes="panel") as panel:
                panel.border_title = "Server"
                yield self.server
            with Vertical(classes="panel") as panel:
                panel.border_title = "Connections"
                yield self.capacity
        with self.sessions:
            self.sessions.border_title = "Who is connected"
            yield self.grid

    def load(self, workspace: "Workspace") -> None:
        """Look at the server."""
        self._look.poll(partial(_look, workspace))

    def _show(self, look: _Look) -> None:
        self.server.show(look.address, look.status.ping)
        self.capacity.show(look.status.capacity, look.status.pool, look.settings)
        self.sessions.border_title = f"Who is connected: {len(look.status.sessions)}"
        self.grid.replace(_TITLES, [self._row(session) for session in look.status.sessions])

    def _row(self, session: "ServerSession") -> GridRow:
        muted = self.colour(Tone.UNKNOWN)
        since = session.query_started_at
        tone = {"active": Tone.GOOD, "idle in transaction": Tone.NOTICE}.get(session.state or "", Tone.UNKNOWN)
        state = session.state or "hidden"
        if session.blocked_by:
            tone, state = Tone.BAD, f"blocked by {', '.join(map(str, session.blocked_by))}"
        elif session.waiting_on:
            state = f"{state}, {session.waiting_on}"
        return GridRow(
            str(session.pid),
            (
                cell(str(session.pid), muted, right=True),
                cell(state, self.colour(tone)),
                cell(span((datetime.now(UTC) - since).total_seconds()) if since else "–", muted, right=True),
                cell(session.user),
                cell(f"{session.application or '–'}{' (this)' if session.is_ours else ''}"),
                cell(" ".join((session.query or "–").split())),
                cell(session.client or "local", muted),
            ),
        )

    def action_psql(self) -> None:
        """Hand the terminal over to psql."""
        self._reach.psql()


async def _look(workspace: "Workspace") -> _Look:
    database = await workspace.database()
    url = database.url
    return _Look(f"{url.host}:{url.port}/{url.database}", database.pool, await database.status())
