"""Services: what runs and how it stands, and the log of it."""

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from stack.services.control import LogLine, Pull, ServicesStatus, ServiceStatus, State, Volumes
from tui.actions import Fact, Place, bindings
from tui.outside import cell
from tui.requests import Feed
from tui.screens.base import DeckScreen
from tui.vitals import Tone
from tui.widgets.confirm import Question
from tui.widgets.grid import Grid, GridRow
from tui.widgets.log_pane import LogPane
from tui.widgets.masthead import ROOMY
from tui.widgets.service_signs import sign_of

if TYPE_CHECKING:
    from stack.findings import Progress
    from stack.workspace import Workspace

TAIL: Final = 200
"""Lines of the past that a log begins with."""

UP_TIMEOUT: Final = 300.0
"""Seconds; a first start may pull an image."""

_TITLES: Final = tuple(Text(title) for title in ("Service", "State", "Ports", "Image", "Container"))


class ServicesScreen(DeckScreen):
    """The project's services with their state, health and ports, and below them a log that follows."""

    place = Place.SERVICES
    words = (
        "A service is one server of this project, as the Compose file names it; a container is that server while it "
        "exists on this machine. Starting a service makes its container where there is none. Stopping it keeps the "
        "container and its data. The log below is what the selected service itself says, as it says it."
    )
    CSS_PATH = "../styles/services.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.SERVICES)]

    def __init__(self) -> None:
        """Prepare the screen."""
        super().__init__()
        self.grid = Grid(id="services")
        self.log_pane = LogPane()
        self._status: ServicesStatus | None = None
        self._of_all = False
        self._followed: tuple[tuple[str, str | None, State], ...] = ()
        self._look = self.request("status", self._show)
        self._feed = Feed[LogLine](
            self, "logs", receive=self.log_pane.add, refuse=lambda findings: self.note("logs", findings)
        )

    def compose_body(self) -> ComposeResult:
        """Lay out the services above the log."""
        with Vertical(id="top", classes="panel") as panel:
            panel.border_title = "Services"
            yield self.grid
        self.log_pane.add_class("panel")
        yield self.log_pane

    def load(self, workspace: "Workspace") -> None:
        """Ask how the services stand."""
        self._look.poll(partial(_status, workspace))

    def facts(self) -> Fact:
        """State whether a service is selected."""
        return Fact.SELECTED if self._selected else Fact.NONE

    @property
    def _selected(self) -> ServiceStatus | None:
        services = self._status.services if self._status else ()
        key = self.grid.selected_key
        return next((service for service in services if _key(service) == key), None)

    def _show(self, status: ServicesStatus) -> None:
        self._status = status
        self.note("status findings", status.findings)
        self.grid.replace(_TITLES[: self._columns], [self._row(service) for service in status.services])
        self._follow()

    def _row(self, service: ServiceStatus) -> GridRow:
        sign = sign_of(service)
        state = cell(f"● {sign.text}{' (outdated)' if service.outdated else ''}", self.colour(sign.tone))
        return GridRow(
            _key(service),
            (
                cell(service.service, "bold"),
                state,
                cell(", ".join(_port(port) for port in service.ports) or "–"),
                cell(service.image or "–"),
                cell(service.container or "–", self.colour(Tone.UNKNOWN)),
            )[: self._columns],
        )

    @property
    def _columns(self) -> int:
        """How many columns there is room for."""
        return len(_TITLES) if self.app.size.width >= ROOMY else len(_TITLES) - 1

    # -- The log

    @on(Grid.RowHighlighted)
    def _another(self) -> None:
        self._follow()
        self.refresh_facts()

    def on_screen_suspend(self) -> None:
        """Follow no log that nobody sees."""
        if not self.is_front:
            self._feed.cancel()
            self._followed = ()

    def action_widen_logs(self) -> None:
        """Follow the logs of all services, or of the selected one again."""
        self._of_all = not self._of_all
        self._follow()

    def _follow(self) -> None:
        """Follow what is selected, anew where another container is behind it than before."""
        workspace, status, selected = self.deck.workspace, self._status, self._selected
        if workspace is None or status is None or not self.is_front:
            return
        wanted = status.services if self._of_all or selected is None else (selected,)
        wanted = tuple(service for service in wanted if service.state is not State.ABSENT)
        followed = tuple((service.service, service.container, service.state) for service in wanted)
        if followed == self._followed:
            return
        self._followed = followed
        names = sorted({service.service for service in wanted})
        self.log_pane.begin(f"Log of {', '.join(names)}" if names else "No log: nothing runs", named=len(names) > 1)
        if names:
            self._feed.follow(partial(_log, workspace, names))
        else:
            self._feed.cancel()

    # -- Actions

    def action_start_all(self) -> None:
        """Start everything."""
        self._up(())

    def action_start(self) -> None:
        """Start the selected service."""
        if self._selected:
            self._up((self._selected.service,))

    def _up(self, names: Sequence[str]) -> None:
        workspace, status = self.deck.workspace, self._status
        if workspace is None or status is None:
            return

        async def work(progress: "Progress") -> None:
            await workspace.up(names, pull=Pull.MISSING, timeout=UP_TIMEOUT, progress=progress)

        def start() -> None:
            self.deck.start_job(f"Up {' '.join(names) or 'everything'}", work, _nothing)

        outdated = [
            service
            for service in status.services
            if service.outdated and service.service in (names or (service.service,))
        ]
        if outdated:
            causes = "\n".join(f"{service.service}: {cause}" for service in outdated for cause in service.causes)
            self.confirm(Question("Recreate what has changed?", f"{causes}\n\nNamed volumes keep their data."), start)
        else:
            start()

    def action_stop(self) -> None:
        """Stop the selected service."""
        workspace, selected = self.deck.workspace, self._selected
        if workspace is None or selected is None:
            return

        async def work(progress: "Progress") -> None:
            await (await workspace.services()).stop((selected.service,), progress=progress)

        self.deck.start_job(f"Stop {selected.service}", work, _nothing)

    def action_restart(self) -> None:
        """Restart the selected service."""
        workspace, selected = self.deck.workspace, self._selected
        if workspace is None or selected is None:
            return

        async def work(progress: "Progress") -> None:
            await (await workspace.services()).restart((selected.service,), progress=progress)

        self.deck.start_job(f"Restart {selected.service}", work, _nothing)

    def action_take_down(self) -> None:
        """Remove the containers after asking."""
        question = Question(
            "Remove this project's containers and networks?",
            "The data stays in its volumes; the next start makes the containers again.",
            "stackdeck down",
        )
        self.confirm(question, partial(self._down, Volumes.KEEP))

    def action_destroy(self) -> None:
        """Remove the containers and the data after asking for the project's name."""
        question = Question(
            "Remove the containers and ALL DATA of this project?",
            "Every table and every row in this project's volumes is lost for ever.",
            "stackdeck down --volumes --yes",
            typed=self.deck.vitals.project,
        )
        self.confirm(question, partial(self._down, Volumes.REMOVE))

    def _down(self, volumes: Volumes) -> None:
        workspace = self.deck.workspace
        if workspace is None:
            return

        async def work(progress: "Progress") -> None:
            await (await workspace.services()).down(volumes=volumes, progress=progress)

        self.deck.start_job("Down" if volumes is Volumes.KEEP else "Down, with all data", work, _nothing)


def _nothing(_result: None) -> None:
    """Take the end of a job whose outcome the next look shows."""


def _port(port: str) -> str:
    return port.replace("->", " → ").removesuffix("/tcp")


def _key(service: ServiceStatus) -> str:
    return f"{service.service}/{service.container}"


async def _status(workspace: "Workspace") -> ServicesStatus:
    return await (await workspace.services()).status()


async def _log(workspace: "Workspace", names: Sequence[str]) -> AsyncGenerator[LogLine, None]:
    lines = (await workspace.services()).follow(names, tail=TAIL, since=None)
    async for line in lines:
        yield line
