"""The parts of an ALTER TABLE as operations."""

from collections.abc import Iterator, Sequence
from typing import Final

from postgast import nodes as pg
from postgast import pg_query_pb2 as raw
from postgast import walk_typed

from stack.migrations.risks.locks import Lock
from stack.migrations.risks.names import name_of, type_of, words
from stack.migrations.risks.operations import (
    AddColumn,
    AddConstraint,
    AlterTable,
    AttachPartition,
    ChangeType,
    Constraint,
    DropColumn,
    DropConstraint,
    Name,
    Operation,
    RewriteTable,
    SetNotNull,
    Type,
    ValidateConstraint,
)

# Sub-commands with a lesser lock than ALTER TABLE's own, and without a look at the rows: AlterTableGetLockLevel in
# src/backend/commands/tablecmds.c, the same in 15 to 18; the documentation of ALTER TABLE says the same form by form.
_LESSER: Final = {
    **dict.fromkeys(
        (
            raw.AT_SetStatistics,
            raw.AT_ClusterOn,
            raw.AT_DropCluster,
            raw.AT_SetOptions,
            raw.AT_ResetOptions,
            raw.AT_SetRelOptions,
            raw.AT_ResetRelOptions,
        ),
        Lock.SHARE_UPDATE_EXCLUSIVE,
    ),
    **dict.fromkeys(
        (
            raw.AT_EnableTrig,
            raw.AT_EnableAlwaysTrig,
            raw.AT_EnableReplicaTrig,
            raw.AT_EnableTrigAll,
            raw.AT_EnableTrigUser,
            raw.AT_DisableTrig,
            raw.AT_DisableTrigAll,
            raw.AT_DisableTrigUser,
        ),
        Lock.SHARE_ROW_EXCLUSIVE,
    ),
}

_REWRITES: Final = {
    raw.AT_SetLogged: "SET LOGGED",
    raw.AT_SetUnLogged: "SET UNLOGGED",
    raw.AT_SetTableSpace: "SET TABLESPACE",
    raw.AT_SetAccessMethod: "SET ACCESS METHOD",
    raw.AT_SetExpression: "SET EXPRESSION",
}

_KINDS: Final = {
    raw.CONSTR_CHECK: Constraint.CHECK,
    raw.CONSTR_NOTNULL: Constraint.NOT_NULL,
    raw.CONSTR_FOREIGN: Constraint.FOREIGN_KEY,
    raw.CONSTR_UNIQUE: Constraint.UNIQUE,
    raw.CONSTR_PRIMARY: Constraint.PRIMARY_KEY,
    raw.CONSTR_EXCLUSION: Constraint.EXCLUSION,
}

_SERIAL: Final = {
    "serial": "int4",
    "serial4": "int4",
    "bigserial": "int8",
    "serial8": "int8",
    "smallserial": "int2",
    "serial2": "int2",
}


def read_alterations(table: Name, commands: Sequence[pg.AlterTableCmd]) -> Iterator[Operation]:
    """Return what the `commands` of an ALTER TABLE do, one operation each."""
    for command in commands:
        yield _alteration(table, command)


def _alteration(table: Name, command: pg.AlterTableCmd) -> Operation:  # noqa: C901 - one case a form
    match command.subtype, command.def_:
        case raw.AT_AddColumn, pg.ColumnDef() as column:
            return _new_column(table, column)
        case raw.AT_DropColumn, _:
            return DropColumn(table, command.name)
        case raw.AT_AlterColumnType, pg.ColumnDef(type_name=type_, raw_default=using):
            return ChangeType(table, command.name, type_of(type_), _computes(using, command.name))
        case raw.AT_SetNotNull, _:
            return SetNotNull(table, command.name)
        case raw.AT_AddConstraint, pg.Constraint() as constraint if constraint.contype in _KINDS:
            return _new_constraint(table, constraint)
        case raw.AT_ValidateConstraint, _:
            return ValidateConstraint(table, command.name)
        case raw.AT_DropConstraint, _:
            return DropConstraint(table, command.name)
        case (
            raw.AT_AttachPartition | raw.AT_DetachPartition as kind,
            pg.PartitionCmd(name=pg.RangeVar() as part) as how,
        ):
            return AttachPartition(table, name_of(part), kind == raw.AT_AttachPartition, how.concurrent)
        case kind, _ if kind in _REWRITES:
            return RewriteTable(table, _REWRITES[kind])
        case kind, _:
            return AlterTable(table, _LESSER.get(kind, Lock.ACCESS_EXCLUSIVE))


def _new_constraint(table: Name, constraint: pg.Constraint) -> AddConstraint:
    columns = words(constraint.keys) or words(constraint.fk_attrs)
    return AddConstraint(
        table,
        constraint.conname or None,
        _KINDS[constraint.contype],
        validated=not constraint.skip_validation,
        columns=columns,
        index=constraint.indexname or None,
        references=name_of(constraint.pktable) if constraint.pktable else None,
        proves=_never_null(constraint.raw_expr),
    )


def _never_null(expression: pg.AstNode | None) -> str | None:
    """Return the column of which `expression` says that it is not NULL, where it says nothing else."""
    match expression:
        case pg.NullTest(arg=pg.ColumnRef(fields=fields), nulltesttype=raw.IS_NOT_NULL):
            return words(fields)[-1]
        case _:
            return None


def _computes(using: pg.AstNode | None, column: str) -> bool:
    """Say whether a USING is more than the column itself, or its plain cast."""
    match using:
        case None:
            return False
        case pg.TypeCast(arg=pg.ColumnRef(fields=fields)) | pg.ColumnRef(fields=fields):
            return words(fields)[-1:] != (column,)
        case _:
            return True


def _new_column(table: Name, column: pg.ColumnDef) -> AddColumn:
    type_ = type_of(column.type_name)
    constraints = [each for each in column.constraints if isinstance(each, pg.Constraint)]
    kinds = {each.contype for each in constraints}
    defaults = [each.raw_expr for each in constraints if each.contype == raw.CONSTR_DEFAULT and each.raw_expr]
    functions = [".".join(words(call.funcname)) for default in defaults for call in _calls(default)]
    if type_.name in _SERIAL or raw.CONSTR_IDENTITY in kinds:
        functions.append("nextval")
    target = next((each.pktable for each in constraints if each.pktable), None)
    return AddColumn(
        table,
        column.colname,
        Type(_SERIAL[type_.name]) if type_.name in _SERIAL else type_,
        functions=tuple(functions),
        has_default=bool(defaults or functions),
        not_null=bool(kinds & {raw.CONSTR_NOTNULL, raw.CONSTR_PRIMARY}),
        stored=any(each.contype == raw.CONSTR_GENERATED and each.generated_kind == "s" for each in constraints),
        constraints=tuple(
            _KINDS[each.contype]
            for each in constraints
            if each.contype in _KINDS and each.contype != raw.CONSTR_NOTNULL
        ),
        references=name_of(target) if target else None,
    )


def _calls(expression: pg.AstNode) -> Iterator[pg.FuncCall]:
    return (node for _, node in walk_typed(expression) if isinstance(node, pg.FuncCall))
