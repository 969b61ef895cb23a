"""Migrations: the schema's history, where the database is in it, and the way forwards and back."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from tui.actions import Fact, Place, bindings
from tui.outside import cell
from tui.screens.base import DeckScreen
from tui.vitals import Tone
from tui.widgets.grid import Grid, GridRow
from tui.widgets.masthead import ROOMY

if TYPE_CHECKING:
    from stack.migrations.history import History, Revision
    from stack.migrations.status import MigrationStatus
    from stack.workspace import Workspace

_TITLES: Final = tuple(Text(title) for title in ("", "State", "Revision", "What it does", "After", "File"))


@dataclass(frozen=True, slots=True)
class _Look:
    history: "History"
    status: "MigrationStatus"


class MigrationsScreen(DeckScreen):
    """Every revision, the newest first, with what is applied and what is pending."""

    place = Place.MIGRATIONS
    words = (
        "A migration is a step that changes the tables; together they build the schema from nothing. Alembic notes in "
        "the database which revision it is at. Pending are the steps that the files have and this database has not "
        "seen. A downgrade takes steps back, and with them the data that lives in what they made."
    )
    CSS_PATH = "../styles/migrations.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.MIGRATIONS)]

    def __init__(self) -> None:
        """Prepare the screen."""
        super().__init__()
        self.panel = Vertical(id="history", classes="panel")
        self.grid = Grid(id="history-grid")
        self._seen: _Look | None = None
        self._look = self.request("migrations", self._show)

    def compose_body(self) -> ComposeResult:
        """Lay out the history."""
        with self.panel:
            self.panel.border_title = "History"
            yield self.grid

    def on_mount(self) -> None:
        """Look again where the deck sees that the database is at another revision."""
        self.watch(self.app, "vitals", self.look_soon, init=False)

    def load(self, workspace: "Workspace") -> None:
        """Read the files and ask the database."""
        self._look.poll(partial(_look, workspace))

    def facts(self) -> Fact:
        """State whether anything is pending, and whether the selected revision can be gone back to."""
        facts = Fact.NONE
        if self._seen and self._seen.status.pending:
            facts |= Fact.PENDING
        if self._seen and self._seen.status.current:
            facts |= Fact.APPLIED
        if self._selected and self._is_applied(self._selected) and not self._is_current(self._selected):
            facts |= Fact.SELECTED
        if self._selected and not self._is_current(self._selected):
            facts |= Fact.UNMARKED
        return facts

    @property
    def _selected(self) -> "Revision | None":
        revisions = self._seen.history.revisions if self._seen else ()
        return next((revision for revision in revisions if revision.revision == self.grid.selected_key), None)

    def _is_current(self, revision: "Revision") -> bool:
        return self._seen is not None and revision.revision in self._seen.status.current

    def _is_applied(self, revision: "Revision") -> bool:
        return self._seen is not None and revision.revision not in {each.revision for each in self._seen.status.pending}

    def _show(self, look: _Look) -> None:
        self._seen = look
        self.note("status", look.status.findings)
        pending = len(look.status.pending)
        self.panel.border_subtitle = f"{pending} pending" if pending else "nothing is pending"
        self.grid.replace(
            _TITLES[: self._columns], [self._row(revision) for revision in reversed(look.history.revisions)]
        )

    def _row(self, revision: "Revision") -> GridRow:
        muted = self.colour(Tone.UNKNOWN)
        if self._is_current(revision):
            mark, state, tone, weight = "▶", "current", Tone.GOOD, "bold"
        elif self._is_applied(revision):
            mark, state, tone, weight = "✓", "applied", Tone.GOOD, ""
        else:
            mark, state, tone, weight = "○", "pending", Tone.NOTICE, ""
        colour = self.colour(tone)
        return GridRow(
            revision.revision,
            (
                cell(mark, colour),
                cell(state, colour),
                cell(revision.revision, weight),
                cell(revision.message, weight),
                cell(", ".join(revision.down_revisions) or "base", muted),
                cell(revision.path.name, muted),
            )[: self._columns],
        )

    @property
    def _columns(self) -> int:
        """How many columns there is room for."""
        return len(_TITLES) if self.app.size.width >= ROOMY else len(_TITLES) - 2

    @on(Grid.RowHighlighted)
    def _another(self) -> None:
        self.refresh_facts()

    # -- Actions

    def action_apply_all(self) -> None:
        """Apply everything that is pending."""
        self._upgrade("heads", "Apply all pending migrations")

    def action_apply_next(self) -> None:
        """Apply the oldest pending migration."""
        if self._seen and self._seen.status.pending:
            following = self._seen.status.pending[0]
            self._upgrade(following.revision, f"Apply {following.revision}")

    def _upgrade(self, target: str, title: str) -> None:
        # It stands on what plans are made of, which the first frame shall not wait for.
        from tui.migrating import apply

        apply(self.deck, target, title)

    def action_downgrade(self) -> None:
        """Take back everything above the selected revision, after asking."""
        from tui.migrating import take_back

        if self._selected:
            take_back(self.deck, self._selected.revision)

    def action_stamp(self) -> None:
        """Mark the database as being at the selected revision, after asking."""
        from tui.migrating import stamp

        if self._selected:
            stamp(self.deck, self._selected.revision)

    def action_compare(self) -> None:
        """Compare models, migrations and database."""
        from tui.migrating import compare

        compare(self.deck)

    def action_new(self) -> None:
        """Ask for a new migration, and show it before it is written."""
        from tui.drafting import ask_new

        ask_new(self.deck, len(self._seen.history.heads) if self._seen else 1)


async def _look(workspace: "Workspace") -> _Look:
    migrations = await workspace.migrations()
    return _Look(await migrations.history(), await migrations.status())
