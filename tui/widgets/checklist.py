"""The doctor's stages, one under the other, each with its checks; the one to see to next is marked."""

import textwrap
from dataclasses import dataclass
from typing import Final

from textual.content import Content
from textual.geometry import Region
from textual.reactive import reactive
from textual.style import Style
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


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list that can be picked: a stage, or a check below it."""

    stage: StageResult
    check: CheckResult
    is_stage: bool

    @property
    def key(self) -> str:
        """Its name in the list, the same from one examination to the next."""
        return self.stage.stage.id if self.is_stage else f"{self.stage.stage.id}/{self.check.id}"


def rows(report: Report, unfolded: frozenset[str]) -> tuple[Row, ...]:
    """Return the rows of `report`: every stage, what did not pass in it, and all its checks where it is unfolded."""
    found: list[Row] = []
    for stage in report.stages:
        found.append(Row(stage, stage.shown, is_stage=True))
        told = (*stage.others, *({report.next} - {stage.shown}))
        below = (check for check in stage.checks if stage.stage.id in unfolded or check in told)
        found += [Row(stage, check, is_stage=False) for check in below]
    return tuple(found)


class Checklist(Widget):
    """Each stage with its mark and what was seen, and under it the other checks that did not pass.

    Space unfolds a stage into all of its checks. The one to see to next also has a sentence for whoever has not met
    the thing before; on a wide terminal all have, while there is something to do. The row to see to next is picked
    until a person picks another, and again when that one is mended.
    """

    report: reactive[Report | None] = reactive(None, layout=True)
    unfolded: reactive[frozenset[str]] = reactive(frozenset(), layout=True)
    chosen: reactive[str | None] = reactive(None, layout=True)
    """The key of the row that a person picked."""

    def __init__(self) -> None:
        """Show nothing yet."""
        super().__init__()
        self.auto_links = False  # a link looks like the words around it, and can be clicked
        self._heights: dict[str, int] = {}

    @property
    def rows(self) -> tuple[Row, ...]:
        """What can be picked."""
        return rows(self.report, self.unfolded) if self.report else ()

    @property
    def next(self) -> Row | None:
        """The row to see to next."""
        step = self.report.next if self.report else None
        return next((row for row in reversed(self.rows) if row.check is step), None)

    @property
    def picked(self) -> Row | None:
        """The row that is looked at: the one that a person picked, else the next one."""
        return next((row for row in self.rows if row.key == self.chosen), None) or self.next

    def watch_report(self, before: Report | None, after: Report | None) -> None:
        """Go on to the next row where what a person had picked is mended or gone."""
        if before is None or after is None or self.chosen is None:
            return
        was = next((row for row in rows(before, self.unfolded) if row.key == self.chosen), None)
        now = next((row for row in rows(after, self.unfolded) if row.key == self.chosen), None)
        if now is None or (was and was.check.finding and not now.check.finding):
            self.chosen = None

    def move(self, steps: int) -> None:
        """Pick the row so many below, or above where `steps` is negative."""
        keys = [row.key for row in self.rows]
        if not keys:
            return
        here = self.picked
        index = keys.index(here.key) + steps if here else 0
        self.chosen = keys[max(0, min(len(keys) - 1, index))]
        self.call_after_refresh(self._show_picked)

    def fold_or_unfold(self) -> None:
        """Show all checks of the stage that is picked, or those alone that did not pass."""
        if here := self.picked or next(iter(self.rows), None):
            stage = here.stage.stage.id
            self.unfolded ^= {stage}
            if self.chosen and self.chosen not in {row.key for row in self.rows}:
                self.chosen = stage

    def _show_picked(self) -> None:
        if self.chosen in self._heights and self.parent is not None:
            region = Region(0, self._heights[self.chosen], self.size.width, 1)
            assert isinstance(self.parent, Widget)  # noqa: S101 - it is a scroll
            self.parent.scroll_to_region(region, animate=False, spacing=self.parent.gutter)

    def render(self) -> Content:
        """Draw the rows."""
        if self.report is None:
            return Content.styled("Looking at the project…", "$muted")
        width, following, picked = self.container_size.width, self.next, self.picked
        roomy = self.app.size.width >= ROOMY and following is not None
        lines: list[Content] = []
        stages = self.rows
        for position, row in enumerate(stages):
            is_next = following is not None and row.key == following.key
            drawn = _drawn(row, is_next=is_next, is_unfolded=row.stage.stage.id in self.unfolded)
            drawn = drawn.truncate(width, ellipsis=True, pad=True)
            if picked is not None and row.key == picked.key and self.chosen is not None:
                drawn = drawn.stylize("on $block-cursor-background")
            self._heights[row.key] = len(lines)
            lines.append(drawn.stylize(Style.from_meta({"@click": f"screen.pick({row.key!r})"})))
            is_last = position + 1 == len(stages) or stages[position + 1].is_stage
            if is_last and (roomy or (picked is not None and picked.stage.stage is row.stage.stage)):
                lines += [Content.styled(text, "$muted") for text in _explanation(row.stage, width)]
        return Content("\n").join(lines)


def _drawn(row: Row, *, is_next: bool, is_unfolded: bool) -> Content:
    pointer = ("▶ " if is_next else "  ", "bold $accent")
    mark, colour = MARKS[row.check.status]
    style = "bold" if is_next else "$muted" if row.check.status is CheckStatus.SKIP else ""
    title = row.check.title
    if row.is_stage and is_unfolded:
        style, title = "bold", row.stage.stage.title
    indent = "" if row.is_stage else "  "
    return Content.assemble(indent, pointer, (f"{mark} ", f"bold {colour}"), line(title, style))


def _explanation(stage: StageResult, width: int) -> list[str]:
    indent = " " * INDENT
    return textwrap.wrap(stage.stage.explanation, max(20, width), initial_indent=indent, subsequent_indent=indent)
