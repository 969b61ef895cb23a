"""Everything that is known about what is wrong: each finding whole, with its evidence and every way out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from stack.findings import Finding, Fix
from tui.outside import block, line
from tui.widgets.banner import MARKS
from tui.widgets.modal import Modal


@dataclass(frozen=True, slots=True)
class _WayOut:
    finding: Finding
    fix: Fix


class Explanation(Modal[Fix]):
    """Shows findings; its answer is the fix to carry out, if one was picked."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("w", "leave", "Close")]

    def __init__(self, findings: Sequence[Finding]) -> None:
        """Explain `findings`, the first of which is the reason."""
        super().__init__()
        self._findings = tuple(findings)
        self._ways = [_WayOut(finding, fix) for finding in findings for fix in finding.fixes if fix.apply]

    def compose(self) -> ComposeResult:
        """Lay out the findings, and below them what the deck can do about them."""
        with Vertical(id="box"):
            with VerticalScroll(id="findings", can_focus=not self._ways):
                for finding in self._findings:
                    yield Static(_whole(finding), classes="finding")
            if self._ways:
                options = [Option(line(way.fix.title), id=str(index)) for index, way in enumerate(self._ways)]
                yield OptionList(*options, id="ways", markup=False)
            keys = "⏎ do the highlighted fix   Esc close" if self._ways else "Esc close"
            yield Static(Content.styled(keys, "$muted"))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer with the picked fix."""
        self.close(self._ways[event.option_index].fix)


def _whole(finding: Finding) -> Content:
    mark, colour = MARKS[finding.severity]
    lines = [
        Content.assemble(
            (f"{mark} ", f"bold {colour}"), line(finding.title, "bold"), (f"  {finding.code.value}", "$muted")
        ),
        block(finding.cause),
    ]
    if finding.evidence:
        lines.append(
            Content("\n").join(
                [Content.assemble(("▏ ", "$border"), line(text, "$muted")) for text in finding.evidence.split("\n")]
            )
        )
    for fix in finding.fixes:
        lines.append(Content.assemble(("→ ", "$accent"), line(fix.title)))
        if fix.command:
            lines.append(Content.assemble(("  $ ", "$muted"), line(fix.command, "$primary")))
    return Content("\n").join(lines)
