"""The question which key to go to."""

import csv
from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui.outside import line
from tui.widgets.modal import Modal


class KeyPrompt(Modal[tuple[str, ...]]):
    """Asks for the values of the columns `key` of a table."""

    def __init__(self, table: str, key: Sequence[str]) -> None:
        """Ask for a key of `table`."""
        super().__init__()
        self._table = table
        self._key = tuple(key)

    def compose(self) -> ComposeResult:
        """Lay out what is asked for, and the line to type in."""
        with Vertical(id="box"):
            yield Static(line(f"Go to a row of {self._table} by its {', '.join(self._key)}", "bold"), id="title")
            several = " Values have commas between them; one with a comma in it stands in double quotes."
            yield Static(
                f"A key that is not there leads to where it would be.{several if len(self._key) > 1 else ''}",
                id="consequence",
            )
            yield Input(id="typed")
            yield Static(Content.assemble(("⏎", "bold $accent"), " Go   ", ("Esc", "bold $accent"), " Stay"), id="keys")

    @on(Input.Submitted)
    def _go(self, event: Input.Submitted) -> None:
        values = read_key(event.value, len(self._key))
        if len(values) == len(self._key):
            self.close(values)
        else:
            event.input.add_class("-wrong")


def read_key(text: str, columns: int) -> tuple[str, ...]:
    """Return the values of a key of so many `columns` that `text` holds; the text as it is where the key has one."""
    if columns == 1:
        return (text.strip(),) if text.strip() else ()
    return tuple(value.strip() for value in next(csv.reader([text], skipinitialspace=True), ()))
