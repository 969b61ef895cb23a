"""Why a statement was refused, as lines: what is wrong, the line of the text with the place marked, the ways out."""

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len
from textual.content import Content

from stack.findings import Finding
from stack.text import clean_line
from tui.outside import line

_BEFORE: Final = 44
_AFTER: Final = 22
"""Cells of a long line that are shown on both sides of the place: a line that is wrapped has the mark under another."""


def refusal_lines(finding: Finding, text: str, position: int | None) -> Content:
    """Return `finding` about `text`, in which it is about what stands at `position`."""
    lines = [line(finding.title, "bold $error")]
    if position is not None:
        lines += _marked(text, position)
    lines.append(line(finding.cause))
    if finding.evidence:
        lines += [line(each, "$muted") for each in finding.evidence.splitlines()]
    lines += [line(f"→ {fix.title}{f': {fix.command}' if fix.command else ''}", "$primary") for fix in finding.fixes]
    return Content("\n").join(lines)


def _marked(text: str, position: int) -> Iterator[Content]:
    line_begin, line_end = text.rfind("\n", 0, position) + 1, text.find("\n", position)
    line_end = line_end if line_end >= 0 else len(text)
    begin, end = max(line_begin, position - _BEFORE), min(line_end, position + _AFTER)
    while _width(text[begin:position]) > _BEFORE:
        begin += 1
    while _width(text[position:end]) > _AFTER:
        end -= 1
    head = f"{text.count(chr(10), 0, position) + 1} │ {'…' if begin > line_begin else ''}"
    yield line(head, "$muted") + line(text[begin:end]) + line("…" if end < line_end else "", "$muted")
    yield line(" " * (cell_len(head) + _width(text[begin:position])) + "▲", "bold $error")


def _width(text: str) -> int:
    return cell_len(clean_line(text))
