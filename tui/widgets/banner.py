"""What is wrong, above everything else on a screen: its title, its cause, and the keys that help."""

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from stack.findings import Finding, Fix, Severity
from tui.outside import block, line

MARKS = {Severity.ERROR: ("✗", "$error"), Severity.WARNING: ("!", "$warning"), Severity.INFO: ("i", "$primary")}
"""The mark and the colour of each severity."""


class Banner(Widget):
    """The first of the findings that concern a screen, with how many more there are; nothing where there is none."""

    findings: reactive[tuple[Finding, ...]] = reactive((), layout=True)

    def watch_findings(self, findings: tuple[Finding, ...]) -> None:
        """Take no room without findings, and wear the colour of the worst."""
        self.display = bool(findings)
        for severity in Severity:
            self.set_class(bool(findings) and findings[0].severity is severity, f"-{severity.value}")

    def render(self) -> Content:
        """Draw the first finding."""
        if not self.findings:
            return Content()
        finding, others = self.findings[0], len(self.findings) - 1
        mark, colour = MARKS[finding.severity]
        more = f"  (and {others} more)" if others else ""
        lines = [
            Content.assemble((f"{mark} ", f"bold {colour}"), line(finding.title, "bold"), (more, "$muted")),
            block(finding.cause, "$foreground"),
        ]
        return Content("\n").join([*lines, self._ways_out(finding)])

    def _ways_out(self, finding: Finding) -> Content:
        fix = automatic_fix(finding)
        keys = [("w", "Why, and what to do")]
        if fix:
            keys.insert(0, ("f", fix.title))
        return Content("  ").join([Content.assemble((f"{key} ", "bold $accent"), line(title)) for key, title in keys])


def automatic_fix(finding: Finding) -> Fix | None:
    """Return the first fix that the deck can carry out, if there is one."""
    return next((fix for fix in finding.fixes if fix.apply), None)
