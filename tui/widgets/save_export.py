"""The question where to export rows to, and as what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Checkbox, Input, RadioButton, RadioSet, Static

from tui.outside import line
from tui.widgets.modal import Modal

FORMATS: Final = (("csv", "CSV"), ("jsonl", "JSON Lines: an object a row"))
"""The formats, which are the suffixes of their files too, with what is said of them."""


@dataclass(frozen=True, slots=True)
class SavingRows:
    """Where to write rows to, in which of `FORMATS`, and whether cells that a spreadsheet would run are guarded."""

    path: Path
    format: str
    guarded: bool


class SaveExport(Modal[SavingRows]):
    """Asks for a file for the rows of what `title` names."""

    def __init__(self, title: str, suggested: Path) -> None:
        """Suggest a file, whose suffix is that of the first format."""
        super().__init__()
        self._title = title
        self._suggested = suggested

    def compose(self) -> ComposeResult:
        """Lay out the file, the format and the guard."""
        with Vertical(id="box"):
            yield Static(line(self._title, "bold"), id="title")
            yield Static("Only you may read the file. An existing one is never written over.", id="consequence")
            yield Input(str(self._suggested), id="typed")
            with RadioSet(compact=True):
                for number, (_, said) in enumerate(FORMATS):
                    yield RadioButton(Content(said), value=number == 0)
            yield Checkbox(Content("Guard cells that a spreadsheet would run"), compact=True)
            keys = ("⏎", "bold $accent"), " Export   ", ("⇥", "bold $accent"), " Format   ", ("Esc", "bold $accent")
            yield Static(Content.assemble(*keys, " Do not"), id="keys")

    @property
    def _format(self) -> str:
        return FORMATS[max(0, self.query_one(RadioSet).pressed_index)][0]

    @on(RadioSet.Changed)
    def _rename(self) -> None:
        """Have the file called as its format is, and guard what is CSV alone."""
        typed, wanted = self.query_one(Input), self._format
        path = Path(typed.value)
        if path.suffix.removeprefix(".") in {suffix for suffix, _ in FORMATS}:
            typed.value = str(path.with_suffix(f".{wanted}"))
        self.query_one(Checkbox).disabled = wanted != "csv"

    @on(Input.Submitted)
    def _save(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            event.input.add_class("-wrong")
            return
        guard = self.query_one(Checkbox)
        self.close(SavingRows(Path(event.value.strip()), self._format, guard.value and not guard.disabled))
