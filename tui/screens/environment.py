"""Environment: each variable with its value, where that comes from, and what is wrong with it."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll

from stack.background import in_thread
from stack.crash import keep_out
from stack.findings import Code, Fix
from stack.text import MASK
from tui.actions import Fact, Place, bindings
from tui.outside import cell, line
from tui.requests import Request
from tui.screens.base import DeckScreen
from tui.vitals import Tone
from tui.widgets.confirm import Question
from tui.widgets.grid import Grid, GridRow
from tui.widgets.variable_detail import VariableDetail, plain
from tui.widgets.variable_editor import Editing, VariableEditor

if TYPE_CHECKING:
    from textual.timer import Timer

    from stack.environment.edit import Edit
    from stack.environment.report import EnvironmentReport, Variable
    from stack.environment.template import InitResult
    from stack.findings import Finding, Progress
    from stack.services.in_use import StaleUse
    from stack.workspace import Workspace

REVEALED_FOR: Final = 20.0
"""Seconds after which a secret is hidden again."""

_TITLES: Final = tuple(Text(title) for title in ("", "Variable", "Value", "From", "Template", "Problem"))


class EnvironmentScreen(DeckScreen):
    """The variables of the project: the shell's, the file's, the template's and the defaults."""

    place = Place.ENVIRONMENT
    words = (
        "The file .env holds what differs from machine to machine: passwords, ports, the size of the pool. It is made "
        "from a template, .env.example, and is never put under version control. A variable of the shell wins over the "
        "file. Two programs read it, Docker Compose and Python, and they do not always agree; what is written here is "
        "written so that they do. Secrets are hidden until you ask for one."
    )
    CSS_PATH = "../styles/environment.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.ENVIRONMENT)]

    def __init__(self) -> None:
        """Prepare the screen."""
        super().__init__()
        self.panel = Vertical(id="variables", classes="panel")
        self.grid = Grid(id="variables-grid")
        self.detail = VariableDetail()
        self._report: EnvironmentReport | None = None
        self._stale: tuple[StaleUse, ...] = ()
        self._revealed: str | None = None
        self._hiding: Timer | None = None
        self._look = self.request("environment", self._show)
        self._removal = self.request("removal", self._confirm_removal)
        # Without an answer it is only unknown what is in use; why, the first screens say.
        self._use = Request["tuple[StaleUse, ...]"](
            self, "in use", receive=self._show_use, refuse=lambda _findings: self._show_use(())
        )

    def compose_body(self) -> ComposeResult:
        """Lay out the variables above what is known of the selected one."""
        with self.panel:
            self.panel.border_title = "Variables"
            yield self.grid
        with VerticalScroll(id="detail", classes="panel", can_focus=False) as panel:
            panel.border_title = "Selected"
            yield self.detail

    def load(self, workspace: "Workspace") -> None:
        """Read the files again, and look at what is in use."""
        self._look.poll(partial(in_thread, workspace.environment))
        self._use.poll(workspace.stale_uses)

    def facts(self) -> Fact:
        """State what can be done with the selected variable, and whether the file can be made."""
        found = self._report.findings if self._report else ()
        facts = Fact.UNMADE if any(finding.code is Code.ENV_MISSING for finding in found) else Fact.NONE
        selected = self._selected
        if selected is None:
            return facts
        facts |= Fact.SELECTED
        facts |= Fact.SECRET if selected.secret else Fact.NONE
        facts |= Fact.WRITTEN if selected.line is not None else Fact.NONE
        facts |= Fact.MENDABLE if self._selected_fix() else Fact.NONE
        return facts

    @property
    def _selected(self) -> "Variable | None":
        variables = self._report.variables if self._report else ()
        return next((variable for variable in variables if variable.name == self.grid.selected_key), None)

    def _selected_fix(self) -> Fix | None:
        findings = self._selected.findings if self._selected else ()
        return next((finding.automatic_fix for finding in findings if finding.automatic_fix), None)

    # -- Showing

    def _show(self, report: "EnvironmentReport") -> None:
        keep_out({plain(variable.value) or "" for variable in report.variables if variable.secret})
        self._report = report
        self.note("report", report.findings)
        self._draw()

    def _show_use(self, stale: "tuple[StaleUse, ...]") -> None:
        self._stale = stale
        self._draw()

    def _draw(self) -> None:
        report = self._report
        if report is None:
            return
        self.note("stale", self._stale_findings(report))
        kinds = {difference.name: difference.kind.value for difference in report.differences}
        self.panel.border_title = line(f"Variables of {report.file.name}")
        self.grid.replace(_TITLES, [self._row(variable, kinds.get(variable.name, "")) for variable in report.variables])
        self._draw_detail()

    def _stale_findings(self, report: "EnvironmentReport") -> "tuple[Finding, ...]":
        from stack.doctor.checks.written import stale

        workspace = self.deck.workspace
        return tuple(stale(workspace, report, self._stale)) if workspace and self._stale else ()

    def _row(self, variable: "Variable", kind: str) -> GridRow:
        muted, notice = self.colour(Tone.UNKNOWN), self.colour(Tone.NOTICE)
        if variable.value is None:
            value = cell("not set", f"italic {muted}")
        elif variable.secret and variable.name != self._revealed:
            value = cell(MASK, muted)
        else:
            shown = plain(variable.value)
            value = cell(shown) if shown else cell("empty", f"italic {muted}")
        where = f"{variable.source.value}:{variable.line}" if variable.line else variable.source.value
        problem = variable.problem or self._not_in_use(variable)
        mark = cell("!", notice) if problem else cell("✓", self.colour(Tone.GOOD))
        return GridRow(
            variable.name,
            (mark, cell(variable.name, "bold"), value, cell(where, muted), cell(kind, muted), cell(problem, notice)),
        )

    def _not_in_use(self, variable: "Variable") -> str:
        services = [use.service for use in self._stale if use.name == variable.name and not use.in_volume]
        return f"{', '.join(dict.fromkeys(services))} still runs with another value" if services else ""

    @on(Grid.RowHighlighted)
    def _another(self) -> None:
        if self._revealed is not None and self._revealed != self.grid.selected_key:
            self._hide()
        self._draw_detail()
        self.refresh_facts()

    def _draw_detail(self) -> None:
        selected = self._selected
        stale = [use for use in self._stale if selected and use.name == selected.name]
        self.detail.show(selected, stale, revealed=selected is not None and selected.name == self._revealed)

    def _hide(self) -> None:
        """Hide the secret that is shown, if one is."""
        if self._hiding is not None:
            self._hiding.stop()
        if self._revealed is not None:
            self._revealed = None
            self._draw()

    def on_screen_suspend(self) -> None:
        """Hide what was shown on leaving, or under a modal."""
        self._hide()
        super().on_screen_suspend()

    # -- Actions

    def action_reveal(self) -> None:
        """Show the selected secret for a while, or hide it again."""
        selected = self._selected
        if selected is None or self._revealed == selected.name:
            self._hide()
            return
        self._hide()
        self._revealed = selected.name
        self._hiding = self.set_timer(REVEALED_FOR, self._hide)
        self._draw()

    @on(Grid.RowSelected)
    async def _picked(self) -> None:
        # The grid takes Enter for itself.
        await self.run_action("edit")

    def action_edit(self) -> None:
        """Ask for another value of the selected variable, and write it."""
        workspace, variable = self.deck.workspace, self._selected
        if workspace is None or variable is None:
            return

        def planned(edit: "Edit | None") -> None:
            if edit is not None:
                self._write(f"Set {variable.name}", edit)

        self.app.push_screen(VariableEditor(workspace.project, _editing(variable)), planned)

    def action_mend(self) -> None:
        """Mend what is wrong with the selected variable."""
        fix = self._selected_fix()
        if fix:
            self.carry_out(fix)

    def action_remove(self) -> None:
        """Take the selected variable out of the file, after showing what goes."""
        from stack.environment.edit import plan_removal

        workspace, variable = self.deck.workspace, self._selected
        if workspace is None or variable is None:
            return
        self._removal.ask(partial(in_thread, partial(plan_removal, workspace.project, variable.name)))

    def _confirm_removal(self, edit: "Edit") -> None:
        gone = "\n".join(f"{it.line:>4} - {(it.before or '').strip()}" for it in edit.changes)
        title = f"Remove from {edit.path.name}"
        self.confirm(Question(f"{title}?", gone), lambda: self._write(title, edit))

    def _write(self, title: str, edit: "Edit") -> None:
        from stack.environment.edit import carry_out

        async def work(progress: "Progress") -> None:
            await in_thread(lambda: carry_out(edit))
            progress(f"wrote {edit.path.name}")

        self.deck.start_job(title, work, lambda _none: self.deck.open())

    def action_init(self) -> None:
        """Make `.env` from its template."""
        workspace = self.deck.workspace
        if workspace is None:
            return

        async def work(progress: "Progress") -> "InitResult":
            made = await in_thread(workspace.init_environment)
            progress(f"wrote {made.path.name}")
            return made

        self.deck.start_job("Make .env from its template", work, lambda _made: self.deck.open())


def _editing(variable: "Variable") -> Editing:
    written = variable.as_compose if variable.as_python is None else variable.as_python
    value = variable.value if written is None else written
    return Editing(
        name=variable.name,
        value="" if variable.secret else plain(value) or "",
        secret=variable.secret,
        is_port=variable.name.endswith("PORT"),
        type=variable.type,
        meaning=variable.description,
        caution=_caution(variable),
    )


def _caution(variable: "Variable") -> str | None:
    from stack.environment.assignments import Source

    if variable.source is Source.SHELL:
        return "The shell sets this variable too, and the shell wins: the file counts once it is unset there."
    if variable.name in {"APP_DB_PASSWORD", "POSTGRES_PASSWORD"}:
        return "A database that is there already keeps its password until that is altered too."
    return None
