"""How rows leave the deck for a file."""

import re
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stack.amounts import size
from stack.findings import Progress
from stack.text import clean_line
from tui.widgets.save_export import SaveExport, SavingRows

if TYPE_CHECKING:
    from stack.tables.export import Exported
    from stack.tables.query import Query
    from stack.workspace import Workspace
    from tui.screens.base import DeckScreen


class Exports:
    """Exports on behalf of one screen."""

    def __init__(self, screen: "DeckScreen") -> None:
        """Work for `screen`."""
        self._screen = screen

    def export(self, query: "Query") -> None:
        """Ask for a file, and write all rows of `query` to it."""
        workspace = self._screen.deck.workspace
        if workspace is None:
            return
        # What a table is called may have any sign in it, the separator of directories too.
        name = re.sub(r"[^\w.-]+", "_", query.table.name) or "rows"
        suggested = Path(f"{name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}.csv")
        which = "the rows that the filter selects" if query.filters else "all rows"

        def answered(saving: SavingRows | None) -> None:
            if saving is not None:
                self._start(workspace, query, saving)

        self._screen.app.push_screen(SaveExport(f"Export {which} of {query.table.path}", suggested), answered)

    def _start(self, workspace: "Workspace", query: "Query", saving: SavingRows) -> None:
        target = saving.path.expanduser().absolute()

        async def work(progress: Progress) -> "Exported":
            from stack.tables.export import file_at
            from stack.tables.export_statement import Format, Formulas

            browser = await workspace.tables()
            return await browser.export(
                query,
                file_at(target),
                format=Format(saving.format),
                formulas=Formulas.GUARDED if saving.guarded else Formulas.KEPT,
                progress=progress,
            )

        def done(written: "Exported") -> None:
            said = f"{written.rows:,} rows, {size(written.bytes)}, are in {clean_line(str(target))}"
            self._screen.notify(said, markup=False)

        command = ["stackdeck", "export", query.table.path, "--output", str(saving.path), "--format", saving.format]
        command += [part for each in query.filters for part in ("--where", str(each))]
        command += [part for each in query.sort for part in ("--sort", str(each))]
        command += ["--guard-formulas"] if saving.guarded else []
        self._screen.deck.start_job(f"Export {clean_line(query.table.path)}", work, done, command=shlex.join(command))
