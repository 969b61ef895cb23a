"""Doctor: the checklist from Docker to data, with its next step; when all is well, the overview."""

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll

from stack.doctor.examination import Report
from stack.findings import Finding, Progress, Severity
from stack.text import clean_line
from tui.actions import Fact, Place, bindings
from tui.screens.base import DeckScreen
from tui.widgets.checklist import Checklist
from tui.widgets.next_step import NextStep
from tui.widgets.overview import OverviewPanel

if TYPE_CHECKING:
    from stack.doctor.overview import Overview
    from stack.doctor.sizes import Sizes
    from stack.workspace import Workspace
    from tui.jobs import Job

SIZES_EVERY: Final = 600.0
"""Seconds between two measurements of how much there is, for which the engine and the server read disks."""


class DoctorScreen(DeckScreen):
    """The first screen: what stands between a fresh clone and its data, and what to do next."""

    place = Place.DOCTOR
    words = (
        "From top to bottom, everything that must be so before you can look at data: something that runs Postgres, "
        "the settings in .env, the server itself, a connection, the migrations that build the tables, and rows in "
        "them. The marked step is the next one; Enter does it. With ↑ and ↓ you look at another line, Space shows all "
        "checks of a stage. When all is well this screen is an overview."
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
        self.overview_panel = VerticalScroll(id="overview", classes="panel", can_focus=False)
        self._examination = self.request("examine", self._show_report)
        self._look = self.request("overview", self._show_overview)
        self._measurement = self.request("sizes", self._show_sizes)
        self._measured = float("-inf")

    def compose_body(self) -> ComposeResult:
        """Lay out the checklist beside the next step, or the overview."""
        with VerticalScroll(id="checks", classes="panel", can_focus=False) as checks:
            checks.border_title = "From Docker to data"
            yield self.checklist
        with Vertical(id="side"):
            with self.step_panel, VerticalScroll(id="step", can_focus=False):
                yield self.step
                yield self.job_pane
            with self.overview_panel:
                yield self.overview

    def compose_foot(self) -> ComposeResult:
        """Leave the foot empty: here a step's progress is shown where the step is."""
        yield from ()

    def on_mount(self) -> None:
        """Examine again when services or the database move."""
        self.watch(self.app, "services", self.look_soon, init=False)
        self.watch(self.app, "vitals", self.look_soon, init=False)
        self.watch(self.app, "job", self._follow_job)
        self.watch(self.checklist, "chosen", self._show_picked)
        self.watch(self.step, "chosen", self.refresh_facts)

    def load(self, workspace: "Workspace") -> None:
        """Run the checks, and once all was well look at the whole too."""
        self._examination.poll(workspace.examine)
        if self._well:
            self._look.poll(workspace.look)
            if time.monotonic() - self._measured >= SIZES_EVERY:
                self._measurement.poll(workspace.sizes)

    def forget(self) -> None:
        """Measure again too."""
        super().forget()
        self._measured = float("-inf")

    def facts(self) -> Fact:
        """State whether there is a step that Enter can do, and another one beside it."""
        facts = Fact.EXAMINED if self.checklist.report else Fact.NONE
        facts |= Fact.CHOICE if len(self.step.fixes) > 1 else Fact.NONE
        facts |= Fact.FOUND if self._picked_findings else Fact.NONE
        return facts | (Fact.SELECTED if self.step.fix or self._all_done else Fact.NONE)

    # -- Actions

    def action_do_next(self) -> None:
        """Do the chosen step; after the last one, go and look at the data."""
        if fix := self.step.fix:
            self.carry_out(fix)
        elif self._all_done:
            self.deck.action_show_mode(Place.TABLES)

    def action_choose_another(self) -> None:
        """Choose another way out."""
        self.step.choose_another()

    def action_move(self, steps: int) -> None:
        """Look at a line above or below."""
        self.checklist.move(steps)

    def action_fold_or_unfold(self) -> None:
        """Show all checks of a stage, or not."""
        self.checklist.fold_or_unfold()

    def action_pick(self, key: str) -> None:
        """Look at the line that was clicked on."""
        self.checklist.chosen = key

    def action_save_report(self) -> None:
        """Write a report for a bug tracker, and say where it is."""
        if (workspace := self.deck.workspace) is not None:
            self.deck.start_job("Write a bug report", partial(_save_report, workspace), self._say_where)

    def _say_where(self, path: Path) -> None:
        self.notify(f"The report is in {clean_line(str(path))}", markup=False, timeout=20)

    def explain(self) -> None:
        """Say all that is known about the line that is looked at, where the banner says nothing."""
        if self.banner.findings:
            super().explain()
        else:
            self.explain_all(self._picked_findings)

    # -- What is seen

    @property
    def _picked_findings(self) -> tuple[Finding, ...]:
        check = self.step.check
        return (check.finding, *check.others) if check and check.finding else ()

    @property
    def _well(self) -> bool:
        return self.checklist.report is not None and self.checklist.report.ok

    @property
    def _all_done(self) -> bool:
        report = self.checklist.report
        return report is not None and report.ok and report.next is None

    def _show_report(self, report: Report) -> None:
        was_well = self._well
        self.checklist.report = report
        self._show_picked()
        self.set_class(self._all_done, "-well")
        self.overview_panel.border_title = "All is well" if _is_silent(report) else "Nothing is in the way"
        if report.ok and not was_well:
            self.look()

    def _show_picked(self) -> None:
        picked = self.checklist.picked
        self.step.check = picked.check if picked else None
        self.step_panel.border_title = "Next step" if picked == self.checklist.next else "This check"
        self._show_panel(self.deck.job)
        self.refresh_facts()

    def _follow_job(self, job: "Job | None") -> None:
        if job is not None and job.running:
            self.checklist.chosen = None
        self._show_panel(job)

    def _show_panel(self, job: "Job | None") -> None:
        """Show the panel of the next step while there is one, or something is being done."""
        is_working = job is not None and job.running
        self.step_panel.set_class(self.step.check is None and not is_working, "-idle")

    def _show_overview(self, overview: "Overview") -> None:
        self.overview.overview = overview

    def _show_sizes(self, sizes: "Sizes") -> None:
        self._measured = time.monotonic()
        self.overview.sizes = sizes


def _is_silent(report: Report) -> bool:
    return all(finding.severity is Severity.INFO for finding in report.findings)


async def _save_report(workspace: "Workspace", progress: Progress) -> Path:
    progress("asking everything once more")
    return await workspace.save_report(None)
