"""Migrations: the schema's history, where the database is in it, what each step does, and the way forwards and back."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from stack.findings import Failure, Finding, Severity
from tui.actions import Fact, Place, bindings
from tui.outside import cell
from tui.screens.base import DeckScreen
from tui.vitals import Tone
from tui.widgets.grid import Grid, GridRow
from tui.widgets.masthead import ROOMY
from tui.widgets.revision_pane import SIGNS, RevisionPane, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from stack.migrations.assessment import Assessment
    from stack.migrations.migrations import Look
    from stack.migrations.origins import Origin
    from stack.migrations.revision import Revision
    from stack.migrations.risks.judge import JudgedStep
    from stack.workspace import Workspace

_TITLES: Final = tuple(Text(title) for title in ("", "State", "Risk", "Revision", "What it does", "Written", "By"))
_NARROW: Final = 5
"""Columns that there is always room for."""
_PAUSE: Final = 0.25
"""Seconds that the cursor rests on a revision before its SQL is rendered, which takes a process."""
_MOST_LANES: Final = 16
"""Cells of the drawing; a wilder history is cut, not its table."""


class MigrationsScreen(DeckScreen):
    """Every revision, the newest first, with what is applied and what is pending, and one of them in full."""

    place = Place.MIGRATIONS
    words = (
        "A migration is a step that changes the tables; together they build the schema from nothing. Alembic notes in "
        "the database which revision it is at. Pending are the steps that the files have and this database has not "
        "seen; what they would lock or lose is judged on the real tables. A line to the left leads down to what a "
        "revision comes after, a dotted one to what it only needs. A downgrade takes steps back, and with them the "
        "data that lives in what they made."
    )
    CSS_PATH = "../styles/migrations.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.MIGRATIONS)]

    def __init__(self) -> None:
        """Prepare the screen."""
        super().__init__()
        self.panel = Vertical(id="history", classes="panel")
        self.grid = Grid(id="history-grid")
        self.pane = RevisionPane()
        self._seen: Look | None = None
        self._revisions: Mapping[str, Revision] = {}
        self._states: Mapping[str, str] = {}
        self._rows: dict[str, GridRow] = {}
        self._lanes: Mapping[str, str] = {}
        self._origins: Mapping[Path, Origin] = {}
        self._judged: dict[str, JudgedStep] = {}
        self._unjudged: dict[str, tuple[Finding, ...]] = {}
        self._basis: object = None
        self._wanted = ""
        self._downwards = False
        self._look = self.request("migrations", self._show)
        self._ask_git = self.request("origins", self._take_origins)
        self._judge_pending = self.request("risks", self._take_judged)
        self._judge_one = self.request("sql", self._take_judged)

    def compose_body(self) -> ComposeResult:
        """Lay out the history beside or above the selected revision."""
        with self.panel:
            self.panel.border_title = "History"
            yield self.grid
        yield self.pane

    def on_mount(self) -> None:
        """Look again where the deck sees another revision of the database, and draw anew in the colours of a theme."""
        self.watch(self.app, "vitals", self.look_soon, init=False)
        self.watch(self.app, "theme", self._wait_for_colours, init=False)

    def _wait_for_colours(self) -> None:
        self.call_after_refresh(self._fill)

    def load(self, workspace: "Workspace") -> None:
        """Read the files and ask the database."""
        self._look.poll(partial(_look, workspace))

    def facts(self) -> Fact:
        """State whether anything is pending, and whether the selected revision can be gone back to."""
        facts = Fact.NONE
        status = self._seen.status if self._seen else None
        if status and status.pending:
            facts |= Fact.PENDING
        if status and status.current:
            facts |= Fact.APPLIED
        if self._selected:
            facts |= Fact.SELECTED
            if self._states[self._selected.revision] == "applied":
                facts |= Fact.REACHABLE
            if self._states[self._selected.revision] != "current":
                facts |= Fact.UNMARKED
        return facts

    @property
    def _selected(self) -> "Revision | None":
        return self._revisions.get(self.grid.selected_key or "")

    # -- What is seen

    def _show(self, look: "Look") -> None:
        from stack.migrations.lanes import draw, knots

        if self._seen is None or self._seen.history != look.history:
            drawn = knots(look.history)
            self._lanes = dict(zip((knot.name for knot in drawn), draw(drawn), strict=True))
            self._revisions = {revision.revision: revision for revision in reversed(look.history.revisions)}
            if self.deck.workspace:
                self._ask_git.ask(partial(_origins, self.deck.workspace))
        self._seen = look
        self.note("status", look.findings)
        status = look.status
        basis = (look.history, status.current if status else None)
        if basis != self._basis:
            self._basis = basis
            self._states = _states_of(look)
            self._judged, self._unjudged, self._wanted = {}, {}, ""
            self._fill()
            if self.deck.workspace and self._pending_names:
                self._judge_pending.ask(partial(_judge_pending, self.deck.workspace, self._pending_names))
        pending = len(status.pending) if status else 0
        heads = f"{len(look.history.heads)} heads, " * (len(look.history.heads) > 1)
        told = f"{pending} pending" if pending else "nothing is pending"
        self.panel.border_subtitle = heads + (told if status else "where the database is cannot be said")

    def _take_origins(self, origins: "Mapping[Path, Origin]") -> None:
        if origins == self._origins:
            return
        self._origins = origins
        if self._columns > _NARROW:
            self._fill()
        else:
            self._show_selected()

    def _fill(self) -> None:
        if self._seen is not None:
            self._rows = {name: self._row(revision) for name, revision in self._revisions.items()}
            self._show_rows()

    def _refill(self, names: "Iterable[str]") -> None:
        """Make the rows of the revisions `names` anew, and no others."""
        self._rows |= {name: self._row(self._revisions[name]) for name in names if name in self._rows}
        self._show_rows()

    def _show_rows(self) -> None:
        self.grid.replace(_TITLES[: self._columns], tuple(self._rows.values()))
        self._show_selected()

    def _row(self, revision: "Revision") -> GridRow:
        muted, state = self.colour(Tone.UNKNOWN), self._states[revision.revision]
        node, tone, weight = _STATES[state]
        colour, origin = self.colour(tone), self._origins.get(revision.path)
        named = (
            f"{revision.revision} ({', '.join(revision.branch_labels)})"
            if revision.branch_labels
            else revision.revision
        )
        return GridRow(
            revision.revision,
            (
                self._lane(revision.revision, node, colour),
                cell(state, colour),
                self._mark(revision.revision),
                cell(named, weight),
                cell(revision.message, weight),
                cell(f"{origin.date:%Y-%m-%d}" if origin else "", muted),
                cell(origin.author if origin else "", muted),
            )[: self._columns],
        )

    def _lane(self, name: str, node: str, colour: str) -> Text:
        from stack.migrations.lanes import NODE

        drawing = self._lanes.get(name, NODE)
        drawing = drawing if len(drawing) <= _MOST_LANES else f"{drawing[: _MOST_LANES - 1]}…"
        before, found, after = drawing.partition(NODE)
        muted = self.colour(Tone.UNKNOWN)
        return Text.assemble((before, muted), (node if found else "", colour), (after, muted), no_wrap=True)

    def _mark(self, name: str) -> Text:
        """Return the worst risk of a revision that has been judged, and how many more there are."""
        step = self._judged.get(name)
        if step is None:
            return cell("")
        risks = [risk for risk in step.risks if risk.rule.value not in step.reviewed]
        worst = next((severity for severity in Severity if any(risk.severity is severity for risk in risks)), None)
        if worst in {None, Severity.INFO}:
            return cell("✓", self.colour(Tone.GOOD))
        count = sum(risk.severity is worst for risk in risks)
        return cell(f"{SIGNS[worst]} {count}", self.colour(Tone.BAD if worst is Severity.ERROR else Tone.NOTICE))

    @property
    def _columns(self) -> int:
        """How many columns there is room for, beside the selected revision where that stands beside them."""
        width = self.app.size.width
        return len(_TITLES) if width >= 2 * ROOMY or (width < ROOMY <= width + 20) else _NARROW

    def on_resize(self) -> None:
        """Show as many columns as there is room for now."""
        self.call_after_refresh(self._show_columns)

    def _show_columns(self) -> None:
        if len(self.grid.columns) != self._columns:
            self._fill()

    # -- The selected revision

    @on(Grid.RowHighlighted)
    def _another(self) -> None:
        self._show_selected()
        self.refresh_facts()

    @property
    def _pane_is_seen(self) -> bool:
        return self.app.size.width >= ROOMY or self.has_class("-revision")

    def _show_selected(self) -> None:
        from stack.migrations.protocol import Direction

        revision = self._selected
        if revision is None:
            self.pane.show(None)
            return
        name = revision.revision
        self.pane.show(
            Seen(
                revision,
                self._states[name],
                self._origins.get(revision.path),
                self._judged.get(name),
                self._unjudged.get(name, ()),
                Direction.DOWNGRADE if self._downwards else Direction.UPGRADE,
            )
        )
        known = name in self._judged or name in self._unjudged or name in self._pending_names
        if self._pane_is_seen and self.deck.workspace and not known and name != self._wanted:
            self._wanted = name
            self._judge_one.ask(partial(_judge_one, self.deck.workspace, name))

    @property
    def _pending_names(self) -> tuple[str, ...]:
        status = self._seen.status if self._seen else None
        return tuple(revision.revision for revision in status.pending) if status else ()

    def _take_judged(self, judged: "_Judged") -> None:
        self._judged |= {step.sql.revision.revision: step for step in judged.steps}
        self._unjudged |= dict.fromkeys(judged.names, judged.findings) if judged.findings else {}
        self._refill(step.sql.revision.revision for step in judged.steps)

    @on(Grid.RowSelected)
    def action_show_revision(self) -> None:
        """Show or hide the selected revision; where it stands beside the list anyway, go into it."""
        if self.app.size.width >= ROOMY:
            (self.grid if self.pane.has_focus else self.pane).focus()
            return
        self.toggle_class("-revision")
        self._show_selected()

    def action_turn_sql(self) -> None:
        """Show the other direction."""
        self._downwards = not self._downwards
        if not self._pane_is_seen:
            self.add_class("-revision")
        self._show_selected()

    # -- Actions

    def action_apply_all(self) -> None:
        """Apply everything that is pending."""
        self._upgrade("heads", "Apply all pending migrations")

    def action_apply_next(self) -> None:
        """Apply the oldest pending migration."""
        if following := self._pending_names[:1]:
            self._upgrade(following[0], f"Apply {following[0]}")

    def _upgrade(self, target: str, title: str) -> None:
        # It stands on what plans are made of, which the first frame shall not wait for.
        from tui.migrating import apply

        apply(self.deck, target, title)

    def action_rehearse(self) -> None:
        """Run what is pending and roll it back, after saying what that takes."""
        from tui.migrating import rehearse

        names = self._pending_names

        def take(assessment: "Assessment | None") -> None:
            if assessment:
                self._take_judged(_Judged(names, assessment.steps, assessment.away))

        rehearse(self.deck, take)

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


_STATES: Final = {
    "current": ("◉", Tone.GOOD, "bold"),
    "applied": ("●", Tone.GOOD, ""),
    "pending": ("○", Tone.NOTICE, ""),
    "unknown": ("●", Tone.UNKNOWN, ""),
}


@dataclass(frozen=True, slots=True)
class _Judged:
    """Judged steps; `findings` say why nothing, or not all, is known of the revisions `names`."""

    names: tuple[str, ...]
    steps: "tuple[JudgedStep, ...]" = ()
    findings: tuple[Finding, ...] = ()


def _states_of(look: "Look") -> dict[str, str]:
    """Return where each revision stands, by its name."""
    names, status = (revision.revision for revision in look.history.revisions), look.status
    if status is None or status.unknown:
        return dict.fromkeys(names, "unknown")
    pending = (revision.revision for revision in status.pending)
    return (
        dict.fromkeys(names, "applied") | dict.fromkeys(pending, "pending") | dict.fromkeys(status.current, "current")
    )


async def _look(workspace: "Workspace") -> "Look":
    return await (await workspace.migrations()).look()


async def _origins(workspace: "Workspace") -> "Mapping[Path, Origin]":
    return await (await workspace.migrations()).origins()


async def _judge_pending(workspace: "Workspace", names: tuple[str, ...]) -> _Judged:
    migrations = await workspace.migrations()
    try:
        assessment = await migrations.assess(await migrations.pending_sql())
    except Failure as failure:
        return _Judged(names, findings=failure.findings)
    return _Judged(names, assessment.steps, assessment.away)


async def _judge_one(workspace: "Workspace", name: str) -> _Judged:
    # Whoever holds an arrow key down passes by a hundred revisions, and each would start a process.
    await asyncio.sleep(_PAUSE)
    migrations = await workspace.migrations()
    try:
        assessment = await migrations.assess(await migrations.steps((name,)))
    except Failure as failure:
        return _Judged((name,), findings=failure.findings)
    return _Judged((name,), assessment.steps, assessment.away)
