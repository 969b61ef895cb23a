"""How cells get to the clipboard: a cell, a row or a page, as text, CSV, JSON or SQL, whole where they can be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final

from stack.amounts import size
from stack.findings import Finding
from stack.text import clean_line
from tui.requests import Request
from tui.widgets.choice import Choice, ChoiceMenu

if TYPE_CHECKING:
    from stack.tables.catalogue import Table
    from stack.tables.pages import Page, Row
    from stack.tables.renderings import Form
    from stack.workspace import Workspace
    from tui.screens.base import DeckScreen

MOST: Final = 8_000_000
"""Characters that are copied at most; a terminal takes all of it into memory, and few take as much."""

CAREFUL: Final = 74_994
"""Bytes that every terminal takes: OSC 52 was at first limited to 100,000 bytes, in Base64 with what is around it."""

_PREVIEW: Final = 40


class Extent(Enum):
    """How much is copied."""

    CELL = "cell"
    ROW = "row"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class Spot:
    """The cell under the cursor: `page` is shown of `table`, and it is in `row` and `column` of that."""

    table: "Table"
    page: "Page"
    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Copied:
    """What goes to the clipboard: `text`, which is `what`, with `cut` cells of which only the beginning is in it."""

    text: str
    what: str
    cut: int


class Copies:
    """Copies on behalf of one screen."""

    def __init__(self, screen: "DeckScreen") -> None:
        """Work for `screen`, whose banner says what went wrong."""
        self._screen = screen
        self._reading = Request[Copied](screen, "copy", receive=self._copy, refuse=self._refused)

    def copy(self, spot: Spot) -> None:
        """Ask what to copy of `spot` and as what, and copy it."""
        from stack.tables.renderings import Form

        workspace = self._screen.deck.workspace
        if workspace is None:
            return
        ways = [(extent, form) for extent in Extent for form in Form]
        choices = [Choice(f"{extent.value:4} as {form.value:4}", _amount(spot, extent)) for extent, form in ways]

        def picked(choice: Choice | None) -> None:
            if choice:
                extent, form = ways[choices.index(choice)]
                self._screen.note("copy", ())
                self._reading.ask(partial(_read, workspace, spot, extent, form))

        self._screen.app.push_screen(ChoiceMenu("Copy", choices), picked)

    def _copy(self, copied: Copied) -> None:
        taken = len(copied.text.encode())
        if taken > MOST:
            said = f"Not copied: {copied.what}, {size(taken)}, is more than a clipboard should hold. ^S exports it."
            self._screen.notify(said, severity="warning", markup=False)
            return
        self._screen.app.copy_to_clipboard(copied.text)
        parts = [f"Copied {copied.what}, {size(taken)}, through the terminal (OSC 52)."]
        if copied.cut:
            parts.append(f"{copied.cut} long values are cut: no primary key to read them by.")
        if taken > CAREFUL:
            parts.append(f"Some terminals take no more than {size(CAREFUL)}; ^S exports to a file.")
        self._screen.notify(" ".join(parts), severity="warning" if len(parts) > 1 else "information", markup=False)

    def _refused(self, findings: tuple[Finding, ...]) -> None:
        self._screen.note("copy", findings)


def _amount(spot: Spot, extent: Extent) -> str:
    page = spot.page
    match extent:
        case Extent.CELL:
            cell = page.rows[spot.row][spot.column]
            return "NULL" if cell is None else cell[:_PREVIEW] or "''"
        case Extent.ROW:
            return f"{len(page.columns):,} columns"
        case Extent.PAGE:
            return f"{len(page.rows):,} rows"


async def _read(workspace: "Workspace", spot: Spot, extent: Extent, form: "Form") -> Copied:
    page = spot.page
    places = [spot.column] if extent is Extent.CELL else range(len(page.columns))
    rows, cut = await _whole(workspace, spot, range(len(page.rows)) if extent is Extent.PAGE else [spot.row], places)
    return Copied(*_render(spot, extent, form, rows), cut)


def _render(spot: Spot, extent: Extent, form: "Form", rows: "Sequence[Row]") -> tuple[str, str]:
    """Return the text for the clipboard, and what it is."""
    from stack.tables.renderings import Form, json_object, render_cell, render_rows

    columns = spot.page.columns
    match extent:
        case Extent.CELL:
            column = columns[spot.column]
            return render_cell(form, column, rows[0][spot.column]), clean_line(f"{column.name} as {form.value}")
        case Extent.ROW if form is Form.JSON:
            return json_object(columns, rows[0]), "a row as JSON"
        case Extent.ROW | Extent.PAGE:
            what = "a row" if extent is Extent.ROW else f"{len(rows):,} rows"
            return render_rows(form, spot.table, columns, rows), f"{what} as {form.value}"


async def _whole(
    workspace: "Workspace", spot: Spot, rows: Sequence[int], columns: Sequence[int]
) -> "tuple[list[Row], int]":
    """Return `rows` of the page, read by key where a cell of `columns` is cut, and how many cells still are cut."""
    whole: list[Row] = []
    left = 0
    for index in rows:
        row = spot.page.rows[index]
        cut = [column for column in columns if (index, column) in spot.page.cut]
        read = await _read_row(workspace, spot, index) if cut else None
        whole.append(row if read is None else read)
        left += len(cut) if read is None else 0
    return whole, left


async def _read_row(workspace: "Workspace", spot: Spot, index: int) -> "Row | None":
    """Return a row whole; None where that cannot be read."""
    if not spot.page.key:
        return None
    row = await (await workspace.tables()).row(spot.table, spot.page, index)
    return None if row.cut or row.columns != spot.page.columns else row.cells
