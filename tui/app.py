"""The deck: six screens over one open project."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from rich.text import Text
from textual import on
from textual.app import App
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.reactive import reactive
from textual.types import CSSPathType

from stack.crash import write_report
from stack.findings import Failure, Finding, Gauge, Progress, silent
from tui.actions import Action, Place, at, bindings, find
from tui.commands import Actions
from tui.filters import ControlCharacterFilter
from tui.jobs import Job, Jobs, Progressed
from tui.modes import MODES
from tui.opening import Fingerprint, fingerprint
from tui.requests import Asking, Feed, Request
from tui.screens.base import DeckScreen
from tui.stylesheet import ParsedOnce
from tui.themes import NIGHT, PAPER, THEMES
from tui.vitals import Vitals, look_at
from tui.widgets.help import Help

if TYPE_CHECKING:
    from stack.services.control import ServicesStatus
    from stack.workspace import Workspace
    from tui.consent import Consent

T = TypeVar("T")

Opener = Callable[[], Awaitable["Workspace"]]
"""Opens the project; called again when a fix or an edit changed what the project is made of."""

VITALS_EVERY: Final = 5.0
"""Seconds between two looks at the database: unlike the engine it tells nobody when something has moved."""

FILES_EVERY: Final = 0.5
"""Seconds between two looks at whether a file has changed that the project is made of."""

CLOSING_TIME: Final = 0.5
"""Seconds that closing the project may take on the way out."""

STOPPING_TIME: Final = 5.0
"""Seconds for the same where a server is to be stopped, which writes out what it has."""


class Deck(Asking, App[None]):
    """The app. It owns the open project, the watch over its services, the one long action and the vitals."""

    TITLE = "Stackdeck"
    # The first screen's styles come along: styles that come later have all of them parsed again.
    CSS_PATH: ClassVar[CSSPathType] = ["styles/deck.tcss", "styles/doctor.tcss"]
    MODES = {place.value: make for place, make in MODES.items()}  # noqa: RUF012 - Textual's declaration
    DEFAULT_MODE = Place.DOCTOR.value
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.EVERYWHERE)]
    COMMANDS = {Actions}  # noqa: RUF012 - Textual's declaration
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual's declaration
        (0, "-cramped"),
        (80, "-normal"),
        (110, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - Textual's declaration
        (0, "-short"),
        (24, "-regular"),
        (36, "-tall"),
    ]

    workspace: reactive["Workspace | None"] = reactive(None, always_update=True)
    opening_findings: reactive[tuple[Finding, ...]] = reactive(())
    services: "reactive[ServicesStatus | None]" = reactive(None)
    services_findings: reactive[tuple[Finding, ...]] = reactive(())
    vitals: reactive[Vitals] = reactive(Vitals())
    job: reactive[Job | None] = reactive(None)

    def __init__(self, opener: Opener) -> None:
        """Make a deck over the project that `opener` opens."""
        super().__init__()
        self._opener = opener
        self._opening = Request["Workspace"](self, "open", receive=self._opened, refuse=self._not_opened)
        self._vitals = Request[Vitals](self, "vitals", receive=self._take_vitals, refuse=self._no_vitals)
        self._watch = Feed["ServicesStatus"](self, "watch", receive=self._take_services, refuse=self._no_services)
        self._jobs = Jobs(self, show=self._show_job, refuse=self._job_failed)
        self._files: Fingerprint = ()
        self._started_server = False
        self._watches = False
        self._lent = False
        self._open_later = False
        self._crash: Exception | None = None
        # One for all frames: a line that was drawn is kept with the filters that it went through.
        self._lock = ControlCharacterFilter()
        for theme in THEMES:
            self.register_theme(theme)
        # Setting it the usual way would have every style parsed twice more before the first frame.
        self.set_reactive(App.theme, NIGHT.name)
        self.stylesheet = ParsedOnce(self.get_css_variables())

    @cached_property
    def consent(self) -> "Consent":
        """What asks before a plan is carried out; first needed long after the first frame."""
        from tui.consent import Consent

        return Consent(self)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Pass every drawn line through the second lock."""
        return [self._lock, *super().get_line_filters()]

    # -- The project

    def on_mount(self) -> None:
        """Open the project once the first frame is painted."""
        self.call_after_refresh(self.open)
        self.set_interval(VITALS_EVERY, self.look_at_vitals)
        self.set_interval(FILES_EVERY, self._look_at_files)

    def open(self) -> None:
        """Open the project, in place of the one that is open; once the terminal is back where it has been lent."""
        self._open_later = self._lent
        if not self._lent:
            self._opening.ask(self._opener)

    def _opened(self, workspace: "Workspace") -> None:
        self._files = fingerprint(workspace.project)
        workspace.approval = self.consent
        before, self.workspace = self.workspace, workspace
        if before is None:
            # What the program is made of stays; looking through all of it for garbage would hold keys up for 80 ms.
            gc.freeze()
        self.opening_findings = ()
        if before is not None:
            self._started_server |= before.started_server
            self.run_worker(before.reload(), exit_on_error=False)
        self._watch_services()
        self.look_at_vitals()

    def _not_opened(self, findings: tuple[Finding, ...]) -> None:
        self.opening_findings = findings

    def _look_at_files(self) -> None:
        """Open the project again where somebody changed its files."""
        if self.workspace is not None and not self.busy and fingerprint(self.workspace.project) != self._files:
            self.open()

    def _watch_services(self) -> None:
        if self.workspace is not None:
            self._watches = True
            self._watch.follow(partial(_watch, self.workspace))

    def _take_services(self, seen: "tuple[ServicesStatus, ...]", _dropped: int) -> None:
        if seen and seen[-1] != self.services:
            self.services_findings, self.services = seen[-1].findings, seen[-1]
            self.look_at_vitals()

    def _no_services(self, findings: tuple[Finding, ...]) -> None:
        self.services_findings, self._watches = findings, False

    def look_at_vitals(self) -> None:
        """Ask what the head of each screen says, and take the watch up again where it could not be kept."""
        if self.workspace is not None:
            self._vitals.poll(partial(look_at, self.workspace))
            if not self._watches:
                self._watch_services()

    def _take_vitals(self, vitals: Vitals) -> None:
        self.vitals = vitals
        self.front.refresh_facts()

    def _no_vitals(self, findings: tuple[Finding, ...]) -> None:
        self.front.note("vitals", findings)

    async def let_go(self) -> None:
        """Close the project within `CLOSING_TIME`, or stop the server that this deck has started in `STOPPING_TIME`.

        The terminal is a shell's again by then; whatever hangs is left behind.
        """
        if self.workspace is not None:
            stop_server = self._started_server or self.workspace.started_server
            closing = asyncio.ensure_future(_close(self.workspace, stop_server=stop_server))
            await asyncio.wait([closing], timeout=STOPPING_TIME if stop_server else CLOSING_TIME)

    # -- Long actions

    @property
    def busy(self) -> bool:
        """Whether a long action is under way."""
        return self._jobs.running

    def start_job(
        self,
        title: str,
        call: Callable[[Progress], Awaitable[T]],
        done: Callable[[T], None],
        *,
        command: str | None = None,
    ) -> None:
        """Do `call` as the deck's one long action, unless another is under way; `done` gets its result.

        `command` does the same from a shell; it is shown in the end.
        """
        self.front.note("job", ())
        self._jobs.start(title, call, done, command=command)

    def report(self, line: str, gauges: Sequence[Gauge] = ()) -> None:
        """Be the `Progress` of the long action that is under way."""
        self._jobs.report(line, gauges)

    def _show_job(self, job: Job) -> None:
        self.job = job
        if not job.running:
            self.look_at_vitals()

    def _job_failed(self, findings: tuple[Finding, ...]) -> None:
        self.front.note("job", findings)

    @on(Progressed)
    def _progressed(self, message: Progressed) -> None:
        self._jobs.take(message)

    # -- The terminal

    async def lend_terminal(self, call: Callable[[], Awaitable[T]]) -> T:
        """Hand the terminal over while `call` runs, and draw everything anew afterwards.

        Long actions go on meanwhile. Nothing is drawn, and no other project takes the place of the one in use.

        Raises:
            SuspendNotSupported: the deck does not run on a terminal of its own.
        """
        call_under_way = asyncio.ensure_future(call())
        self._lent = True
        try:
            # Whatever goes wrong in there, the deck must get its terminal back: no exception may pass through.
            with self.suspend(), self.batch_update():
                await asyncio.wait([call_under_way])
        finally:
            self._lent = False
            call_under_way.cancel()
            if self._open_later:
                self.open()
        return call_under_way.result()

    # -- Actions

    @property
    def front(self) -> DeckScreen:
        """The screen that is seen, perhaps under a modal."""
        screen = self.screen_stack[0]
        assert isinstance(screen, DeckScreen)  # noqa: S101 - every mode is one
        return screen

    def available_actions(self) -> list[Action]:
        """Return what can be done now, the front screen's actions first."""
        facts = self.front.all_facts()
        return [
            action
            for place in (self.front.place, Place.EVERYWHERE)
            for action in at(place)
            if action.is_available(facts)
        ]

    async def perform(self, action: Action) -> None:
        """Do `action` as if its key had been pressed."""
        await self.run_action(action.call, self if action.place is Place.EVERYWHERE else self.front)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let an action of the registry through while what it needs is so."""
        known = find(Place.EVERYWHERE, action)
        if known is None or not self._running or not isinstance(self.screen_stack[0], DeckScreen):
            return super().check_action(action, parameters)
        return known.is_available(self.front.all_facts())

    def action_show_mode(self, mode: str) -> None:
        """Go to a screen."""
        self.switch_mode(mode)

    def action_look_again(self) -> None:
        """Open the project again, so that everything is read and asked anew, the engine too."""
        self.front.forget()
        self.open()

    def action_fix(self) -> None:
        """Mend what the banner says."""
        self.front.fix()

    def action_explain(self) -> None:
        """Explain what the banner says."""
        self.front.explain()

    def action_abandon(self) -> None:
        """Stop the long action."""
        self._jobs.stop()

    def action_switch_theme(self) -> None:
        """Go from night to paper, or back."""
        self.theme = PAPER.name if self.current_theme.dark else NIGHT.name

    def action_help(self) -> None:
        """Explain the front screen and its keys."""
        self.push_screen(Help(self.front.place, self.front.words))

    def action_help_quit(self) -> None:
        """Say how to leave, to someone who presses Ctrl+C."""
        self.notify("Press q to leave; what runs keeps running.", markup=False)

    # -- An error of our own

    def _handle_exception(self, error: Exception) -> None:
        # What fails after the first error, while the deck is being left, mostly is the same one once more.
        if self._crash is None:
            self._crash = error
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Leave with a short message and a report without local variables, in place of Textual's traceback."""
        path = write_report(self._crash) if self._crash else None
        where = f"A report without your data is in {path}" if path else "No report could be written"
        self._exit_renderables.append(
            Text(f"Stackdeck stopped: an error of its own ({type(self._crash).__name__}).\n{where}.\n", style="red")
        )
        self._close_messages_no_wait()


async def _watch(workspace: "Workspace") -> "AsyncGenerator[ServicesStatus, None]":
    async for status in (await workspace.services()).watch():
        yield status


async def _close(workspace: "Workspace", *, stop_server: bool) -> None:
    # What cannot be closed is left as it is: there is nobody to tell any more.
    with contextlib.suppress(Failure):
        if stop_server:
            await (await workspace.services()).stop((), progress=silent)
        await workspace.reload()
