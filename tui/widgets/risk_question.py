"""What is about to be applied, with what it locks and risks, and the question whether to go on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from stack.findings import Severity
from tui.outside import line
from tui.widgets.modal import Modal
from tui.widgets.revision_pane import SIGNS, TONES

if TYPE_CHECKING:
    from stack.migrations.risks.judge import JudgedStep


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps to apply, which the shell's `command` applies too; `unjudged` says why some could not be judged."""

    title: str
    steps: "tuple[JudgedStep, ...]"
    command: str
    unjudged: str | None = None

    @property
    def worth_asking(self) -> bool:
        """Whether there is more than remarks, that nobody has reviewed, or something that was not judged."""
        return self.unjudged is not None or any(
            risk.severity is not Severity.INFO and risk.rule.value not in step.reviewed
            for step in self.steps
            for risk in step.risks
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What nobody has reviewed, a line each, for whoever asks about more than risks."""
        unjudged = () if self.unjudged is None else (f"Not all of it could be judged: {self.unjudged}",)
        return (
            *unjudged,
            *(
                f"{SIGNS[risk.severity]} {step.sql.revision.revision}: {risk.text}"
                for step in self.steps
                for risk in step.risks
                if risk.severity is not Severity.INFO and risk.rule.value not in step.reviewed
            ),
        )


class RiskQuestion(Modal[bool]):
    """Asks about `Steps`; True is consent, anything else is not."""

    AUTO_FOCUS: ClassVar[str] = "#risks"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "consent", "Yes"), Binding("n", "leave", "No")]

    def __init__(self, steps: Steps) -> None:
        """Ask about `steps`."""
        super().__init__()
        self._steps = steps

    def compose(self) -> ComposeResult:
        """Lay out the steps with their risks, and the ways to answer."""
        with Vertical(id="box"):
            yield Static(line(self._steps.title, "bold"), id="title")
            with VerticalScroll(id="risks"):
                yield Static(Content("\n").join(self._lines()))
            yield Static(line(f"$ {self._steps.command}", "$muted"), id="command")
            yield Static(
                Content.assemble(("y", "bold $accent"), " Yes, do it   ", ("n", "bold $accent"), " No   ↑↓ scroll"),
                id="keys",
            )

    def _lines(self) -> list[Content]:
        unjudged = self._steps.unjudged
        lines = [line(f"Not all of it could be judged: {unjudged}", "$warning")] if unjudged else []
        for step in self._steps.steps:
            revision = step.sql.revision
            lines.append(Content.assemble(line(revision.revision, "bold"), "  ", line(revision.message)))
            for risk in step.risks:
                if risk.severity is Severity.INFO:
                    continue
                why = step.reviewed.get(risk.rule.value)
                lines.append(line(f"  {SIGNS[risk.severity]} {risk.text}", "$muted" if why else TONES[risk.severity]))
                lines += [line(f"    {risk.consequence}")] if risk.consequence else []
                lines += [line(f"    reviewed: {why}", "$success")] if why else []
        return lines

    def action_consent(self) -> None:
        """Go on."""
        self.close(True)
