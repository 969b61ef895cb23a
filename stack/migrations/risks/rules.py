"""Which operations are risks on which tables, and what to do instead."""

from collections.abc import Iterator
from dataclasses import dataclass

from stack.findings import Severity
from stack.migrations.risks.conversions import Conversion
from stack.migrations.risks.effects import Effect, Known, Work, conversion, effects, is_volatile
from stack.migrations.risks.facts import Table
from stack.migrations.risks.operations import (
    AddColumn,
    AddConstraint,
    AddEnumValue,
    AttachPartition,
    Change,
    ChangeRows,
    ChangeType,
    Constraint,
    CreateIndex,
    DropColumn,
    DropIndex,
    DropObject,
    DropSchema,
    DropTable,
    Name,
    Operation,
    RefreshView,
    Reindex,
    Rename,
    RewriteTable,
    RunCode,
    SetNotNull,
    Truncate,
    Unreadable,
)
from stack.migrations.risks.risk import Advice, Loss, Risk, Rule, size_of, weigh


@dataclass(frozen=True, slots=True)
class Case:
    """An operation on tables that are there, with what it locks; `in_transaction` where others share its fate."""

    known: Known
    in_transaction: bool

    def table(self, name: Name) -> Table | None:
        """Return what is known of a table."""
        return self.known.catalogue.tables.get(name)


def risks(operation: Operation, case: Case) -> Iterator[Risk]:  # noqa: C901, PLR0912 - one case an operation
    """Return the risks of `operation`, all of whose tables are there already."""
    match operation:
        case AddColumn():
            yield from _add_column(operation, case)
        case DropColumn():
            yield _drop_column(operation, case)
        case DropTable():
            yield _drop_table(operation, case)
        case DropSchema(cascades=True):
            yield _drop_schema(operation)
        case DropObject():
            yield _drop_object(operation)
        case Truncate():
            yield _truncate(operation, case)
        case ChangeRows():
            yield from _change_rows(operation, case)
        case ChangeType():
            yield from _change_type(operation, case)
        case SetNotNull():
            yield from _set_not_null(operation, case)
        case AddConstraint():
            yield from _add_constraint(operation, case)
        case RewriteTable():
            yield from _rewrite_table(operation, case)
        case RefreshView(concurrently=False):
            yield from _refresh_view(operation, case)
        case CreateIndex() | Reindex():
            yield from _index(operation, case)
        case DropIndex():
            yield from _drop_index(operation, case)
        case Rename():
            yield _rename(operation, case)
        case AddEnumValue():
            yield _add_enum_value(operation)
        case AttachPartition(attaches=True):
            yield from _attach_partition(operation, case)
        case RunCode():
            yield _run_code(operation)
        case Unreadable():
            yield _unreadable(operation)
        case _:
            pass


