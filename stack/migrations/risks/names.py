"""Names and types out of Postgres' syntax tree."""

from collections.abc import Sequence

from postgast import nodes as pg

from stack.migrations.risks.operations import Name, Type


def name_of(relation: pg.RangeVar) -> Name:
    """Return the name that `relation` is."""
    return Name(relation.schemaname or None, relation.relname)


def words(nodes: Sequence[pg.AstNode]) -> tuple[str, ...]:
    """Return the parts of a dotted name."""
    return tuple(node.sval for node in nodes if isinstance(node, pg.String))


def name_of_words(parts: Sequence[str]) -> Name:
    """Return the name that the `parts` of a dotted name are; the database's own part is left out."""
    return Name(parts[-2] if len(parts) > 1 else None, parts[-1])


def type_of(node: pg.TypeName | None) -> Type:
    """Return the type that `node` names."""
    if node is None:
        return Type("unknown")
    name = words(node.names)[-1] + "[]" * bool(node.array_bounds)
    return Type(name, tuple(_number(each) for each in node.typmods))


def _number(node: pg.AstNode) -> int:
    match node:
        case pg.A_Const(val=int(number)):
            return number
        case pg.A_Const(val=pg.Integer(ival=number)):
            return number
        case _:
            return 0
