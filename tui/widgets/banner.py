"""What is wrong, above everything else on a screen: its title, its cause, and the keys that help."""

from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from stack.findings import Finding, Severity
from tui.outside import block, line

MARKS: Final = {Severity.ERROR: ("✗", "$error"), Severity.WARNING: ("!", "$warning"), Severity.INFO: ("i", "$primary")}
"""The mark and the colour of each severity."""


class Banner(Vertical):
    """The first of the findings that concern a screen, with how many more there are; nothing where there is none."""

    findings: reactive[tuple[Finding, ...]] = reactive(())

    def compose(self) -> ComposeResult:
        """Lay out three parts, so that a long cause never pushes the keys away."""
        yield Static(id="banner-title")
        yield Static(id="banner-cause")
        yield Static(id="banner-keys")

    def watch_findings(self, findings: tuple[Finding, ...]) -> None:
        """Show the first finding in the colour of its severity; take no room without one."""
        self.display = bool(findings)
        if not findings:
            return
        finding = findings[0]
        for severity in Severity:
            self.set_class(finding.severity is severity, f"-{severity.value}")
        self.query_one("#banner-title", Static).update(_title(finding, len(findings) - 1))
        self.query_one("#banner-cause", Static).update(block(finding.cause))
        self.query_one("#banner-keys", Static).update(_keys(finding))


def _title(finding: Finding, others: int) -> Content:
    mark, colour = MARKS[finding.severity]
    more = f"  and {others} more" if others else ""
    return Content.assemble((f"{mark} ", f"bold {colour}"), line(finding.title, "bold"), (more, "$muted"))


def _keys(finding: Finding) -> Content:
    fix = finding.automatic_fix
    keys = [("f", fix.title)] if fix else []
    keys.append(("w", "why, and what to do"))
    return Content("   ").join([Content.assemble((key, "bold $accent"), " ", line(title)) for key, title in keys])