def _add_column(operation: AddColumn, case: Case) -> Iterator[Risk]:
    table, column = operation.table, operation.column
    known = case.table(table)
    volatile = [function for function in operation.functions if is_volatile(function, case.known)]
    if operation.stored or volatile:
        why = f"{volatile[0]}() gives each row its own value" if volatile else "each row's value is stored"
        advice = Advice(
            "Add the column without a default, set the default for new rows, and fill the old ones in batches"
            if volatile
            else "Add a plain column, have a trigger fill it, and fill the old rows in batches; or a VIRTUAL one (18)",
            f"ALTER TABLE {table} ADD COLUMN {column} {operation.type};\n"
            + (f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {volatile[0]}(…)" if volatile else ""),
        )
        yield from _work(operation, case, Rule.ADD_COLUMN_COMPUTED, f"{column} is added to {table}, and {why}", advice)
    elif set(operation.constraints) - {Constraint.FOREIGN_KEY}:
        advice = Advice("Add the column first, then its constraint by the way that spares readers and writers")
        yield from _work(
            operation, case, Rule.ADD_CONSTRAINT, f"{column} is added to {table} with a constraint", advice
        )
    if operation.not_null and not operation.has_default and not operation.stored:
        yield Risk(
            Rule.ADD_COLUMN_NOT_NULL,
            Severity.INFO if known and known.is_empty else Severity.ERROR,
            f"{column} is added to {table}{size_of(known)} NOT NULL without a default: that fails while there are rows",
            Advice(
                "Give it a default, which old rows have without being rewritten, or let it be NULL until it is filled",
                f"ALTER TABLE {table} ADD COLUMN {column} {operation.type} DEFAULT … NOT NULL",
            ),
            *_first(operation, case),
        )


def _drop_column(operation: DropColumn, case: Case) -> Risk:
    table, column = operation.table, operation.column
    known = case.table(table)
    return Risk(
        Rule.DROP_COLUMN,
        _loss(known),
        f"Column {column} of {table}{size_of(known)} is dropped, with what is in it; no downgrade brings that back",
        Advice(
            "Deploy code that no longer uses the column first, and drop it in a later release; keep what is in it "
            "until nobody misses it",
            f"CREATE TABLE {table.name}_{column} AS SELECT id, {column} FROM {table}",
        ),
        *_first(operation, case),
        loss=Loss.DATA,
    )


def _drop_table(operation: DropTable, case: Case) -> Risk:
    table = operation.table
    known = case.table(table)
    return Risk(
        Rule.DROP_TABLE,
        _loss(known),
        f"Table {table}{size_of(known)} is dropped with its rows; no downgrade brings them back",
        Advice(
            "Deploy code that no longer uses the table first; rename it, and drop it when nobody missed it",
            f"ALTER TABLE {table} RENAME TO {table.name}_unused",
        ),
        *_first(operation, case),
        loss=Loss.DATA,
    )


def _drop_schema(operation: DropSchema) -> Risk:
    schema = operation.schema
    return Risk(
        Rule.DROP_TABLE,
        Severity.ERROR,
        f"Schema {schema} is dropped with every table in it",
        Advice("Drop its tables one by one, so that each can be judged", f"DROP SCHEMA {schema} RESTRICT"),
        loss=Loss.DATA,
    )


def _drop_object(operation: DropObject) -> Risk:
    what = operation.what[:1].upper() + operation.what[1:]
    if operation.cascades:
        return Risk(
            Rule.DROP_OBJECT,
            Severity.ERROR,
            f"{what} is dropped with all that depends on it, columns and their values too",
            Advice("Drop what depends on it one by one, so that each can be judged"),
            loss=Loss.DATA,
        )
    return Risk(
        Rule.DROP_OBJECT, Severity.WARNING, f"{what} is dropped, with what is in it", Advice(""), loss=Loss.DATA
    )


def _truncate(operation: Truncate, case: Case) -> Risk:
    known = case.table(operation.table)
    return Risk(
        Rule.DELETE_ROWS,
        _loss(known),
        f"All rows of {operation.table}{size_of(known)} are deleted",
        Advice("Move the rows away, and delete them when nobody missed them"),
        *_first(operation, case),
        loss=Loss.DATA,
    )


def _change_rows(operation: ChangeRows, case: Case) -> Iterator[Risk]:
    table = operation.table
    known = case.table(table)
    if operation.change is Change.DELETE:
        yield Risk(
            Rule.DELETE_ROWS,
            _loss(known) if operation.whole else Severity.WARNING,
            f"{'All' if operation.whole else 'Some'} rows of {table}{size_of(known)} are deleted",
            Advice("Keep them in a table of their own until nobody misses them"),
            *_first(operation, case),
            loss=Loss.DATA,
        )
    elif operation.whole or weigh(known) is not Severity.INFO:
        rows = "All rows" if operation.whole else "Some rows"
        yield Risk(
            Rule.UPDATE_ROWS,
            min(weigh(known), Severity.WARNING, key=[Severity.INFO, Severity.WARNING, Severity.ERROR].index),
            f"{rows} of {table}{size_of(known)} are updated in one transaction: each stays locked until its end, and "
            "the table grows by what is changed",
            Advice(
                "Update in batches of some thousand rows, each committed, outside of the migration",
                f"UPDATE {table} SET … WHERE id BETWEEN … AND …",
            ),
            *_first(operation, case),
        )


def _change_type(operation: ChangeType, case: Case) -> Iterator[Risk]:
    table, column = operation.table, operation.column
    old, becomes = case.known.column(table, column), conversion(operation, case.known)
    change = f"{column} of {table} becomes {operation.type}" + (f" (it is {old.type})" if old else "")
    advice = Advice(
        "Add a column of the new type, have a trigger keep both alike, fill the old rows in batches, and switch over",
        f"ALTER TABLE {table} ADD COLUMN {column}_new {operation.type}",
    )
    if becomes is Conversion.NARROWED:
        text = f"{change}: values that do not fit are cut or rounded, or stop the migration"
        yield Risk(Rule.NARROW_TYPE, _loss(case.table(table)), text, advice, *_first(operation, case), loss=Loss.DATA)
    elif becomes is Conversion.REWRITTEN:
        loss = Loss.UNKNOWN if operation.converted or old is None else Loss.NONE
        yield from _work(operation, case, Rule.CHANGE_TYPE, change, advice, loss)


def _set_not_null(operation: SetNotNull, case: Case) -> Iterator[Risk]:
    table, column = operation.table, operation.column
    advice = Advice(
        "Have a CHECK that old rows are not held to, validate it, which blocks nobody, and then set NOT NULL: "
        "Postgres takes the CHECK's word for it; each in a migration of its own",
        f"ALTER TABLE {table} ADD CONSTRAINT {column}_set CHECK ({column} IS NOT NULL) NOT VALID;\n"
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {column}_set;\n"
        f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;\n"
        f"ALTER TABLE {table} DROP CONSTRAINT {column}_set",
    )
    yield from _work(operation, case, Rule.SET_NOT_NULL, f"{column} of {table} is set NOT NULL at once", advice)


def _add_constraint(operation: AddConstraint, case: Case) -> Iterator[Risk]:
    table, name = operation.table, operation.name or "NAME"
    text = f"A {operation.kind.value} is added to {table} at once"
    match operation.kind:
        case Constraint.UNIQUE | Constraint.PRIMARY_KEY:
            kind = "UNIQUE" if operation.kind is Constraint.UNIQUE else "PRIMARY KEY"
            columns = ", ".join(operation.columns)
            advice = Advice(
                "Build the index concurrently, outside a transaction, and make the constraint from it",
                f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns});\n"
                f"ALTER TABLE {table} ADD CONSTRAINT {name} {kind} USING INDEX {name}",
            )
            yield from _work(operation, case, Rule.ADD_UNIQUE, text, advice)
        case Constraint.EXCLUSION:
            advice = Advice("There is no way to build it concurrently: add it in a maintenance window")
            yield from _work(operation, case, Rule.ADD_UNIQUE, text.replace("A ", "An ", 1), advice)
        case Constraint.FOREIGN_KEY | Constraint.CHECK | Constraint.NOT_NULL as kind:
            advice = Advice(
                "Add it NOT VALID, and validate it in a later migration, which blocks nobody",
                f"ALTER TABLE {table} ADD CONSTRAINT {name} … NOT VALID;\n"
                f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}",
            )
            rule = Rule.ADD_FOREIGN_KEY if kind is Constraint.FOREIGN_KEY else Rule.ADD_CONSTRAINT
            yield from _work(operation, case, rule, text, advice)


