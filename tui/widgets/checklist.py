"""The doctor's stages, one under the other, the one to see to next highlighted."""

import textwrap
from typing import Final

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from stack.doctor.examination import CheckResult, CheckStatus, Report, StageResult
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
    """Each stage with its mark and what was seen, and under it the other checks that did not pass.

    The one to see to next also has a sentence for whoever has not met the thing before; on a wide terminal all have.
    """

    report: reactive[Report | None] = reactive(None, layout=True)

    def render(self) -> Content:
        """Draw the stages."""
        report = self.report
        if report is None:
            return Content.styled("Looking at the project…", "$muted")
        step, width = report.next, self.container_size.width
        roomy = self.app.size.width >= ROOMY
        lines = []
        for stage in report.stages:
            is_next = step in stage.checks
            lines.append(_head(stage, is_next=is_next))
            lines += [_other(check) for check in stage.others]
            if roomy or is_next:
                lines += [Content.styled(text, "$muted") for text in _explanation(stage, width)]
        return Content("\n").join(lines)


def _head(stage: StageResult, *, is_next: bool) -> Content:
    mark, colour = MARKS[stage.status]
    style = "bold" if is_next else "$muted" if stage.status is CheckStatus.SKIP else ""
    return Content.assemble(
        ("▶ " if is_next else "  ", "bold $accent"), (f"{mark} ", f"bold {colour}"), line(stage.title, style)
    )


def _other(check: CheckResult) -> Content:
    mark, colour = MARKS[check.status]
    return Content.assemble("    ", (f"{mark} ", f"bold {colour}"), line(check.title))


def _explanation(stage: StageResult, width: int) -> list[str]:
    indent = " " * INDENT
    return textwrap.wrap(stage.stage.explanation, max(20, width), initial_indent=indent, subsequent_indent=indent)
