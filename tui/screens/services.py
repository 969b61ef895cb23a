"""Services: what runs and how it stands, all that is known of one of them, and its log."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widgets import Static

from stack.background import in_thread
from stack.findings import Finding
from stack.project import RuntimeName
from stack.services.control import LogLine, Overflow, ServicesStatus, ServiceStatus, State, Volumes
from stack.services.log_file import save
from stack.services.web import is_pgadmin, web_addresses
from stack.text import clean_line
from tui.actions import Fact, Place, bindings
from tui.changes import Changes
from tui.outside import block, cell
from tui.reach import Reach
from tui.requests import Feed
from tui.screens.base import DeckScreen
from tui.vitals import Tone
from tui.widgets.grid import Grid, GridRow
from tui.widgets.log_pane import LogPane
from tui.widgets.log_view import LogView
from tui.widgets.masthead import ROOMY
from tui.widgets.save_log import SaveLog, Saving
from tui.widgets.service_panel import ServicePanel
from tui.widgets.service_signs import sign_of

if TYPE_CHECKING:
    from stack.workspace import Workspace

TAIL: Final = 500
"""Lines of the past that a log begins with."""

_TITLES: Final = tuple(Text(title) for title in ("Service", "State", "Ports", "Image", "Container"))

_LEAST_WIDTH: Final = ((100, 5), (70, 4))
"""From which width of the table on how many columns are shown; three below."""


class ServicesScreen(DeckScreen):
    """The project's services with their state, health and ports, the selected one's details, and a log that follows."""

    place = Place.SERVICES
    words = (
        "A service is one server of this project, as the Compose file names it; a container is that server while it "
        "exists on this machine. Starting a service makes its container where there is none. Stopping it keeps the "
        "container and its data. What would be recreated, removed or lost is shown and asked first. The details say "
        "what the selected service uses and what its health check last printed; on a narrow terminal they take the "
        "place of its log, which is what the service itself says, as it says it."
    )
    CSS_PATH = "../styles/services.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.SERVICES)]

    def __init__(self) -> None:
        """Prepare the screen."""
        super().__init__()
        self.grid = Grid(id="services")
        self.notice = Static(id="unmanaged")
        self.top = Vertical(id="top", classes="panel")
        self.panel = ServicePanel()
        self.log_pane = LogPane()
        self._changes = Changes(self)
        self._reach = Reach(self)
        self._status: ServicesStatus | None = None
        self._as_of: datetime | None = None
        self._of_all = False
        self._followed: tuple[str, ...] = ()
        self._feed = Feed[LogLine](self, "logs", receive=self._add_lines, refuse=self._no_log)
        self._saving = self.request("save the log", self._saved)

    def compose_body(self) -> ComposeResult:
        """Lay out the services beside the details, above the log."""
        with Container(id="upper"):
            with self.top:
                self.top.border_title = "Services"
                yield self.notice
                yield self.grid
            yield self.panel
        self.log_pane.add_class("panel")
        yield self.log_pane

    def on_mount(self) -> None:
        """Follow what the deck sees of the services."""
        self.watch(self.app, "workspace", self._let_go_of_log)
        self.watch(self.app, "services", self._show)
        self.watch(self.app, "services_findings", lambda findings: self.note("services", findings))
        self.watch(self.app, "vitals", self._say_who_manages)

    def load(self, workspace: "Workspace") -> None:  # noqa: ARG002 - the watch over the services is the deck's
        """Ask what no event tells."""
        self._show(self.deck.services)
        self.panel.look_again()

    def facts(self) -> Fact:
        """State what can be done with the selected service."""
        facts, selected = Fact.NONE, self._selected
        if selected:
            facts |= Fact.SELECTED
            facts |= Fact.EXISTS if selected.container else Fact.NONE
            facts |= Fact.BROWSABLE if self._addresses(selected) else Fact.NONE
        facts |= Fact.PGADMIN if self._pgadmin else Fact.NONE
        return facts | self.log_pane.facts()

    @property
    def _services(self) -> tuple[ServiceStatus, ...]:
        return self._status.services if self._status else ()

    @property
    def _selected(self) -> ServiceStatus | None:
        key = self.grid.selected_key
        return next((service for service in self._services if _key(service) == key), None)

    def _addresses(self, service: ServiceStatus) -> tuple[str, ...]:
        return web_addresses(service, self._status.engine) if self._status else ()

    @property
    def _pgadmin(self) -> ServiceStatus | None:
        return next((service for service in self._services if is_pgadmin(service)), None)

    # -- What is seen

    def _show(self, status: ServicesStatus | None) -> None:
        if status is None:
            return
        if status.engine.reachable or self.deck.vitals.runtime is None:
            self._as_of = datetime.now().astimezone()
        self._status = status
        self._mark_age()
        self.grid.replace(_TITLES[: self._columns], [self._row(service) for service in status.services])
        self._show_selected()

    def _mark_age(self) -> None:
        """Mark what is shown as old while the engine that it came from is lost."""
        lost = self._status is not None and bool(self._status.services) and not self._status.engine.reachable
        self.top.set_class(lost, "-old")
        since = f"as of {self._as_of:%H:%M:%S}, " if self._as_of else ""
        self.top.border_subtitle = f"{since}reconnecting…" if lost else ""

    def _row(self, service: ServiceStatus) -> GridRow:
        sign, muted = sign_of(service), self.colour(Tone.UNKNOWN)
        old = self.top.has_class("-old")
        state = f"{'○' if old else '●'} {sign.text}{' (outdated)' if service.outdated else ''}"
        return GridRow(
            _key(service),
            (
                cell(service.service, muted if old else "bold"),
                cell(state, muted if old else self.colour(sign.tone)),
                cell(", ".join(_port(port) for port in service.ports) or "–", muted if old else ""),
                cell(service.image or "–", muted if old else ""),
                cell(service.container or "–", muted),
            )[: self._columns],
        )

    @property
    def _columns(self) -> int:
        """How many columns there is room for, beside the details where those stand beside the table."""
        width = self.app.size.width
        width = width // 2 if width >= ROOMY else width
        return next((count for least, count in _LEAST_WIDTH if width >= least), 3)

    def on_resize(self) -> None:
        """Show as many columns as there is room for now, and the details where they fit."""
        self.call_after_refresh(self._show, self._status)

    def _say_who_manages(self) -> None:
        """Say why nothing can be started here, where nothing can."""
        runtime = self.deck.vitals.runtime
        text = ""
        if runtime is not None and runtime.name is RuntimeName.EXTERNAL:
            text = (
                f"Nothing to start or stop here: {runtime.reason}.\nIts other screens, and psql (p), work with it. "
                f"For a Postgres of this project's own: {runtime.other}."
            )
        self.notice.display = bool(text)
        self.notice.update(block(text, "$muted"))

    # -- The selected service

    @on(Grid.RowHighlighted)
    def _another(self) -> None:
        self._show_selected()
        self.refresh_facts()

    def _show_selected(self) -> None:
        """Show the selected service's details, and follow its log."""
        workspace, selected = self.deck.workspace, self._selected
        if workspace is None:
            return
        self.panel.show(workspace, selected, self._status, self._addresses(selected) if selected else ())
        self._sample()
        self._follow()

    def _sample(self) -> None:
        self.panel.sample(awake=self.is_front and (self.app.size.width >= ROOMY or self.has_class("-details")))

    def action_show_details(self) -> None:
        """Give the details the room of the log, or take it back."""
        self.toggle_class("-details")
        self._sample()

    def on_screen_suspend(self) -> None:
        """Follow no log and sample nothing that nobody sees."""
        if not self.is_front:
            self._feed.cancel()
            self._followed = ()
            self.panel.sample(awake=False)

    # -- The log

    def action_widen_logs(self) -> None:
        """Follow the logs of all services, or of the selected one again."""
        self._of_all = not self._of_all
        self._follow()

    def _follow(self) -> None:
        """Follow what is selected; what happens to its containers meanwhile, its log says itself."""
        workspace, status, selected = self.deck.workspace, self._status, self._selected
        if workspace is None or status is None or not self.is_front:
            return
        wanted = status.services if self._of_all or selected is None else (selected,)
        names = tuple(sorted({service.service for service in wanted}))
        if names == self._followed:
            return
        if all(service.state is State.ABSENT for service in wanted):
            self._followed = ()
            self._feed.cancel()
            self.log_pane.begin("No log: nothing runs", named=False)
            return
        self._followed = names
        self.log_pane.begin(f"Log of {', '.join(names)}", named=len(names) > 1)
        self._feed.follow(partial(_log, workspace, names))

    def _let_go_of_log(self) -> None:
        """Follow the log anew: the project that it was asked of is closed."""
        self._followed = ()

    def _add_lines(self, lines: tuple[LogLine, ...], dropped: int) -> None:
        self.note("logs", ())
        self.log_pane.add(lines, dropped)

    def _no_log(self, findings: tuple[Finding, ...]) -> None:
        """Say why, and try again when the services change."""
        self._followed = ()
        self.note("logs", findings)

    @on(LogView.Changed)
    def _log_changed(self) -> None:
        self.refresh_facts()

    def action_search_log(self) -> None:
        """Ask what to look for in the log."""
        self.log_pane.search()

    def action_next_match(self) -> None:
        """Go to the next line that is looked for."""
        self.log_pane.view.go_to_next()

    def action_previous_match(self) -> None:
        """Go to the line before that is looked for."""
        self.log_pane.view.go_to_previous()

    def action_filter_log(self) -> None:
        """Ask which lines to show."""
        self.log_pane.narrow()

    def action_raise_log_level(self) -> None:
        """Show only more serious lines."""
        self.log_pane.raise_level()

    def action_clear_log_search(self) -> None:
        """Show the whole log again."""
        self.log_pane.clear()

    def action_follow_log(self) -> None:
        """Go to the end of the log."""
        self.log_pane.view.follow()

    def action_pause_log(self) -> None:
        """Hold the log, or let it go on."""
        self.log_pane.pause()

    def action_wrap_log(self) -> None:
        """Break long lines, or do not."""
        self.log_pane.view.toggle_wrapping()

    def action_time_log(self) -> None:
        """Show times, or do not."""
        self.log_pane.view.toggle_times()

    def action_save_log(self) -> None:
        """Ask where to save the log, and save it."""
        kept, shown = self.log_pane.counts
        names = "-".join((self.deck.vitals.project or "stackdeck", *self._followed))
        suggested = Path(f"{names}-{datetime.now().astimezone():%Y%m%d-%H%M%S}.log")

        def answered(saving: Saving | None) -> None:
            if saving is not None:
                lines = self.log_pane.chosen(filtered=saving.filtered)
                self._saving.ask(lambda: in_thread(partial(save, saving.path, lines)))

        self.app.push_screen(SaveLog(suggested, kept, shown), answered)

    def _saved(self, path: Path) -> None:
        self.notify(f"The log is in {clean_line(str(path))}", markup=False)

    # -- Actions

    def action_start_all(self) -> None:
        """Start everything."""
        self._changes.up(())

    def action_start(self) -> None:
        """Start the selected service."""
        if self._selected:
            self._changes.up((self._selected.service,))

    def action_preview(self) -> None:
        """Show what starting everything would do."""
        self._changes.preview()

    def action_stop(self) -> None:
        """Stop the selected service."""
        if self._selected:
            self._changes.stop(self._selected.service)

    def action_restart(self) -> None:
        """Restart the selected service."""
        if self._selected:
            self._changes.restart(self._selected.service)

    def action_take_down(self) -> None:
        """Remove the containers and networks."""
        self._changes.down(Volumes.KEEP)

    def action_destroy(self) -> None:
        """Remove the data too."""
        self._changes.down(Volumes.REMOVE)

    def action_open_address(self) -> None:
        """Open the selected service in the browser."""
        if self._selected:
            self._reach.open(self._addresses(self._selected))

    def action_open_pgadmin(self) -> None:
        """Open pgAdmin in the browser."""
        if self._pgadmin:
            self._reach.open_pgadmin(self._pgadmin, self._addresses(self._pgadmin))

    def action_copy(self) -> None:
        """Copy a name of the selected service."""
        if self._selected:
            self._reach.copy(self._selected, self._addresses(self._selected))

    def action_psql(self) -> None:
        """Hand the terminal over to psql."""
        self._reach.psql()


def _port(port: str) -> str:
    return port.replace("->", " → ").removesuffix("/tcp")


def _key(service: ServiceStatus) -> str:
    return f"{service.service}/{service.container}"


async def _log(workspace: "Workspace", names: Sequence[str]) -> AsyncGenerator[LogLine, None]:
    from stack.doctor.redaction import veiled

    services = await workspace.services()
    lines = services.follow(names, tail=TAIL, since=None, overflow=Overflow.DROP)
    async for line in veiled(lines, await in_thread(workspace.veil)):
        yield line
