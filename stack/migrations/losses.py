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


def _of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if kind := _DROPS.get(node.func.attr):
            names = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            yield f"drops the {kind} {'.'.join(names) or 'that it computes'}"
        elif node.func.attr == "execute":
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                yield from _of_sql(argument)


def _of_sql(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for match in _DESTROYS.finditer(node.value):
                yield f"runs {' '.join(match.group().split())[:_LONGEST]}"
