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
from stack.text import MASK
from tui.actions import Fact, Place, bindings
from tui.outside import cell, line
from tui.screens.base import DeckScreen
from tui.vitals import Tone
from tui.widgets.grid import Grid, GridRow
from tui.widgets.variable_detail import VariableDetail, plain

if TYPE_CHECKING:
    from stack.environment.report import EnvironmentReport, Variable
    from stack.environment.template import InitResult
    from stack.findings import Progress
    from stack.workspace import Workspace

_TITLES: Final = tuple(Text(title) for title in ("", "Variable", "Value", "From", "Problem"))


class EnvironmentScreen(DeckScreen):
    """The variables of the project: the shell's, the file's, the template's and the defaults."""

    place = Place.ENVIRONMENT
    words = (
        "The file .env holds what differs from machine to machine: passwords, ports, the size of the pool. It is made "
        "from a template, .env.example, and is never put under version control. A variable of the shell wins over the "
        "file. Secrets are hidden until you ask for one."
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
        self._revealed: set[str] = set()
        self._look = self.request("environment", self._show)

    def compose_body(self) -> ComposeResult:
        """Lay out the variables above what is known of the selected one."""
        with self.panel:
            self.panel.border_title = "Variables"
            yield self.grid
        with VerticalScroll(id="detail", classes="panel", can_focus=False) as panel:
            panel.border_title = "Selected"
            yield self.detail

    def load(self, workspace: "Workspace") -> None:
        """Read the files again."""
        self._look.poll(partial(in_thread, workspace.environment))

    def facts(self) -> Fact:
        """State whether a secret is selected."""
        return Fact.SELECTED if self._selected and self._selected.secret else Fact.NONE

    @property
    def _selected(self) -> "Variable | None":
        variables = self._report.variables if self._report else ()
        return next((variable for variable in variables if variable.name == self.grid.selected_key), None)

    def _show(self, report: "EnvironmentReport") -> None:
        keep_out({plain(variable.value) or "" for variable in report.variables if variable.secret})
        self._report = report
        self.note("report", report.findings)
        self.panel.border_title = line(f"Variables of {report.file.name}")
        self.grid.replace(_TITLES, [self._row(variable) for variable in report.variables])
        self._show_detail()

    def _row(self, variable: "Variable") -> GridRow:
        muted = self.colour(Tone.UNKNOWN)
        if variable.value is None:
            value = cell("not set", f"italic {muted}")
        elif variable.secret and variable.name not in self._revealed:
            value = cell(MASK, muted)
        else:
            shown = plain(variable.value)
            value = cell(shown) if shown else cell("empty", f"italic {muted}")
        where = f"{variable.source.value}:{variable.line}" if variable.line else variable.source.value
        mark = cell("!", self.colour(Tone.NOTICE)) if variable.problem else cell("✓", self.colour(Tone.GOOD))
        return GridRow(
            variable.name,
            (
                mark,
                cell(variable.name, "bold"),
                value,
                cell(where, muted),
                cell(variable.problem or "", self.colour(Tone.NOTICE)),
            ),
        )

    @on(Grid.RowHighlighted)
    def _another(self) -> None:
        self._show_detail()
        self.refresh_facts()

    def _show_detail(self) -> None:
        selected = self._selected
        self.detail.show(selected, revealed=selected is not None and selected.name in self._revealed)

    # -- Actions

    def action_reveal(self) -> None:
        """Show the selected secret, or hide it again."""
        if self._selected and self._report:
            self._revealed ^= {self._selected.name}
            self._show(self._report)

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
