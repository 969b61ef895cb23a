"""The SQL console: a statement above, what it returns below, over Tables; Esc goes back, what is typed stays."""

import time
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from stack.findings import Finding
from stack.tables.console.completion import Columns, Completion, Vocabulary, named_tables
from stack.tables.console.refusals import Refusal
from stack.tables.console.running import Answer
from stack.tables.rows import WholeRow
from tui.draft import Draft
from tui.outside import line
from tui.refusal_lines import refusal_lines
from tui.requests import Asking, Request
from tui.row_lines import row_lines
from tui.table_cells import title_cell, value_cell
from tui.vitals import Tone
from tui.widgets.grid import Drawn, GridRow
from tui.widgets.modal import Modal
from tui.widgets.paged_grid import WIDEST, PagedGrid
from tui.widgets.sheet import Sheet
from tui.widgets.statement_editor import LONGEST, StatementEditor

if TYPE_CHECKING:
    from rich.text import Text

    from stack.tables.catalogue import Table
    from stack.tables.console.console import Console
    from stack.tables.pages import Row
    from tui.app import Deck

_BEAT: Final = 0.25
_WIDEST_ALONE: Final = 500
"""Cells of a column that is the only one, as a plan's is."""
_NOTICES: Final = 3
_STEP: Final = 20
"""Cells by which a result with one wide column moves sideways."""

_KEYS: Final = (("F5 ^R", "Run"),)
_EDITOR_KEYS: Final = (("⇥", "Complete, or to the rows"), ("↑↓", "History"))
_GRID_KEYS: Final = (("⏎", "Row"), ("↑", "Statement"))
_BACK: Final = ("Esc", "Stop or back")


