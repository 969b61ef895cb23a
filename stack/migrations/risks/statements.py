"""Statements as operations, read with Postgres' own grammar (libpg_query, through `postgast`).

It is the grammar of Postgres 18; what an older server would refuse is not noticed here.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from postgast import PgQueryError, parse, walk_typed, wrap
from postgast import nodes as pg
from postgast import pg_query_pb2 as raw

from stack.migrations.risks.alterations import read_alterations
from stack.migrations.risks.locks import Lock
from stack.migrations.risks.names import name_of, name_of_words, words
from stack.migrations.risks.operations import (
    AddEnumValue,
    AlterTable,
    Change,
    ChangeIndex,
    ChangeRows,
    CreateIndex,
    CreateTable,
    DropIndex,
    DropObject,
    DropSchema,
    DropTable,
    Operation,
    RefreshView,
    Reindex,
    Rename,
    RewriteTable,
    RunCode,
    Transaction,
    Truncate,
    Unreadable,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement and what it does; `text` is all of it, without a semicolon."""

    text: str
    operations: tuple[Operation, ...]


def read_statements(texts: Sequence[str]) -> tuple[Statement, ...]:
    """Return each statement of `texts`, every one of which may hold several."""
    return tuple(statement for text in texts for statement in _read(text))


def _read(text: str) -> Iterator[Statement]:
    try:
        tree = wrap(parse(text))
    except PgQueryError as error:
        yield Statement(text.strip(), (Unreadable(error.message),))
        return
    if not isinstance(tree, pg.ParseResult):
        raise TypeError(f"a script is no {type(tree).__name__}")
    encoded = text.encode()
    for each in tree.stmts:
        end = each.stmt_location + each.stmt_len if each.stmt_len else len(encoded)
        written = encoded[each.stmt_location : end].decode().strip()
        yield Statement(written, (*_operations(each.stmt), *_within(each.stmt)))


def _within(node: pg.AstNode | None) -> Iterator[Operation]:
    """Yield what a part of the statement `node` does to rows, as in ``WITH gone AS (DELETE …) SELECT …``."""
    # What these hold is run later, if ever.
    if node is None or isinstance(node, pg.CreateFunctionStmt | pg.RuleStmt):
        return
    for _, part in islice(walk_typed(node), 1, None):
        if isinstance(part, pg.DeleteStmt | pg.UpdateStmt | pg.MergeStmt):
            yield from _operations(part)


