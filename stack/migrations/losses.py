"""What a step destroys, as far as its file says so: read off the syntax tree, nothing is run."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stack.migrations.configuration import quiet
from stack.migrations.protocol import Command

_DROPS: Final = {"drop_table": "table", "drop_column": "column"}
_DESTROYS: Final = re.compile(
    r"\b(?:drop\s+(?:table|column|schema|materialized\s+view|sequence|type|owned)|truncate|delete\s+from)\b[^;]*",
    re.IGNORECASE,
)
_LONGEST: Final = 100


def destroys(path: Path, command: Command) -> tuple[str, ...]:
    """Return in a phrase each what the upgrade, or the downgrade, of the step in `path` destroys.

    A step that computes its statements may destroy more. A downgrade always takes back what its upgrade has made.
    """
    skipped = {Command.UPGRADE: "downgrade", Command.DOWNGRADE: "upgrade"}[command]
    with quiet():
        tree = ast.parse(path.read_bytes())
    body = [node for node in tree.body if not (isinstance(node, ast.FunctionDef) and node.name == skipped)]
    found = [phrase for node in body for phrase in _of(node)]
    if command is Command.DOWNGRADE:
        found.insert(0, "takes back what it made, with the data in it")
    return tuple(dict.fromkeys(found))


def executed(tree: ast.AST) -> Iterator[str]:
    """Yield the texts that are given to ``execute`` somewhere in `tree`, as far as they are written there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "execute":
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                for part in ast.walk(argument):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value


def _of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _DROPS:
            names = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            yield f"drops the {_DROPS[node.func.attr]} {'.'.join(names) or 'that it computes'}"
    for text in executed(tree):
        yield from (f"runs {' '.join(match.group().split())[:_LONGEST]}" for match in _DESTROYS.finditer(text))
