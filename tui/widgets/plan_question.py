"""What is about to be done: why, what would be lost by it, and the question whether to go on."""

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from stack.findings import Loss
from stack.services.approval import losses_of
from stack.services.control import PlanStep
from tui.outside import line
from tui.widgets.modal import Modal
from tui.widgets.plan_lines import PlanSteps, loss_lines


class Answer(Enum):
    """The two ways of going on with a plan."""

    YES = auto()
    DUMP_FIRST = auto()


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is about to be done; `command` does the same from a shell, where a command does.

    It stands in `steps`, or in `text` where it is no plan of services. Where there is a `word` it must be typed, and
    the database can be saved to `dump` first, if that names a file.
    """

    title: str
    losses: tuple[Loss, ...]
    steps: tuple[PlanStep, ...]
    command: str | None
    word: str | None
    dump: Path | None
    text: Content | None = None


class PlanQuestion(Modal[Answer]):
    """Shows a `Proposal`; no answer is no consent."""

    AUTO_FOCUS: ClassVar[str] = ""  # the word is not typed before it is asked for
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "consent", "Yes"),
        Binding("d", "dump_first", "Dump first"),
        Binding("n", "leave", "No"),
    ]

    def __init__(self, proposal: Proposal) -> None:
        """Ask about `proposal`."""
        super().__init__()
        self._proposal = proposal
        self._answer = Answer.YES

    def compose(self) -> ComposeResult:
        """Lay out the losses, the steps, and the ways to answer."""
        with Vertical(id="box"):
            yield Static(line(self._proposal.title, "bold"), id="title")
            if self._proposal.losses:
                yield Static(loss_lines(self._proposal.losses), id="losses")
            if self._proposal.steps:
                yield PlanSteps(self._proposal.steps)
            if self._proposal.text is not None:
                with VerticalScroll(id="told"):
                    yield Static(self._proposal.text)
            if self._proposal.command:
                yield Static(line(f"$ {self._proposal.command}", "$muted"), id="command")
            yield Static(self._ways(), id="keys")
            yield Input(id="typed")

    def on_mount(self) -> None:
        """Begin with the keys; the word is asked for after one of them."""
        self.query_one("#typed").display = False
        for steps in self.query("#steps, #told"):
            steps.focus()

    def _ways(self) -> Content:
        if self._proposal.word is None:
            return _keys(("y", "Yes, do it"), ("n", "No"))
        if not self._proposal.dump:
            return _keys(("y", "Go on"), ("n", "No"))
        return _keys(("d", "Dump the database first"), ("y", "Go on without a dump"), ("n", "No"))

    def action_consent(self) -> None:
        """Go on, at once where no word is asked for."""
        self._go_on(Answer.YES)

    def action_dump_first(self) -> None:
        """Go on after a dump, where there is something to lose."""
        if self._proposal.word is not None and self._proposal.dump:
            self._go_on(Answer.DUMP_FIRST)

    def _go_on(self, answer: Answer) -> None:
        if self._proposal.word is None:
            self.close(answer)
            return
        self._answer = answer
        first = (
            Content.assemble("The database is dumped to ", line(str(self._proposal.dump), "bold"), " first.\n")
            if answer is Answer.DUMP_FIRST
            else Content()
        )
        ask = Content.assemble("Type ", line(self._proposal.word, "bold $accent"), " to do it:   ")
        self.query_one("#keys", Static).update(first + ask + _keys(("⏎", "Do it"), ("Esc", "No")))
        # They have been read, and on a small terminal the word would have no room.
        for steps in self.query("#steps, #told"):
            steps.display = False
        typed = self.query_one("#typed", Input)
        typed.display = True
        typed.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the typed word for consent, if it is the right one."""
        if event.value.strip() == self._proposal.word:
            self.close(self._answer)
        else:
            event.input.add_class("-wrong")


class PlanPreview(Modal[None]):
    """Shows what would be done, and does nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("v,enter", "leave", "Close")]

    def __init__(self, title: str, steps: tuple[PlanStep, ...], command: str | None) -> None:
        """Show `steps`; `command` would do them from a shell."""
        super().__init__()
        self._title = title
        self._steps = steps
        self._command = command

    def compose(self) -> ComposeResult:
        """Lay out the steps."""
        losses = losses_of(self._steps)
        with Vertical(id="box"):
            yield Static(line(self._title, "bold"), id="title")
            if losses:
                yield Static(loss_lines(losses), id="losses")
            yield PlanSteps(self._steps)
            if self._command:
                yield Static(line(f"$ {self._command}", "$muted"), id="command")
            yield Static(Content.styled("Nothing is done.   ↑↓ scroll   Esc close", "$muted"), id="keys")


def _keys(*keys: tuple[str, str]) -> Content:
    return Content("   ").join([Content.assemble((key, "bold $accent"), f" {title}") for key, title in keys])
