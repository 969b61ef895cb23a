"""What is in the way and why, what Enter will do about it, and what else could be done."""

import re
from typing import Final

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from stack.amounts import size
from stack.doctor.examination import CheckResult
from stack.findings import Finding, Fix
from tui.jobs import Job
from tui.outside import block, line
from tui.widgets.masthead import ROOMY

_NUMBER: Final = re.compile(r"\d[\d.]*(?: [kMGT]?B)?")

EVIDENCE: Final = 4
"""Lines of what was seen that are shown where there is room; all of it is in the explanation of a banner."""


class NextStep(Widget):
    """One check of the list: its finding with the ways out of it, one of which is chosen; or that all is well.

    What Enter would do stands there before it is done: in words, as a command, and with all that it destroys.
    """

    check: reactive[CheckResult | None] = reactive(None, layout=True)
    chosen: reactive[int] = reactive(0, layout=True)
    working: reactive[bool] = reactive(default=False, layout=True)

    def on_mount(self) -> None:
        """Follow the deck's job."""
        self.watch(self.app, "job", self._take)

    def _take(self, job: Job | None) -> None:
        self.working = job is not None and job.running

    def watch_check(self, before: CheckResult | None, after: CheckResult | None) -> None:
        """Begin with the first way out where there are other ones; one that was chosen stays so while the list is."""
        if _without_numbers(before) != _without_numbers(after):
            self.chosen = 0

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """What can be done about it here."""
        finding = self.check.finding if self.check else None
        return finding.ways if finding else ()

    @property
    def fix(self) -> Fix | None:
        """The one that is chosen."""
        fixes = self.fixes
        return fixes[self.chosen % len(fixes)] if fixes else None

    def choose_another(self) -> None:
        """Choose the way out after this one, from the last the first again."""
        if self.fixes:
            self.chosen = (self.chosen + 1) % len(self.fixes)

    def render(self) -> Content:
        """Draw the check."""
        check = self.check
        if check is None:
            return Content()
        if check.finding is None:
            return Content("\n").join([line(check.title, "bold"), block(check.stage.explanation, "$muted")])
        lines = [line(check.finding.title, "bold"), block(check.finding.cause)]
        if self.app.size.width >= ROOMY:
            lines += _evidence(check.finding)
        lines += [line(f"Also: {other.title}", "$muted") for other in check.others]
        if not self.working:  # what is being done is shown below, where the ways out were offered
            lines += [Content(), *(row for fix in check.finding.fixes for row in self._way_out(fix))]
        return Content("\n").join(lines)

    def _way_out(self, fix: Fix) -> list[Content]:
        if fix is self.fix:
            mark, style = Content.styled(" ⏎ ", "bold $background on $accent"), "bold $accent"
        elif fix.apply:
            mark, style = Content.styled(" a ", "bold $accent"), ""
        else:
            mark, style = Content.styled(" → ", "$muted"), ""
        lines = [Content.assemble(mark, " ", line(fix.title, style))]
        if fix.command and (fix is self.fix or not fix.apply):
            lines.append(Content.assemble("    ", line(f"$ {fix.command}", "$muted")))
        if fix.destructive:
            lines += [Content.assemble("    ", lost) for lost in _losses(fix)]
        return lines


def _without_numbers(check: CheckResult | None) -> tuple[str, ...]:
    """Return the ways out of what `check` found but for the sizes and the like in them, which change by themselves."""
    finding = check.finding if check else None
    return (finding.code, *(_NUMBER.sub("", fix.title) for fix in finding.fixes)) if finding else ()


def _losses(fix: Fix) -> list[Content]:
    if not fix.losses:
        return [Content.styled("✗ destroys data", "$error")]
    return [
        line(f"✗ {loss.what}{f' ({size(loss.size)})' if loss.size is not None else ''}", "$error")
        for loss in fix.losses
    ]


def _evidence(finding: Finding) -> list[Content]:
    seen = [text for text in (finding.evidence or "").split("\n") if text.strip()][-EVIDENCE:]
    return [Content.assemble(("▏ ", "$border"), line(text, "$muted")) for text in seen]
