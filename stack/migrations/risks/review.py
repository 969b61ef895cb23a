"""What a migration's file says to its reader: which of its risks were reviewed, and whether it can be taken back.

A module marks a risk as reviewed with the rule's name and the reason::

    reviewed = {"drop-column": "nothing has used it since release 41"}

It is read off the syntax tree, as the rest of the file is, so it must be a plain dictionary of plain strings.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from stack.migrations.configuration import parse


class Body(Enum):
    """What a function of a migration has in it."""

    ABSENT = auto()
    EMPTY = auto()
    RAISES = auto()
    """Nothing but an error that says why: what somebody writes who means that there is no way."""
    FULL = auto()


@dataclass(frozen=True, slots=True)
class Review:
    """What the file of one revision says."""

    reviewed: Mapping[str, str] = field(default_factory=dict)
    upgrade: Body = Body.FULL
    downgrade: Body = Body.FULL


def read_review(path: Path) -> Review:
    """Read one revision's file; a file that cannot be read says nothing, and is found broken elsewhere."""
    try:
        tree = parse(path.read_bytes(), path)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return Review()
    functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
    return Review(_reviewed(tree), _body(functions.get("upgrade")), _body(functions.get("downgrade")))


def _reviewed(tree: ast.Module) -> dict[str, str]:
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="reviewed")], value=ast.Dict(keys=keys, values=values))
                | ast.AnnAssign(target=ast.Name(id="reviewed"), value=ast.Dict(keys=keys, values=values))
            ):
                pairs = zip(keys, values, strict=True)
                return {rule: why for key, value in pairs if (rule := _text(key)) and (why := _text(value))}
            case _:
                pass
    return {}


def _text(node: ast.expr | None) -> str:
    return node.value.strip() if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _body(function: ast.FunctionDef | None) -> Body:
    if function is None:
        return Body.ABSENT
    said = [each for each in function.body if not isinstance(each, ast.Pass) and not _is_words(each)]
    if said and isinstance(said[0], ast.Raise):
        return Body.RAISES
    return Body.FULL if said else Body.EMPTY


def _is_words(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
