"""``export``: a table's rows in a file."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from stack.amounts import size
from stack.cli.command import UsageError, add_command
from stack.cli.output import Console, Outcome, OutputError
from stack.cli.rows_wanted import RowsWanted, add_rows, rows_wanted

if TYPE_CHECKING:
    from stack.cli.command import Commands
    from stack.workspace import Workspace

STANDARD_OUTPUT: Final = "-"
FORMATS: Final = ("csv", "jsonl")
_SUFFIXES: Final = {".csv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class Export:
    """Write the rows that are `wanted` to `output`, which is a file, or standard output."""

    wanted: RowsWanted
    output: Path | None
    format: str
    overwrite: bool
    guard_formulas: bool

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:
        """Stream the rows, and say how many there were."""
        from stack.tables.export import file_at
        from stack.tables.export_statement import Format, Formulas

        browser = await workspace.tables()
        written = await browser.export(
            await self.wanted.query(browser),
            file_at(self.output, overwrite=self.overwrite) if self.output else _standard_output,
            format=Format(self.format),
            formulas=Formulas.GUARDED if self.guard_formulas else Formulas.KEPT,
            progress=console.progress,
        )
        said = f"{written.rows:,} rows, {size(written.bytes)}, in {written.seconds:.1f} s"
        if self.output is None:
            console.progress(said)
        return Outcome(
            {
                "file": str(self.output),
                "format": self.format,
                "rows": written.rows,
                "bytes": written.bytes,
                "seconds": round(written.seconds, 3),
            },
            f"{said}: {self.output}" if self.output else "",
        )


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.errno, error.strerror) from None


def _format_of(output: str) -> str:
    """Return the format that a file is named after; a date, say, at the end of its name is none.

    Raises:
        UsageError: it is another one, and whoever opens the file would find CSV in it.
    """
    suffix = Path(output).suffix.lower()
    if suffix in _SUFFIXES or not suffix.removeprefix(".").isalpha():
        return _SUFFIXES.get(suffix, "csv")
    raise UsageError(f"there is no format {suffix}: name the file .csv or .jsonl, or say which with --format")


def _make(arguments: argparse.Namespace) -> Export:
    output: str = arguments.output
    format_: str = arguments.format or _format_of(output)
    if output == STANDARD_OUTPUT and arguments.json:
        raise UsageError("--json prints one object on stdout and nothing else: name a file with --output")
    if arguments.guard_formulas and format_ != "csv":
        raise UsageError("--guard-formulas is for CSV: no spreadsheet runs what is in JSON")
    return Export(
        rows_wanted(arguments),
        None if output == STANDARD_OUTPUT else Path(output).expanduser().absolute(),
        format_,
        arguments.overwrite,
        arguments.guard_formulas,
    )


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    export = add_command(commands, "export", "write the rows of a table to a file", _make)
    add_rows(export, "as the rows lie in the table")
    export.add_argument("--output", required=True, metavar="FILE", help="a new file, or - for standard output")
    export.add_argument("--format", choices=FORMATS, help="default: as FILE is called, csv where that says nothing")
    export.add_argument("--overwrite", action="store_true", help="write over FILE where it is there")
    export.add_argument(
        "--guard-formulas",
        action="store_true",
        help="in CSV, put ' before what a spreadsheet would take for a formula; numbers stay",
    )
