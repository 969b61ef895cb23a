"""What a command prints: one JSON object, or text for a person with the findings on stderr."""

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Final, TextIO

from stack.findings import Finding, Gauge, Severity
from stack.text import clean, clean_line

if TYPE_CHECKING:
    from stack.cli.live import Block

_PLAIN_SECONDS: Final = 1.0
"""How often, where nobody looks at a terminal, a line says how far something is."""

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command found or did.

    `fields` are the members of its JSON object without ``findings``; `text` is the same for a person, whose parts from
    outside went through `align` or are cleaned when printed. `status` is that of a program which ran in its place.
    """

    fields: Mapping[str, JSON]
    text: str = ""
    findings: tuple[Finding, ...] = ()
    failed: bool = field(default=False)
    status: int = 0

    @property
    def exit_status(self) -> int:
        """0 when done, or all is well; 1 when it failed, or something found is an error; or another program's."""
        return self.status or int(self.failed or any(finding.severity is Severity.ERROR for finding in self.findings))


class OutputError(OSError):
    """Standard output cannot be written: no mistake of ours, but a disk that is full, say."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a line; `style` are the parameters of ECMA-48's SGR, empty for none."""

    text: str
    style: str = ""


class Console:
    """Where a command's words go: results to stdout, progress and messages to stderr.

    On a terminal, how far a long action is stands in bars that are redrawn in place; elsewhere a line says it at times.
    """

    def __init__(self, stdout: TextIO, stderr: TextIO) -> None:
        """Write to the two streams, in whatever encoding they have, never failing on a character."""
        self._stdout = stdout
        self._stderr = stderr
        self._block = _block(stderr) if _is_terminal(stderr) else None
        self._told_at = float("-inf")
        self._coloured = _takes_colours(stdout)

    def line(self, text: str) -> None:
        """Print one line of a result."""
        self._print(clean(text), self._stdout)

    def parts(self, parts: Iterable[Part]) -> None:
        """Print one line of many, in colours where stdout takes them; it is out when `flush` returns."""
        said = ((part.text, part.style if self._coloured else "") for part in parts)
        text = "".join(f"\x1b[{style}m{clean(text)}\x1b[0m" if style else clean(text) for text, style in said)
        self._clear()
        print(text, file=self._stdout)

    def flush(self) -> None:
        """Have out what `parts` printed."""
        self._stdout.flush()

    def progress(self, line: str, gauges: Sequence[Gauge] = ()) -> None:
        """Say what is being done, and how far it is."""
        if not gauges:
            self._print(clean_line(line), self._stderr)
        elif self._block:
            self._block.draw(line, gauges)
        elif time.monotonic() - self._told_at >= _PLAIN_SECONDS:
            self._told_at = time.monotonic()
            self._print(clean_line(line), self._stderr)

    def finding(self, finding: Finding) -> None:
        """Say what is wrong, why, and what mends it."""
        self._print(render(finding), self._stderr)

    def outcome(self, outcome: Outcome) -> None:
        """Print a result for a person."""
        self._clear()
        if outcome.text:
            self.line(outcome.text)
        for finding in outcome.findings:
            self.finding(finding)

    def outcome_json(self, outcome: Outcome) -> None:
        """Print a result as one JSON object."""
        document = {**outcome.fields, "findings": [finding_json(finding) for finding in outcome.findings]}
        self._print(json.dumps(document, ensure_ascii=False).encode(errors="replace").decode(), self._stdout)

    def _print(self, text: str, stream: TextIO) -> None:
        self._clear()
        print(text, file=stream, flush=True)

    def _clear(self) -> None:
        if self._block:
            self._block.clear()


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}


def _block(stream: TextIO) -> "Block":
    # Imported here: it measures text in cells, and nothing is drawn where nobody watches.
    from stack.cli.live import Block, terminal_size

    return Block(stream, lambda: terminal_size(stream))


def _takes_colours(stream: TextIO) -> bool:
    """Say whether `stream` is a terminal with colours, and nobody asked for none (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in {"", "dumb"}


def standard_console() -> Console:
    """Return the console of this process."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")
    return Console(sys.stdout, sys.stderr)


def finding_json(finding: Finding) -> dict[str, JSON]:
    """Return the fields of a finding that others may rely on."""
    return {
        "code": finding.code.value,
        "severity": finding.severity.value,
        "title": finding.title,
        "cause": finding.cause,
        "fixes": [
            {"title": fix.title, "command": fix.command, "destructive": fix.destructive} for fix in finding.fixes
        ],
    }


def render(finding: Finding) -> str:
    """Return a finding as a few lines for a terminal."""
    lines = [f"{finding.severity.value}: {clean_line(finding.title)}  [{finding.code.value}]"]
    lines += [f"  {line}" for line in clean(finding.cause).splitlines()]
    lines += [f"  | {line}" for line in clean(finding.evidence or "").splitlines()]
    ways = count(1)
    for fix in finding.fixes:
        # As `doctor --fix --way` takes them: a number only where there is a choice, and none for what a person does.
        head = f"fix {next(ways)}" if fix.apply and len(finding.ways) > 1 else "fix"
        warning = " (destroys data)" if fix.destructive else ""
        lines.append(f"  {head}: {clean_line(fix.title)}{warning}")
        if fix.command:
            lines.append(f"  {' ' * len(head)}  $ {clean_line(fix.command)}")
    return "\n".join(lines)


def align(rows: Sequence[Sequence[str]]) -> str:
    """Return `rows`, the first of which is the head, as columns; each cell is cleaned and kept on its line."""
    cells = [[clean_line(cell) for cell in row] for row in rows]
    widths = [max(width(cell) for cell in column) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def width(text: str) -> int:
    """Return how many cells of a terminal `text`, which is clean, takes."""
    if text.isascii():
        return len(text)
    # Imported here: hardly any name needs it.
    from rich.cells import cell_len

    return cell_len(text)
