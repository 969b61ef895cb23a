"""Which revision made a table: found in the revisions' syntax trees, so that nothing of the project's runs.

What counts is ``create_table`` and ``rename_table`` of Alembic's operations with names that are literals, or module
constants, and ``CREATE TABLE`` and the like in any text; what a downgrade does is left out. A table that was made in
another way is not found.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.findings import Code, Failure
from stack.migrations.configuration import locate, parse
from stack.migrations.script import list_files, read_script
from stack.project import Project

_NAME: Final = r'(?:"(?:[^"]|"")+"|[^\s"().;,]+)'
_CREATE: Final = re.compile(
    rf"\b(?:CREATE\s+(?:OR\s+REPLACE\s+)?(?:UNLOGGED\s+|FOREIGN\s+)?(?:TABLE|(?:MATERIALIZED\s+)?VIEW)"
    rf"(?:\s+IF\s+NOT\s+EXISTS)?\s+(?:({_NAME})\.)?({_NAME})"
    rf"|ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?(?:({_NAME})\.)?{_NAME}\s+RENAME\s+TO\s+({_NAME}))",
    re.IGNORECASE,
)
_NAMED_BY: Final = {"create_table": 0, "rename_table": 1}
"""The operations that make a table, and which of their arguments is its name."""


@dataclass(frozen=True, slots=True)
class Creation:
    """Where a table is made; `revision` is None where the file computes it."""

    revision: str | None
    message: str
    path: Path
    line: int


def find_creation(project: Project, schema: str, name: str, *, unqualified: bool) -> Creation | None:
    """Return where the migrations of `project` make the table, the last of several places in the files' order.

    `unqualified` says that its name alone means it. None where no file does, or there are no migrations. Files that
    are no Python are passed over; what is wrong with them is said where migrations are.
    """
    try:
        files = list_files(locate(project))
    except Failure as failure:
        if failure.finding.code in {Code.MIGRATIONS_MISSING, Code.MIGRATIONS_BROKEN}:
            return None
        raise
    found = None
    for path in files:
        line = _line_in(path, schema, name, unqualified=unqualified)
        if line is not None:
            script = read_script(path)
            found = Creation(script.revision if script else None, script.message if script else path.stem, path, line)
    return found


def _line_in(path: Path, schema: str, name: str, *, unqualified: bool) -> int | None:
    try:
        content = path.read_bytes()
        if _longest_word(name) not in content.decode("utf-8", "replace").lower():
            return None
        tree = parse(content, path)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    return next(
        (
            line
            for in_schema, made, line in _made(tree)
            if made == name and (in_schema == schema or (in_schema is None and unqualified))
        ),
        None,
    )


def _longest_word(name: str) -> str:
    """Return what of `name` stands in a file that makes it, whatever the quotes; parsing every file takes longer."""
    return max(re.findall(r"\w+", name.lower()), key=len, default="")


def _made(tree: ast.Module) -> Iterator[tuple[str | None, str, int]]:
    """Yield the schema, the name and the line of each table that a file makes."""
    constants = {
        target.id: statement.value.value
        for statement in tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name) and isinstance(statement.value.value, str)
    }
    for node in _walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=operation), args=arguments) if operation in _NAMED_BY:
                place = _NAMED_BY[operation]
                made = _text(arguments[place], constants) if place < len(arguments) else None
                schema = next((each.value for each in node.keywords if each.arg == "schema"), None)
                if made is not None:
                    yield (None if schema is None else _text(schema, constants)), made, node.lineno
            case ast.Constant(value=str(text)):
                for found in _CREATE.finditer(text):
                    in_schema, created, altered, renamed = found.groups()
                    schema_name = in_schema or altered
                    yield (schema_name and _fold(schema_name)), _fold(created or renamed), node.lineno
            case _:
                pass


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield `node` and all that is in it but for downgrades, in the order of the text."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        inside = ast.iter_child_nodes(node)
        waiting += [each for each in inside if not (isinstance(each, ast.FunctionDef) and each.name == "downgrade")][
            ::-1
        ]


def _text(node: ast.expr, constants: dict[str, str]) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return constants.get(name)
        case _:
            return None


def _fold(name: str) -> str:
    """Return the name that Postgres reads."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
