"""The doctor's checks, one under the other, the one to see to next highlighted."""

import textwrap
from typing import Final

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from stack.doctor.examination import CheckResult, CheckStatus, Report
from tui.outside import line
from tui.widgets.masthead import ROOMY

MARKS: Final = {
    CheckStatus.PASS: ("✓", "$success"),
    CheckStatus.WARN: ("!", "$warning"),
    CheckStatus.FAIL: ("✗", "$error"),
    CheckStatus.SKIP: ("·", "$muted"),
}
"""The mark and the colour of each status."""


INDENT: Final = 4
"""Cells before a check's words."""


class Checklist(Widget):
    """Each check with its mark and what was seen.

    The one to see to next also has a sentence for whoever has not met the thing before; on a wide terminal all have.
    """

    report: reactive[Report | None] = reactive(None, layout=True)

    def render(self) -> Content:
        """Draw the checks."""
        report = self.report
        if report is None:
            return Content.styled("Looking at the project…", "$muted")
        step, width = report.next, self.container_size.width
        roomy = self.app.size.width >= ROOMY
        lines = []
        for check in report.checks:
            lines.append(_head(check, is_next=check is step))
            if roomy or check is step:
                lines += [Content.styled(text, "$muted") for text in _explanation(check, width)]
        return Content("\n").join(lines)


def _head(check: CheckResult, *, is_next: bool) -> Content:
    mark, colour = MARKS[check.status]
    style = "bold" if is_next else "$muted" if check.status is CheckStatus.SKIP else ""
    return Content.assemble(
        ("▶ " if is_next else "  ", "bold $accent"), (f"{mark} ", f"bold {colour}"), line(check.title, style)
    )


def _explanation(check: CheckResult, width: int) -> list[str]:
    indent = " " * INDENT
    return textwrap.wrap(check.explanation, max(20, width), initial_indent=indent, subsequent_indent=indent)
