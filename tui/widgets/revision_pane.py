"""All that is known of one revision: where it stands, who wrote it, its SQL in one direction, and the risks of that."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from stack.findings import Finding, Severity
from stack.text import clean_line
from tui.outside import block, line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stack.migrations.origins import Origin
    from stack.migrations.protocol import Direction
    from stack.migrations.revision import Revision
    from stack.migrations.risks.judge import JudgedStep
    from stack.migrations.risks.risk import Risk

TONES: Final = {Severity.ERROR: "$error", Severity.WARNING: "$warning", Severity.INFO: "$primary"}
SIGNS: Final = {Severity.ERROR: "✗", Severity.WARNING: "▲", Severity.INFO: "·"}

_LABEL: Final = 10
_LONGEST: Final = 20_000
"""Characters of a statement that are shown; a migration may hold megabytes of data."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One revision as it stands; `judged` is absent while its SQL is not known, and `findings` may say why."""

    revision: "Revision"
    state: str
    origin: "Origin | None"
    judged: "JudgedStep | None"
    findings: tuple[Finding, ...]
    direction: "Direction"


class RevisionPane(VerticalScroll):
    """Shows a `Seen`."""

    def __init__(self) -> None:
        """Begin with nothing selected."""
        super().__init__(id="revision", classes="panel", can_focus=True)
        self.border_title = "Revision"
        self.text = Static(id="revision-text")
        self._seen: Seen | None = None

    def compose(self) -> ComposeResult:
        """Lay out the text."""
        yield self.text

    def show(self, seen: Seen | None) -> None:
        """Show `seen`, from its beginning where it is another revision or direction."""
        before, self._seen = self._seen, seen
        if seen == before:
            return
        self.text.update(Content("\n").join(_lines(seen)) if seen else Content.styled("Nothing is selected.", "$muted"))
        self.border_subtitle = f"{seen.direction.value}, v turns it" if seen else ""
        if (
            not before
            or not seen
            or (before.revision.revision, before.direction)
            != (
                seen.revision.revision,
                seen.direction,
            )
        ):
            self.scroll_home(animate=False)


def _lines(seen: Seen) -> list[Content]:
    revision, origin = seen.revision, seen.origin
    lines = [Content.assemble(line(revision.revision, "bold"), "  ", line(revision.message, "bold"))]
    lines += [
        _fact("state", seen.state),
        _fact("after", ", ".join(revision.down_revisions) or "nothing: it is the first"),
    ]
    lines += [_fact("needs", ", ".join(revision.depends_on))] if revision.depends_on else []
    lines += [_fact("labels", ", ".join(revision.branch_labels))] if revision.branch_labels else []
    lines += [_fact("written", f"{origin.date:%Y-%m-%d} by {origin.author}")] if origin else []
    lines += [_fact("file", str(revision.path)), Content()]
    for finding in seen.findings:
        lines += [line(finding.title, "$warning"), line(finding.cause, "$muted"), Content()]
    if seen.judged:
        lines += _sql(seen.judged, seen.direction)
    elif not seen.findings:
        lines.append(Content.styled("Its SQL is being rendered…", "$muted"))
    return lines


def _sql(step: "JudgedStep", direction: "Direction") -> list[Content]:
    upwards = direction.value == "upgrade"
    lines = [each for risk in step.whole for each in risk_lines(risk, step.reviewed)] if upwards else []
    lines += [Content()] if lines else []
    if step.sql.copied:
        lines += [
            line(f"Rehearsed on an empty copy of the database. {step.sql.copied}.", "$warning"),
            line("What it does with rows, and how long it takes and blocks on real tables, was not tried.", "$muted"),
            Content(),
        ]
    side = step.sql.side(direction)
    for judged in step.side(direction):
        worst = next((s for s in Severity if any(risk.severity is s for risk in judged.risks)), None)
        lines.append(block(judged.statement.text[:_LONGEST] + ";", TONES[worst] if worst else ""))
        lines += [each for risk in judged.risks for each in risk_lines(risk, step.reviewed)]
    if unknown := side.unknown:
        why = f"Not known from here on (line {unknown.line or 1}): {unknown.why}"
        lines += [line(why, "$warning"), line("Rehearse what is pending (h) to see it all.", "$muted")]
    elif side.refusal:
        lines.append(line(f"It cannot be taken back: {side.refusal}", "$muted"))
    elif not step.side(direction):
        lines.append(Content.styled(f"Its {direction.value} sends nothing.", "$muted"))
    return lines


def risk_lines(risk: "Risk", all_reviewed: "Mapping[str, str]") -> list[Content]:
    """Return what there is to say of one risk, and what a person has reviewed of its rule."""
    tone = TONES[risk.severity]
    reviewed = all_reviewed.get(risk.rule.value)
    head = Content.assemble((f"  {SIGNS[risk.severity]} {risk.rule.value}  ", f"bold {tone}"), line(risk.text, tone))
    lines = [head]
    lines += [line(f"    {risk.consequence}")] if risk.consequence else []
    lines += [line(f"    reviewed: {reviewed}", "$success")] if reviewed else []
    if risk.advice.text and not reviewed:
        lines.append(line(f"    safer: {risk.advice.text}", "$muted"))
        lines += [line(f"      {each}", "$muted") for each in risk.advice.sql.splitlines()]
    return lines


def _fact(label: str, text: str) -> Content:
    return Content.assemble((f"{label:{_LABEL}}", "$muted"), clean_line(text))
