"""The statements that make a table anew, put together from the catalogue in the order in which they can be run.

They make the table with its columns, sequences, constraints, indexes, triggers, policies and comments. What it stands
on is not made: the schema, types, functions, other tables. Nor are its owner and its grants, which are of a database
and not of a table.
"""

from collections.abc import Iterator
from typing import Final

from stack.tables.catalogue import Kind
from stack.tables.structure import Constraint, ConstraintKind, Field, Sequence, Structure

_MOST: Final = {"smallint": 32767, "integer": 2147483647, "bigint": 9223372036854775807}


def definition(structure: Structure) -> str:
    """Return the statements, each with its semicolon."""
    return "\n".join(f"{statement};" for statement in statements(structure))


def statements(structure: Structure) -> Iterator[str]:
    """Yield the statements, in their order."""
    path = structure.path
    owned = [(each.quoted, each.sequence) for each in structure.columns if each.sequence and not each.identity]
    yield from (f"CREATE SEQUENCE {each.path} AS {each.type}{_options(each)}" for _, each in owned)
    yield _create(structure, path)
    yield from (f"ALTER SEQUENCE {each.path} OWNED BY {path}.{column}" for column, each in owned)
    yield from (index.definition for index in structure.indexes if not index.constraint)
    if structure.partition_bound:
        yield f"ALTER TABLE ONLY {structure.parents[0]} ATTACH PARTITION {path} {structure.partition_bound}"
    yield from _added(structure, path)
    yield from (trigger.definition for trigger in structure.triggers)
    if structure.row_security:
        yield f"ALTER TABLE {path} ENABLE ROW LEVEL SECURITY"
    if structure.row_security_forced:
        yield f"ALTER TABLE {path} FORCE ROW LEVEL SECURITY"
    yield from (policy.definition for policy in structure.policies)
    yield from _comments(structure, path)


def _create(structure: Structure, path: str) -> str:
    with_ = f" WITH ({structure.options})" if structure.options else ""
    match structure.table.kind:
        case Kind.VIEW:
            return f"CREATE VIEW {path}{with_} AS\n{_query(structure)}"
        case Kind.MATERIALISED:
            data = "" if structure.populated else "\nWITH NO DATA"
            return f"CREATE MATERIALIZED VIEW {path}{with_} AS\n{_query(structure)}{data}"
        case kind:
            what = "FOREIGN TABLE" if kind is Kind.FOREIGN else "UNLOGGED TABLE" if structure.unlogged else "TABLE"
            inherits = bool(structure.parents) and not structure.partition_bound
            clauses = [_column(each) for each in structure.columns if each.local or not inherits]
            clauses += [each.definition for each in structure.constraints if _is_inline(each, structure)]
            inside = "(\n    " + ",\n    ".join(clauses) + "\n)" if clauses else "()"
            after = [f" INHERITS ({', '.join(structure.parents)})"] if inherits else []
            after += [f" PARTITION BY {structure.partition_key}"] if structure.partition_key else []
            after += [f" {structure.server}"] if structure.server else []
            return f"CREATE {what} {path} {inside}{''.join(after)}{with_}"


def _query(structure: Structure) -> str:
    return (structure.view or "").rstrip().removesuffix(";")


def _is_inline(constraint: Constraint, structure: Structure) -> bool:
    """Whether it stands in CREATE TABLE: not what others stand on, nor what may be untrue of old rows."""
    alters = constraint.kind in {ConstraintKind.FOREIGN, ConstraintKind.TRIGGER} or not constraint.validated
    return not alters and (constraint.local or bool(structure.partition_bound))


def _added(structure: Structure, path: str) -> Iterator[str]:
    """Yield the constraints that a table gets once it is there; a partition has its parents' by then."""
    for each in structure.constraints:
        if each.local and not _is_inline(each, structure) and each.kind is not ConstraintKind.TRIGGER:
            yield f"ALTER TABLE {path} ADD {each.definition}"


def _column(column: Field) -> str:
    words = [column.quoted, column.type]
    if column.options:
        words.append(column.options)
    if column.collation:
        words.append(f"COLLATE {column.collation}")
    if column.generated:
        words.append(f"GENERATED ALWAYS AS ({column.default}) {column.generated}")
    elif column.identity and column.sequence:
        name, options = column.sequence.path, _options(column.sequence)
        words.append(f"GENERATED {column.identity} AS IDENTITY (SEQUENCE NAME {name}{options})")
    elif column.default is not None:
        words.append(f"DEFAULT {column.default}")
    if not column.nullable:
        words.append("NOT NULL")
    return " ".join(words)


def _options(sequence: Sequence) -> str:
    """Return what a sequence does otherwise than one that is told nothing."""
    up = sequence.increment > 0
    most = _MOST[sequence.type]
    usual_least, usual_most = (1, most) if up else (-most - 1, -1)
    words = [
        (sequence.increment != 1, f"INCREMENT BY {sequence.increment}"),
        (sequence.least != usual_least, f"MINVALUE {sequence.least}"),
        (sequence.most != usual_most, f"MAXVALUE {sequence.most}"),
        (sequence.start != (sequence.least if up else sequence.most), f"START WITH {sequence.start}"),
        (sequence.cache != 1, f"CACHE {sequence.cache}"),
        (sequence.cycles, "CYCLE"),
    ]
    return "".join(f" {word}" for said, word in words if said)


def _comments(structure: Structure, path: str) -> Iterator[str]:
    what = {Kind.VIEW: "VIEW", Kind.MATERIALISED: "MATERIALIZED VIEW", Kind.FOREIGN: "FOREIGN TABLE"}
    if structure.comment is not None:
        yield f"COMMENT ON {what.get(structure.table.kind, 'TABLE')} {path} IS {_literal(structure.comment)}"
    for column in structure.columns:
        if column.comment is not None:
            yield f"COMMENT ON COLUMN {path}.{column.quoted} IS {_literal(column.comment)}"


def _literal(value: str) -> str:
    doubled = value.replace("'", "''").replace("\\", "\\\\")
    return f" E'{doubled}'".lstrip() if "\\" in value else f"'{doubled}'"