def _operations(node: pg.AstNode | None) -> Iterator[Operation]:  # noqa: C901, PLR0912, PLR0915 - one case a kind
    match node:
        case pg.TransactionStmt(kind=kind):
            if kind in {raw.TRANS_STMT_BEGIN, raw.TRANS_STMT_START}:
                yield Transaction.BEGIN
            elif kind in {raw.TRANS_STMT_COMMIT, raw.TRANS_STMT_ROLLBACK}:
                yield Transaction.END
        case pg.AlterTableStmt(relation=pg.RangeVar() as relation, objtype=kind, cmds=commands):
            yield from _alterations(relation, kind, commands)
        case pg.CreateStmt(relation=pg.RangeVar() as relation):
            yield _new_table(node, relation)
        case pg.CreateTableAsStmt(into=pg.IntoClause(rel=pg.RangeVar() as relation)):
            yield CreateTable(name_of(relation), unless_there=node.if_not_exists)
        case pg.IndexStmt(relation=pg.RangeVar() as relation, idxname=name):
            yield CreateIndex(name_of(relation), name or None, node.unique, node.concurrent)
        case pg.RenameStmt(relation=pg.RangeVar() as relation):
            yield from _rename(node, relation)
        case pg.AlterObjectSchemaStmt(relation=pg.RangeVar() as relation, object_type=raw.OBJECT_TABLE):
            yield Rename(name_of(relation), None, f"{node.newschema}.{relation.relname}")
        case pg.DropStmt():
            yield from _drop(node)
        case pg.TruncateStmt(relations=relations):
            yield from (Truncate(name_of(each)) for each in relations if isinstance(each, pg.RangeVar))
        case pg.UpdateStmt(relation=pg.RangeVar() as relation, where_clause=where):
            yield ChangeRows(name_of(relation), Change.UPDATE, where is None)
        case pg.DeleteStmt(relation=pg.RangeVar() as relation, where_clause=where):
            yield ChangeRows(name_of(relation), Change.DELETE, where is None)
        case pg.MergeStmt(relation=pg.RangeVar() as relation, merge_when_clauses=clauses):
            kinds = {each.command_type for each in clauses if isinstance(each, pg.MergeWhenClause)}
            for kind, change in ((raw.CMD_UPDATE, Change.UPDATE), (raw.CMD_DELETE, Change.DELETE)):
                if kind in kinds:
                    yield ChangeRows(name_of(relation), change, whole=False)
        case pg.DropdbStmt(dbname=name):
            yield DropObject(f"the database {name}", cascades=False)
        case pg.DropOwnedStmt():
            yield DropObject("all that a role owns", cascades=True)
        case pg.AlterEnumStmt(type_name=name, new_val=value, old_val=""):
            yield AddEnumValue(name_of_words(words(name)), value)
        case pg.CreateTrigStmt(relation=pg.RangeVar() as relation):
            # https://www.postgresql.org/docs/18/explicit-locking.html names CREATE TRIGGER under this lock.
            yield AlterTable(name_of(relation), Lock.SHARE_ROW_EXCLUSIVE)
        case pg.CreatePolicyStmt(table=pg.RangeVar() as relation):
            yield AlterTable(name_of(relation), Lock.ACCESS_EXCLUSIVE)
        case pg.CommentStmt(objtype=kind, object=pg.List(items=items)) if kind in {raw.OBJECT_TABLE, raw.OBJECT_COLUMN}:
            named = words(items)
            owner = named[:-1] if kind == raw.OBJECT_COLUMN else named
            yield AlterTable(name_of_words(owner), Lock.SHARE_UPDATE_EXCLUSIVE)
        case pg.VacuumStmt(rels=relations, is_vacuumcmd=True, options=options):
            if any(isinstance(each, pg.DefElem) and each.defname == "full" for each in options):
                for each in relations:
                    if isinstance(each, pg.VacuumRelation) and each.relation:
                        yield RewriteTable(name_of(each.relation), "VACUUM FULL")
        case pg.ClusterStmt(relation=pg.RangeVar() as relation):
            yield RewriteTable(name_of(relation), "CLUSTER")
        case pg.ReindexStmt(relation=pg.RangeVar() as relation, kind=raw.REINDEX_OBJECT_TABLE, params=params):
            concurrently = any(isinstance(each, pg.DefElem) and each.defname == "concurrently" for each in params)
            yield Reindex(name_of(relation), concurrently)
        case pg.RefreshMatViewStmt(relation=pg.RangeVar() as relation, concurrent=concurrently):
            yield RefreshView(name_of(relation), concurrently)
        case pg.LockStmt(relations=relations, mode=mode):
            yield from (AlterTable(name_of(each), _MODES[mode]) for each in relations if isinstance(each, pg.RangeVar))
        case pg.DoStmt():
            code = [each.sval for _, each in walk_typed(node) if isinstance(each, pg.String)]
            yield RunCode("a DO block", any(_DESTROYS.search(text) for text in code))
        case pg.CallStmt() | pg.ExecuteStmt():
            yield RunCode("a procedure" if isinstance(node, pg.CallStmt) else "a prepared statement", may_destroy=True)
        case pg.SelectStmt():
            yield from (RunCode(f"the function {name}", _HARMLESS.fullmatch(name) is None) for name in _called(node))
        case _:
            pass


_DESTROYS: Final = re.compile(r"\b(?:drop|truncate|delete|merge|execute|perform|call)\b", re.IGNORECASE)
"""What a block does not do without one of these words, whichever statement it makes up."""
_HARMLESS: Final = re.compile(
    r"pg_(?:try_)?advisory_\w+|pg_sleep|pg_notify|setval|nextval|currval|set_config|current_setting|now|to_regclass|"
    r"pg_get_serial_sequence|count|max|min|sum|length|lower|upper|unnest|generate_series"
)
"""Postgres' own functions that migrations call and that keep every row."""