class ConsoleScreen(Asking, Modal[None]):
    """Type a statement, run it, look at its rows."""

    CSS_PATH = "../styles/console.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        # None of these has priority: it would overtake what was typed just before it.
        Binding("ctrl+r,f5,ctrl+enter,ctrl+j", "run", "Run"),
        # The grid leaves these to its screen; in the text they are the text's.
        Binding("pagedown,n", "turn(1)", show=False),
        Binding("pageup,p", "turn(-1)", show=False),
        Binding("home,g", "first_page", show=False),
        Binding("end,G", "last_page", show=False),
    ]

    def __init__(self, draft: Draft) -> None:
        """Go on with `draft`, on the database of the project that is open then."""
        super().__init__()
        self._draft = draft
        self.editor = StatementEditor(draft.text)
        self.offer = Static(id="offer")
        self.words = Static(id="words")
        self.rows = PagedGrid(id="rows")
        self._statement_panel = Vertical(id="statement-panel", classes="panel")
        self._result_panel = Vertical(id="result-panel", classes="panel")
        self._asked = ""
        self._top = 0
        """Which of the rows is the first one in the grid."""
        self._columns: Columns = {}
        self._vocabulary: Vocabulary | None = None
        self._history: tuple[str, ...] = ()
        self._recalled = 0
        """How many statements back in the history; 0 is what is being typed."""
        self._answering = Request[Answer | Refusal](self, "statement", receive=self._show, refuse=self._fail)
        self._naming = Request[Vocabulary](self, "names", receive=self._know, refuse=self._fail)
        self._describing = Request[Columns](self, "columns", receive=self._know_columns, refuse=self._fail)
        self._remembering = Request[tuple[str, ...]](self, "history", receive=self._remember, refuse=self._fail)

    def compose(self) -> ComposeResult:
        """Lay out the statement, what completes it, what is said about it, and its rows."""
        with Vertical(id="console"):
            with self._statement_panel as panel:
                panel.border_title = "SQL, read-only"
                yield self.editor
                yield self.offer
            with self._result_panel:
                yield self.words
                yield self.rows
            yield Static(id="keys")

    def on_mount(self) -> None:
        """Read the names and the history, and show what there was."""
        self.set_interval(_BEAT, self._beat)
        self._naming.ask(self._read_names)
        self._remembering.ask(self._read_history)
        if self._draft.answer:
            self._show_answer(self._draft.answer)
        else:
            self.words.update(Content.styled("Nothing here can change data: the server sees to that.", "$muted"))
            self.rows.display = False
        self.editor.focus()
        self.editor.move_cursor(self.editor.document.end)

    def on_unmount(self) -> None:
        """Wait for nothing any more."""
        for request in (self._answering, self._naming, self._describing, self._remembering):
            request.cancel()

    # -- Running

    def action_run(self) -> None:
        """Run the statement; one that still runs is stopped."""
        self._asked = self.editor.text
        self._recalled = 0
        self._answering.ask(partial(self._run, self._asked))
        self._beat()

    def action_leave(self) -> None:
        """Stop the statement that runs, or go back to Tables."""
        if self._answering.pending:
            self._answering.cancel()
            self._statement_panel.border_subtitle = "stopped, on the server too"
        else:
            self._draft.text = self.editor.text
            self.close(None)

    async def _project_console(self) -> "Console":
        workspace = cast("Deck", self.app).workspace
        assert workspace is not None  # noqa: S101 - the console is opened over an open project, which another may replace
        return await workspace.console()

    async def _run(self, statement: str) -> Answer | Refusal:
        return await (await self._project_console()).run(statement)

    def _beat(self) -> None:
        if self._answering.pending:
            seconds = self._answering.seconds(time.monotonic())
            self._statement_panel.border_subtitle = f"running, {seconds:.1f} s; Esc stops it"

    def _show(self, outcome: Answer | Refusal) -> None:
        self._statement_panel.border_subtitle = ""
        self._remembering.ask(self._read_history)
        if isinstance(outcome, Answer):
            self._draft.answer = outcome
            self.rows.start_over()
            self._show_answer(outcome)
            return
        if outcome.position is not None and self.editor.text == self._asked:
            self.editor.mark(outcome.position)
        self._say(outcome.notices, refusal_lines(outcome.finding, self._asked, outcome.position))
        self._grow_old()

    def _fail(self, findings: tuple[Finding, ...]) -> None:
        self._statement_panel.border_subtitle = ""
        self._say((), Content("\n").join(refusal_lines(finding, "", None) for finding in findings))
        self._grow_old()

    def _show_answer(self, answer: Answer) -> None:
        self.rows.display = bool(answer.columns)
        self._turn(0)
        self.rows.go_to(0, 0)
        self._say(answer.notices)
        count = f"{len(answer.rows):,} row{'' if len(answer.rows) == 1 else 's'}"
        self._result_panel.border_title = f"The first {count}, there are more" if answer.more else count
        rights = answer.rights
        whose = f"as {rights.role}" if rights.reduced else f"with all rights of {rights.role}"
        self._result_panel.border_subtitle = line(f"{answer.seconds * 1000:,.1f} ms, {whose}")

    def _say(self, notices: tuple[str, ...], words: Content | None = None) -> None:
        lines = [] if words is None else [words]
        lines += [line(notice, "$warning") for notice in notices[:_NOTICES]]
        if len(notices) > _NOTICES:
            lines.append(line(f"and {len(notices) - _NOTICES} more notices", "$muted"))
        self.words.update(Content("\n").join(lines))
        self.words.display = bool(lines)

    @on(PagedGrid.Resized)
    def _fit(self) -> None:
        """Show as many rows as fit now."""
        self._turn(self._top)

    @property
    def _fitting(self) -> int:
        """How many rows fit: the grid without its head and its horizontal scroll bar."""
        return max(1, self.rows.size.height - 2)

    def _turn(self, top: int) -> None:
        """Show the page of rows that begins at `top`: hundreds of them at once would hold up every key."""
        answer = self._draft.answer
        if answer is None:
            return
        self._top = top
        muted = self.app.theme_variables[Tone.UNKNOWN.value.removeprefix("$")]
        columns = answer.columns

        def draw(row: "Row", place: int) -> "Text":
            return value_cell(row[place], columns[place], muted)

        titles = [title_cell(column) for column in columns]
        rows = [
            GridRow(str(top + index), Drawn(len(columns), partial(draw, row)))
            for index, row in enumerate(answer.rows[top : top + self._fitting])
        ]
        self.rows.turn(titles, rows, widest=_WIDEST_ALONE if len(titles) == 1 else WIDEST)

    def _grow_old(self) -> None:
        """Say that the rows below are not this statement's."""
        if self._draft.answer:
            self._result_panel.border_title = "Above: this statement. Below: the rows of the last one that ran"

    # -- Names

    async def _read_names(self) -> Vocabulary:
        return await (await self._project_console()).vocabulary()

    async def _read_columns(self, tables: "tuple[Table, ...]") -> Columns:
        # What is gone by now has none, and is not asked for again.
        found = await (await self._project_console()).columns(tables)
        return {**{table.identity: () for table in tables}, **found}

    def _know(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.editor.know(vocabulary, self._columns)
        self._look_at_tables()

    def _know_columns(self, columns: Columns) -> None:
        self._columns = {**self._columns, **columns}
        if self._vocabulary:
            self.editor.know(self._vocabulary, self._columns)
        self._look_at_tables()

    @on(StatementEditor.Changed)
    def _look_at_tables(self) -> None:
        """Ask for the columns of the tables that the statement names."""
        if self._vocabulary and len(self.editor.text) <= LONGEST:
            tables = named_tables(self.editor.text, self._vocabulary)
            missing = tuple(table for table in tables if table.identity not in self._columns)
            if missing:
                self._describing.poll(partial(self._read_columns, missing))

    @on(StatementEditor.Offered)
    def _show_offer(self, event: StatementEditor.Offered) -> None:
        self.offer.update(_offer(event.completion, event.taken))

    # -- History

    async def _read_history(self) -> tuple[str, ...]:
        return await (await self._project_console()).history()

    def _remember(self, history: tuple[str, ...]) -> None:
        self._history = history

    @on(StatementEditor.Recalled)
    def _recall(self, event: StatementEditor.Recalled) -> None:
        """Put an earlier statement into the editor; what was being typed comes back after the last one."""
        place = self._recalled - event.by
        if not 0 <= place <= len(self._history):
            return
        if self._recalled == 0:
            self._draft.text = self.editor.text
        self._recalled = place
        self.editor.replace_all(self._history[-place] if place else self._draft.text)

    # -- The grid

    @on(PagedGrid.CellSelected)
    def _show_row(self) -> None:
        """Show the row under the cursor whole, as far as it was read."""
        answer, place = self._draft.answer, self.rows.place
        if answer is None or place is None:
            return
        number = self._top + place[0]
        cut = frozenset(column for row, column in answer.cut if row == number)
        row = WholeRow(answer.columns, answer.rows[number], cut, ())

        async def read() -> WholeRow:
            return row

        self.app.push_screen(Sheet(f"Row {number + 1:,}", read, row_lines, "⏎ Fold"))

    def action_turn(self, pages: int) -> None:
        """Go some pages on or back, as far as there are rows."""
        top = max(0, self._top + pages * self._fitting)
        if self._draft.answer and top != self._top and top < len(self._draft.answer.rows):
            self._turn(top)
            self.rows.go_to(0 if pages > 0 else self.rows.row_count - 1)

    def action_first_page(self) -> None:
        """Go to the first rows."""
        self._turn(0)
        self.rows.go_to(0)

    def action_last_page(self) -> None:
        """Go to the last rows."""
        if self._draft.answer:
            self._turn(max(0, len(self._draft.answer.rows) - 1) // self._fitting * self._fitting)
            self.rows.go_to(max(0, self.rows.row_count - 1))

    @on(PagedGrid.Left)
    def _cross(self, event: PagedGrid.Left) -> None:
        """Go from page to page, up to the statement, and past the last column to the rest of a wide one."""
        if event.columns:
            self.rows.scroll_relative(x=event.columns * _STEP, animate=False)
        elif event.rows < 0 and self._top == 0:
            self.editor.focus()
        else:
            self.action_turn(event.rows)

    def on_descendant_focus(self) -> None:
        """Say what the keys do where the cursor is now."""
        here = _GRID_KEYS if self.rows.has_focus else _EDITOR_KEYS
        keys = [Content.assemble((key, "bold $accent"), f" {title}") for key, title in (*_KEYS, *here, _BACK)]
        self.query_one("#keys", Static).update(Content("   ").join(keys))


def _offer(completion: Completion, taken: int | None) -> Content:
    """Return the candidates on one line."""
    if not completion.candidates:
        return Content()
    shown = Content.styled("⇥ ", "bold $accent")
    for place, candidate in enumerate(completion.candidates):
        style = "reverse" if place == taken else "$primary" if candidate.origin.value == "column" else ""
        shown += line(candidate.text, style) + Content("  ")
    return shown
