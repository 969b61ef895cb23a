"""What squawk says of a migration's SQL (https://squawkhq.com), where our own rules say nothing of it.

Its program comes with the `squawk` extra, in a wheel that has nothing to import. It is run once for all statements, in
the project's directory, so that a ``.squawk.toml`` there counts.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

_PATIENCE: Final = 20.0

# What our own rules judge with the table's size and types; what the runner sees to: a transaction for each step and
# timeouts; and names in ``IF EXISTS``, which a step that is rolled back as a whole has no need of.
_COVERED: Final = (
    "adding-field-with-default",
    "adding-foreign-key-constraint",
    "adding-not-nullable-field",
    "adding-required-field",
    "adding-serial-primary-key-field",
    "ban-concurrent-index-creation-in-transaction",
    "ban-drop-column",
    "ban-drop-table",
    "changing-column-type",
    "constraint-missing-not-valid",
    "disallowed-unique-constraint",
    "prefer-robust-stmts",
    "renaming-column",
    "renaming-table",
    "require-concurrent-index-creation",
    "require-concurrent-index-deletion",
    "require-concurrent-reindex",
    "require-lock-timeout",
    "require-statement-timeout",
    "require-timeout-settings",
    "transaction-nesting",
    "ban-uncommitted-transaction",
)


class _Reported(TypedDict):
    """The fields of squawk's JSON that count here; lines are numbered from 0."""

    line: int
    rule_name: str
    message: str
    help: str | None


@dataclass(frozen=True, slots=True)
class Remark:
    """One remark on the statement at `place` among all that were given."""

    place: int
    rule: str
    message: str
    help: str | None


def find_squawk() -> Path | None:
    """Return squawk's program, of this environment or else of the PATH."""
    beside = shutil.which("squawk", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("squawk")
    return Path(found) if found else None


async def ask_squawk(program: Path, statements: Sequence[str], directory: Path) -> tuple[Remark, ...] | None:
    """Return what squawk says of `statements`; None where it did not answer."""
    lines, starts = 0, []
    for statement in statements:
        starts.append(lines)
        lines += statement.count("\n") + 1
    script = "".join(f"{statement};\n" for statement in statements)
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            "--reporter=Json",
            f"--exclude={','.join(_COVERED)}",
            cwd=directory,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            said, _ = await process.communicate(script.encode())
        reported: list[_Reported] = json.loads(said or b"[]")
    except (TimeoutError, ValueError):
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return tuple(
        Remark(max(place for place, start in enumerate(starts) if start <= each["line"]), *_words(each))
        for each in reported
        if starts
    )


def _words(reported: _Reported) -> tuple[str, str, str | None]:
    return reported["rule_name"], reported["message"], reported["help"]
