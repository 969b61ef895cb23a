"""The doctor's checks, one under the other, the one to see to next highlighted."""

from typing import Final

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from stack.doctor.examination import CheckResult, CheckStatus, Report
from tui.outside import line

MARKS: Final = {
    CheckStatus.PASS: ("✓", "$success"),
    CheckStatus.WARN: ("!", "$warning"),
    CheckStatus.FAIL: ("✗", "$error"),
    CheckStatus.SKIP: ("·", "$muted"),
}
"""The mark and the colour of each status."""


class Checklist(Widget):
    """Each check with its mark and what was seen; below it a sentence for whoever has not met the thing before."""

    report: reactive[Report | None] = reactive(None, layout=True)

    def render(self) -> Content:
        """Draw the checks."""
        if self.report is None:
            return Content.styled("Looking at the project…", "$muted")
        step = self.report.next
        return Content("\n").join([_check(check, next_step=check is step) for check in self.report.checks])


def _check(check: CheckResult, *, next_step: bool) -> Content:
    mark, colour = MARKS[check.status]
    style = "bold" if next_step else "$muted" if check.status is CheckStatus.SKIP else ""
    head = Content.assemble(
        ("▶ " if next_step else "  ", "bold $accent"), (f"{mark} ", f"bold {colour}"), line(check.title, style)
    )
    return Content.assemble(head, "\n    ", (check.explanation, "$muted"))