def _rewrite_table(operation: RewriteTable, case: Case) -> Iterator[Risk]:
    advice = Advice("Do it in a maintenance window, or with pg_repack, which does it beside the live table")
    text = f"{operation.why} writes {operation.table} anew"
    yield from _work(operation, case, Rule.REWRITE_TABLE, text, advice)


def _refresh_view(operation: RefreshView, case: Case) -> Iterator[Risk]:
    view = operation.view
    advice = Advice(
        "Refresh it concurrently, which takes a unique index", f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view}"
    )
    yield from _work(operation, case, Rule.REWRITE_TABLE, f"Refreshing {view} blocks its readers", advice)


def _index(operation: CreateIndex | Reindex, case: Case) -> Iterator[Risk]:
    what = "An index" if isinstance(operation, CreateIndex) else "Every index"
    if operation.concurrently:
        if case.in_transaction:
            yield Risk(
                Rule.CONCURRENTLY_IN_TRANSACTION,
                Severity.ERROR,
                f"{what} of {operation.table} is built concurrently inside a transaction, which Postgres refuses",
                Advice("Leave the step's transaction for it", "with op.get_context().autocommit_block():"),
                *_first(operation, case),
            )
        return
    sql = f"REINDEX TABLE CONCURRENTLY {operation.table}"
    if isinstance(operation, CreateIndex):
        unique = "UNIQUE " if operation.unique else ""
        sql = f"CREATE {unique}INDEX CONCURRENTLY {operation.name or ''} ON {operation.table} (…)"
    advice = Advice(
        "Build it concurrently, in an autocommit_block(); where that fails it leaves an invalid index to drop", sql
    )
    yield from _work(
        operation, case, Rule.CREATE_INDEX, f"{what} of {operation.table} is built while writes wait", advice
    )


