"""A small menu: one of several."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.outside import line
from tui.widgets.modal import Modal


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry: what it is, and the text that it stands for."""

    title: str
    value: str


class ChoiceMenu(Modal[Choice]):
    """Asks for one of some choices, the first of which is highlighted."""

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        """Offer `choices` under `title`."""
        super().__init__()
        self._title = title
        self._choices = tuple(choices)

    def compose(self) -> ComposeResult:
        """Lay out the entries."""
        options = [
            Option(Content.assemble((f"{choice.title}  ", "$muted"), line(choice.value))) for choice in self._choices
        ]
        with Vertical(id="box"):
            yield Static(line(self._title, "bold"), id="title")
            yield OptionList(*options, id="choices", markup=False)
            yield Static(Content.styled("⏎ this one   Esc close", "$muted"))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer with the chosen one."""
        self.close(self._choices[event.option_index])
