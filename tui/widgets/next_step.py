"""The doctor's next step: what is in the way, why, and what Enter will do about it."""

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from stack.doctor.examination import CheckResult
from stack.findings import Finding
from tui.jobs import Job
from tui.outside import block, line


class NextStep(Widget):
    """One finding of the checklist, with the fix that one key carries out, or what only a person can do."""

    check: reactive[CheckResult | None] = reactive(None, layout=True)
    working: reactive[bool] = reactive(default=False, layout=True)

    def on_mount(self) -> None:
        """Follow the deck's job."""
        self.watch(self.app, "job", self._take)

    def _take(self, job: Job | None) -> None:
        self.working = job is not None and job.running

    def render(self) -> Content:
        """Draw the step."""
        if self.check is None or self.check.finding is None:
            return Content()
        finding, fix = self.check.finding, self.check.fix
        lines = [line(finding.title, "bold"), block(finding.cause), Content()]
        if self.working:
            return Content("\n").join(lines)  # what is being done is shown below, where the fix was offered
        if fix:
            lines.append(Content.assemble((" ⏎ ", "bold $background on $accent"), " ", line(fix.title, "bold $accent")))
            if fix.command:
                lines.append(Content.assemble("   ", line(f"$ {fix.command}", "$muted")))
        else:
            lines += _by_hand(finding)
        return Content("\n").join(lines)


def _by_hand(finding: Finding) -> list[Content]:
    lines = []
    for fix in finding.fixes:
        lines.append(Content.assemble(("→ ", "$accent"), line(fix.title)))
        if fix.command:
            lines.append(Content.assemble("   ", line(f"$ {fix.command}", "$muted")))
    return lines
