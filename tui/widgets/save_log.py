"""The question where to save a log, and how much of it."""

from dataclasses import dataclass
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Checkbox, Input, Static

from tui.widgets.modal import Modal


@dataclass(frozen=True, slots=True)
class Saving:
    """Where to save a log, and whether only what the filter shows."""

    path: Path
    filtered: bool


class SaveLog(Modal[Saving]):
    """Asks for a file of a log with `kept` lines; of these the filter shows `shown`, None where there is no filter."""

    def __init__(self, suggested: Path, kept: int, shown: int | None) -> None:
        """Suggest a file."""
        super().__init__()
        self._suggested = suggested
        self._kept = kept
        self._shown = shown

    def compose(self) -> ComposeResult:
        """Lay out the file, and the choice where there is one."""
        with Vertical(id="box"):
            yield Static(Content.styled(f"Save {self._kept:,} lines of the log", "bold"), id="title")
            yield Static("Only you may read the file. An existing one is never written over.", id="consequence")
            yield Input(str(self._suggested), id="typed")
            if self._shown is not None:
                label = Content(f"Only the {self._shown:,} that the filter shows")
                yield Checkbox(label, value=True, compact=True)
            yield Static(
                Content.assemble(("⏎", "bold $accent"), " Save   ", ("Esc", "bold $accent"), " Do not"), id="keys"
            )

    @on(Input.Submitted)
    def _save(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            event.input.add_class("-wrong")
            return
        filtered = self._shown is not None and self.query_one(Checkbox).value
        self.close(Saving(Path(event.value.strip()), filtered))
