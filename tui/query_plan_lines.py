"""How a page is read, as the lines of a sheet: what is to be cautious about, the filter, and the plan as a tree."""

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len

from stack.tables.cautions import Caution
from stack.tables.explaining import Explained
from stack.tables.plans import Step, steps
from stack.text import clean_line
from tui.sheet_lines import Ink, Line, Lines, plain
from tui.wrapping import wrap

LONGEST: Final = 1000
"""Characters of a condition that are shown: a value may have millions."""

_LEAST: Final = 20
_INDENT: Final = 3


def query_plan_lines(explained: Explained, width: int) -> Lines:
    """Return the lines of `explained`, at most `width` cells wide where the tree is not too deep for that."""
    lines = Lines()
    for caution in explained.cautions:
        for each in _caution_lines(caution, width):
            lines.add(each)
    for number, condition in enumerate(explained.where):
        head = "WHERE " if number == 0 else "  AND "
        for text in wrap(_beginning(condition), max(_LEAST, width - len(head))):
            lines.add(Line(((head, Ink.MUTED), (text, Ink.TEXT))))
            head = " " * len(head)
    if explained.where:
        lines.add(plain(""))
    for number, plan in enumerate(explained.plans, 1):
        if number > 1:
            lines.add(plain(f"Statement {number}, where the one before has too few rows", Ink.TITLE))
        for step in steps(plan):
            for each in _step_lines(step, width):
                lines.add(each)
    return lines


def _caution_lines(caution: Caution, width: int) -> Iterator[Line]:
    yield from (plain(text, Ink.WRONG) for text in wrap(f"! {caution.title}", width))
    yield from (plain(f"  {text}") for text in wrap(caution.cause, width - 2))
    for remedy in caution.remedies:
        yield from (plain(f"  {text}", Ink.NAME) for text in wrap(remedy, width - 2))
    yield plain("")


def _step_lines(step: Step, width: int) -> Iterator[Line]:
    indent = " " * (_INDENT * step.depth)
    lead = f"{indent[:-_INDENT]}└─ " if step.depth else ""
    title, role = clean_line(step.title), f" ({clean_line(step.role)})" if step.role else ""
    gap = width - cell_len(lead + title + role + step.estimate)
    head = ((lead, Ink.MUTED), (title, Ink.NAME), (role, Ink.MUTED))
    if gap > 1:
        yield Line((*head, (" " * gap, Ink.PLAIN), (step.estimate, Ink.NUMBER)))
    else:
        yield Line(head)
        yield Line(((f"{indent}  ", Ink.PLAIN), (step.estimate, Ink.NUMBER)))
    for purpose, condition in step.details:
        before = f"{indent}  {purpose}: "
        for text in wrap(_beginning(condition), max(_LEAST, width - len(before))):
            yield Line(((before, Ink.MUTED), (text, Ink.PLAIN)))
            before = " " * len(before)


def _beginning(condition: str) -> str:
    return condition if len(condition) <= LONGEST else f"{condition[:LONGEST]}…"
