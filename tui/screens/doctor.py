"""Doctor: the checklist from Docker to data, with its next step; when all is well, the overview."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll

from stack.doctor.examination import Report
from stack.findings import Fix
from tui.actions import Fact, Place, bindings
from tui.screens.base import DeckScreen
from tui.widgets.checklist import Checklist
from tui.widgets.next_step import NextStep
from tui.widgets.overview import OverviewPanel

if TYPE_CHECKING:
    from stack.workspace import Overview, Workspace


class DoctorScreen(DeckScreen):
    """The first screen: what stands between a fresh clone and its data, and what to do next."""

    place = Place.DOCTOR
    words = (
        "From top to bottom, everything that must be so before you can look at data: something that runs Postgres, "
        "the settings in .env, the server itself, a connection, the migrations that build the tables, and rows in "
        "them. The highlighted step is the next one; Enter does it. When all is well this screen is an overview."
    )
    CSS_PATH = "../styles/doctor.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.DOCTOR)]
    progress_lines = 4

    def __init__(self) -> None:
        """Prepare the screen."""
        super().__init__()
        self.checklist = Checklist()
        self.step = NextStep()
        self.overview = OverviewPanel()
        self.step_panel = Vertical(id="next", classes="panel")
        self._examination = self.request("examine", self._show_report)
        self._look = self.request("overview", self._show_overview)

    def compose_body(self) -> ComposeResult:
        """Lay out the checklist beside the next step, or the overview."""
        with VerticalScroll(id="checks", classes="panel") as checks:
            checks.border_title = "From Docker to data"
            yield self.checklist
        with Vertical(id="side"):
            with self.step_panel as panel:
                panel.border_title = "Next step"
                yield self.step
                yield self.job_pane
            with VerticalScroll(id="overview", classes="panel") as panel:
                panel.border_title = "All is well"
                yield self.overview

    def compose_foot(self) -> ComposeResult:
        """Leave the foot empty: here a step's progress is shown where the step is."""
        yield from ()

    def on_mount(self) -> None:
        """Examine again when services or the database move."""
        self.watch(self.app, "services", self.look_soon, init=False)
        self.watch(self.app, "vitals", self.look_soon, init=False)

    def load(self, workspace: "Workspace") -> None:
        """Run the checks, and once all was well look at the whole too."""
        self._examination.poll(workspace.examine)
        if self._well:
            self._look.poll(workspace.look)

    def facts(self) -> Fact:
        """State whether there is a step that Enter can do."""
        return Fact.SELECTED if self._next_fix() or self._all_done else Fact.NONE

    def action_do_next(self) -> None:
        """Do the next step; after the last one, go and look at the data."""
        fix = self._next_fix()
        if fix:
            self.carry_out(fix)
        elif self._all_done:
            self.deck.action_show_mode(Place.TABLES)

    @property
    def _well(self) -> bool:
        return self.checklist.report is not None and self.checklist.report.ok

    @property
    def _all_done(self) -> bool:
        report = self.checklist.report
        return report is not None and report.ok and report.next is None

    def _next_fix(self) -> Fix | None:
        check = self.step.check
        return check.fix if check else None

    def _show_report(self, report: Report) -> None:
        was_well = self._well
        self.checklist.report = report
        self.step.check = report.next
        self.step_panel.set_class(report.next is None, "-idle")
        self.set_class(self._all_done, "-well")
        if report.ok and not was_well:
            self.look()

    def _show_overview(self, overview: "Overview") -> None:
        self.overview.overview = overview
