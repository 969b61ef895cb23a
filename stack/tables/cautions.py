"""What in a plan would read far too much: a scan of something huge that keeps few rows, and the index that it lacks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from stack.amounts import size
from stack.tables.conditions import NamedType, exactly, subject
from stack.tables.description import Column, Family
from stack.tables.filters import Filter, Operator
from stack.tables.names import quote_name
from stack.tables.plans import Node
from stack.tables.sql_text import sql_text

HUGE_ROWS: Final = 100_000
HUGE_BYTES: Final = 100_000_000

FEW: Final = 10
"""A scan keeps few rows where there are this many for each."""

_NO_HELP: Final = frozenset({Operator.NOT_EQUAL, Operator.DISTINCT, Operator.NOT_NULL})
_STREAMS: Final = frozenset(
    {"Result", "Subquery Scan", "Append", "Merge Append", "Gather", "Gather Merge", "ProjectSet"}
)
"""Steps that ask those below them for no more rows than they are asked for."""


@dataclass(frozen=True, slots=True)
class Relation:
    """What is known of a relation.

    `rows` are estimated. `indexed` are the columns that its indexes begin with, each with the index's method, and
    `expressions` the expressions that others begin with, as the server writes them.
    """

    rows: int
    bytes: int
    indexed: frozenset[tuple[str, str]]
    expressions: frozenset[str] = frozenset()


Relations = Mapping[tuple[str, str], Relation]
"""Relations by schema and name."""

Where = Sequence[tuple[Column, Filter]]


@dataclass(frozen=True, slots=True)
class Caution:
    """A step that would read much and keep little; `remedies` are statements that make an index for it."""

    title: str
    cause: str
    remedies: tuple[str, ...]


def cautions(plan: Node, relations: Relations, where: Where) -> tuple[Caution, ...]:
    """Return what in `plan` would read a huge relation and keep few of its rows.

    A scan that feeds a limit ends once there are enough rows: it is taken to read its share, unless a step between them
    needs all rows first, or how many rows there are is a guess of the server's. Walking along an index that has nothing
    to do with `where` is such a scan too.
    """
    return tuple(_cautions(plan, relations, where, None))


def _cautions(node: Node, relations: Relations, where: Where, limit: float | None) -> Iterator[Caution]:
    relation = relations.get(node.relation) if node.relation else None
    if relation and node.relation and node.condition("Filter") and node.kind.endswith("Scan"):
        guessed = any(_is_guessed(node, relation, column, each) for column, each in where)
        share = 1.0 if limit is None or guessed else min(1.0, limit / max(node.rows, 1))
        read = relation.rows * share
        huge = read > HUGE_ROWS or relation.bytes * read / max(relation.rows, 1) > HUGE_BYTES
        few = guessed or node.rows * FEW <= relation.rows
        if huge and few and not _is_served(node, where):
            yield _caution(node, node.relation, relation, round(read), where, guessed=guessed)
    below = node.rows if node.kind == "Limit" else limit if node.kind in _STREAMS else None
    for child in node.children:
        yield from _cautions(child, relations, where, below)


def _is_served(node: Node, where: Where) -> bool:
    """Whether an index that is used knows a column of `where`."""
    used = node.condition("Index Cond") or node.condition("Recheck Cond") or ""
    return any(re.search(rf"\.{_spelled(column)}", used) for column, _ in where)


def _is_guessed(node: Node, relation: Relation, column: Column, each: Filter) -> bool:
    """Whether the server has no statistics of what `each` asks for: of what is inside a value only an index has any."""
    if each.operator in _NO_HELP:
        # Most rows meet these, wherever they are asked for.
        return False
    if each.operator is Operator.MATCHES:
        return True
    if each.path is None:
        return False
    asked = re.sub(rf'[\w"]+\.(?={_spelled(column)})', "", node.condition("Filter") or "")
    return not any(expression in asked for expression in relation.expressions)


def _spelled(column: Column) -> str:
    """Return a pattern of the name of `column` as the server writes it."""
    return rf"(?:{re.escape(quote_name(column.name))}|{re.escape(_written(column.name))})(?!\w)"


def _caution(
    node: Node, name: tuple[str, str], relation: Relation, read: int, where: Where, *, guessed: bool
) -> Caution:
    share = (
        f"about {read:,} of {relation.rows:,} rows"
        if read < relation.rows
        else f"{'up to ' if guessed else ''}all {relation.rows:,} rows"
    )
    how = f"along the index {node.index}" if node.index else "from end to end"
    lacking = [
        (column, each)
        for column, each in where
        if each.path or (column.name, _method(column, each)) not in relation.indexed
    ]
    names = ", ".join(dict.fromkeys(quote_name(column.name) for column, _ in lacking))
    remedies = dict.fromkeys(remedy for column, each in lacking if (remedy := index_for(name, column, each)))
    cause = f"No index serves the filter on {names}."
    if not names:
        cause = "There is an index on it that the server does not hold for quicker."
    if guessed:
        cause += f" That it keeps {node.rows:,.0f} is a guess: the server has no statistics of what is inside a value."
    keeps = "perhaps none" if guessed else f"{node.rows:,.0f}"
    return Caution(f"{name[1]} is read {how}: {share} ({size(relation.bytes)}) to keep {keeps}", cause, tuple(remedies))


def index_for(name: tuple[str, str], column: Column, each: Filter) -> str | None:
    """Return the statement that makes an index for `each` on the relation `name`; None where none would help."""
    method = _method(column, each)
    if method is None:
        return None
    key, note = _written(column.name), ""
    if each.path:
        itself: sa.ColumnElement[str] = sa.column(exactly(column.name), NamedType(column.base_type))
        key = f"({sql_text(subject(itself, column, each))})"
    if each.operator is Operator.CONTAINS:
        key, note = f"{key} gin_trgm_ops", "; -- needs the extension pg_trgm"
    using = "" if method == "btree" else f"USING {method} "
    return f"CREATE INDEX CONCURRENTLY ON {'.'.join(map(_written, name))} {using}({key}){note}"


def _method(column: Column, each: Filter) -> str | None:
    """Return which method of indexes serves `each`, None where none does."""
    if each.operator in _NO_HELP or column.base_type == "json":
        # What makes jsonb of json is not held to be immutable, so no index takes it.
        return None
    match each.operator:
        case Operator.CONTAINS:
            return "gin" if column.base_type in {"text", "character varying"} and not each.path else None
        case Operator.OVERLAPS if column.family is not Family.ARRAY:
            return "gist"
        case Operator.HAS | Operator.OVERLAPS | Operator.MATCHES:
            return "gin"
        case _:
            return "btree"


def _written(name: str) -> str:
    return sql_text(sa.column(exactly(name)))