# LOCKMODE of Postgres, 1 to 8 (src/include/storage/lockdefs.h).
_MODES = dict(enumerate(Lock, 1))


def _alterations(relation: pg.RangeVar, kind: int, commands: list[pg.AstNode]) -> Iterator[Operation]:
    if kind == raw.OBJECT_TABLE:
        yield from read_alterations(
            name_of(relation), [each for each in commands if isinstance(each, pg.AlterTableCmd)]
        )
    elif kind == raw.OBJECT_INDEX:
        yield ChangeIndex(name_of(relation))
    elif kind == raw.OBJECT_TYPE:
        for each in commands:
            if isinstance(each, pg.AlterTableCmd) and each.subtype == raw.AT_DropColumn:
                yield DropObject(f"the attribute {each.name} of the type {name_of(relation)}", cascades=False)


def _new_table(node: pg.CreateStmt, relation: pg.RangeVar) -> CreateTable:
    constraints = [
        constraint
        for element in node.table_elts
        for constraint in (element.constraints if isinstance(element, pg.ColumnDef) else [element])
        if isinstance(constraint, pg.Constraint)
    ]
    return CreateTable(
        name_of(relation),
        tuple(name_of(each.pktable) for each in constraints if each.pktable),
        next((name_of(each) for each in node.inh_relations if isinstance(each, pg.RangeVar)), None)
        if node.partbound
        else None,
        node.if_not_exists,
    )


def _rename(node: pg.RenameStmt, relation: pg.RangeVar) -> Iterator[Operation]:
    match node.rename_type:
        case raw.OBJECT_TABLE:
            yield Rename(name_of(relation), None, node.newname)
        case raw.OBJECT_COLUMN if node.relation_type == raw.OBJECT_TABLE:
            yield Rename(name_of(relation), node.subname, node.newname)
        case raw.OBJECT_INDEX:
            yield ChangeIndex(name_of(relation))
        case raw.OBJECT_TABCONSTRAINT | raw.OBJECT_TRIGGER | raw.OBJECT_POLICY | raw.OBJECT_RULE:
            yield AlterTable(name_of(relation), Lock.ACCESS_EXCLUSIVE)
        case _:
            pass


def _drop(node: pg.DropStmt) -> Iterator[Operation]:
    names = [_words_of(each) for each in node.objects]
    cascades = node.behavior == raw.DROP_CASCADE
    for named in names:
        match node.remove_type:
            case raw.OBJECT_TABLE:
                yield DropTable(name_of_words(named))
            case raw.OBJECT_INDEX:
                yield DropIndex(name_of_words(named), node.concurrent)
            case raw.OBJECT_SCHEMA:
                yield DropSchema(named[-1], cascades)
            case raw.OBJECT_TRIGGER | raw.OBJECT_POLICY | raw.OBJECT_RULE:
                yield AlterTable(name_of_words(named[:-1]), Lock.ACCESS_EXCLUSIVE)
            case raw.OBJECT_SEQUENCE | raw.OBJECT_MATVIEW as kind:
                what = "sequence" if kind == raw.OBJECT_SEQUENCE else "materialized view"
                yield DropObject(f"the {what} {'.'.join(named)}", cascades)
            case raw.OBJECT_VIEW:
                pass
            case _ if cascades:
                yield DropObject(".".join(named) or "an object", cascades)
            case _:
                pass


def _words_of(node: pg.AstNode) -> tuple[str, ...]:
    match node:
        case pg.List(items=parts) | pg.TypeName(names=parts) | pg.ObjectWithArgs(objname=parts):
            return words(parts)
        case _:
            return words([node])


def _called(select: pg.SelectStmt) -> Iterator[str]:
    """Yield the functions that a SELECT calls for what they do, as in ``SELECT create_partition('x')``."""
    for part in (*select.target_list, *select.from_clause):
        for _, node in walk_typed(part):
            if isinstance(node, pg.FuncCall):
                yield ".".join(word for word in words(node.funcname) if word != "pg_catalog")
