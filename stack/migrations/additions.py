"""Steps that evidently lose nothing: those whose file is only what adds, read off the syntax tree; nothing is run.

What is not evident is judged by its SQL, in `stack.migrations.scrutiny`, which takes a process.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stack.migrations.configuration import parse

_ADDING: Final = frozenset(
    {
        "add_column",
        "bulk_insert",
        "create_check_constraint",
        "create_exclude_constraint",
        "create_foreign_key",
        "create_index",
        "create_primary_key",
        "create_table",
        "create_table_comment",
        "create_unique_constraint",
        "drop_constraint",
        "drop_index",
        "drop_table_comment",
        "rename_table",
    }
)
"""The operations of ``alembic.op`` after which every row and every value is still there."""


def only_adds(path: Path) -> bool:
    """Return whether the upgrade in `path` is nothing but operations that lose nothing, with no code among them.

    SQL counts where it is written out. A file that cannot be read is judged elsewhere.
    """
    try:
        tree = parse(path.read_bytes(), path)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return False
    upgrades = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"]
    if not _has_alembics_op(tree) or len(upgrades) != 1 or upgrades[0].decorator_list:
        return False
    return all(_is_harmless(statement) for statement in upgrades[0].body)


def _has_alembics_op(tree: ast.Module) -> bool:
    """Return whether ``op`` is Alembic's, and nothing else takes its name."""
    return [source for node in ast.walk(tree) for source in _names_op(node)] == ["alembic"]


def _names_op(node: ast.AST) -> Iterator[str | None]:
    """Yield the module that `node` imports ``op`` from, or None where it gives the name to something else."""
    match node:
        case ast.ImportFrom(module=source, names=names):
            yield from (source for name in names if name.asname == "op" or (name.name == "op" and not name.asname))
        case ast.Import(names=names):
            yield from (None for name in names if name.asname == "op")
        case ast.Name(id="op", ctx=ast.Store() | ast.Del()) | ast.arg(arg="op"):
            yield None
        case ast.FunctionDef(name="op") | ast.AsyncFunctionDef(name="op") | ast.ClassDef(name="op"):
            yield None
        case _:
            pass


def _is_harmless(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="op"), attr="execute")) as call):
            text = _text(call)
            return text is not None and _keeps_all(text)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="op"), attr=name)) as call):
            return name in _ADDING and not _runs(call)
        case _:
            return False


def _runs(call: ast.Call) -> bool:
    """Return whether an argument of `call` is itself an operation, other than ``op.f``, which names a constraint."""
    inner = [node for argument in (*call.args, *call.keywords) for node in ast.walk(argument)]
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "op"
        and node.attr != "f"
        for node in inner
    )


def _text(call: ast.Call) -> str | None:
    """Return the SQL that `call` is given, as it is or in ``sa.text(…)``, where it is written out."""
    match call:
        case ast.Call(args=[ast.Constant(value=str(text))], keywords=[]):
            return text
        case ast.Call(args=[ast.Call(func=ast.Attribute(attr="text") | ast.Name(id="text")) as inner], keywords=[]):
            return _text(inner)
        case _:
            return None


def _keeps_all(text: str) -> bool:
    # Imported here: Postgres' grammar, which most steps do not need.
    from stack.migrations.risks.effects import Known
    from stack.migrations.risks.facts import Catalogue
    from stack.migrations.risks.operations import ChangeType, Transaction
    from stack.migrations.risks.risk import Loss
    from stack.migrations.risks.rules import Case, risks
    from stack.migrations.risks.statements import read_statements

    unknown = Case(Known(Catalogue(), frozenset()), in_transaction=True)
    operations = [operation for statement in read_statements((text,)) for operation in statement.operations]
    # What a change of type keeps depends on the type that it was.
    return not any(
        isinstance(each, ChangeType) or any(risk.loss is not Loss.NONE for risk in risks(each, unknown))
        for each in operations
        if not isinstance(each, Transaction)
    )