def _drop_index(operation: DropIndex, case: Case) -> Iterator[Risk]:
    index = operation.index
    if operation.concurrently and case.in_transaction:
        yield Risk(
            Rule.CONCURRENTLY_IN_TRANSACTION,
            Severity.ERROR,
            f"The index {index} is dropped concurrently inside a transaction, which Postgres refuses",
            Advice("Leave the step's transaction for it", "with op.get_context().autocommit_block():"),
        )
    elif not operation.concurrently:
        yield Risk(
            Rule.DROP_INDEX,
            Severity.INFO,
            f"Dropping the index {index} waits for all that uses its table, and what comes later waits behind it",
            Advice("Drop it concurrently, in an autocommit_block()", f"DROP INDEX CONCURRENTLY {index}"),
            *_first(operation, case),
        )


def _rename(operation: Rename, case: Case) -> Risk:
    table, column, to = operation.table, operation.column, operation.to
    what = f"Column {column} of {table}" if column else f"Table {table}"
    return Risk(
        Rule.RENAME,
        Severity.WARNING,
        f"{what} becomes {to}: running code still uses the old name, and fails",
        Advice(
            "Add the new name beside the old one (a column that both are written to, or a view under the old name), "
            "deploy code that uses the new one, and then drop the old",
            "" if column else f"ALTER TABLE {table} RENAME TO {to};\nCREATE VIEW {table} AS SELECT * FROM {to}",
        ),
        *_first(operation, case),
    )


def _add_enum_value(operation: AddEnumValue) -> Risk:
    return Risk(
        Rule.ENUM_VALUE,
        Severity.WARNING,
        f"The value {operation.value!r} of the type {operation.type} cannot be taken away again, nor used before this "
        "step is committed",
        Advice("Use the value in a later migration; think of a table of values with a foreign key instead"),
    )


def _attach_partition(operation: AttachPartition, case: Case) -> Iterator[Risk]:
    table, partition = operation.table, operation.partition
    advice = Advice(
        "Give the partition a validated CHECK of the same condition first: then it is not read again",
        f"ALTER TABLE {partition} ADD CONSTRAINT in_range CHECK (…) NOT VALID;\n"
        f"ALTER TABLE {partition} VALIDATE CONSTRAINT in_range",
    )
    yield from _work(operation, case, Rule.ATTACH_PARTITION, f"{partition} becomes a partition of {table}", advice)


def _run_code(operation: RunCode) -> Risk:
    return Risk(
        Rule.HIDDEN_CODE,
        Severity.INFO,
        f"What {operation.what} does cannot be seen from here: neither its locks nor its losses are judged",
        Advice("Read it; a rehearsal shows whether it runs, and locks what it locks"),
        loss=Loss.UNKNOWN if operation.may_destroy else Loss.NONE,
    )


def _unreadable(operation: Unreadable) -> Risk:
    return Risk(
        Rule.UNREADABLE,
        Severity.WARNING,
        f"It is not SQL that Postgres reads ({operation.why}), so nothing of it is judged",
        Advice("Correct it, or judge it by hand"),
        loss=Loss.UNKNOWN,
    )


def _first(operation: Operation, case: Case) -> tuple[Effect | None, Table | None]:
    effect = next(iter(effects(operation, case.known)), None)
    return effect, case.table(effect.table) if effect else None


def _loss(table: Table | None) -> Severity:
    """Data that is lost is an error, unless a table is known to have none."""
    return Severity.WARNING if table is not None and table.is_empty else Severity.ERROR


def _work(  # noqa: PLR0917 - the parts of a risk
    operation: Operation, case: Case, rule: Rule, text: str, advice: Advice, loss: Loss = Loss.NONE
) -> Iterator[Risk]:
    """Yield a risk for each table that is blocked while all its rows are worked on."""
    for effect in effects(operation, case.known):
        if effect.work is not Work.NONE and effect.lock.blocks_writes:
            table = case.table(effect.table)
            yield Risk(rule, weigh(table), text, advice, effect, table, loss)
