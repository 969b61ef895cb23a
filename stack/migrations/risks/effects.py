"""What each operation locks, and how much it does while it holds the lock.

From the pages of ALTER TABLE, CREATE INDEX, CREATE TABLE, CREATE TRIGGER, REFRESH MATERIALIZED VIEW and «Explicit
Locking» (https://www.postgresql.org/docs/18/explicit-locking.html); read back from ``pg_locks`` by the tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from stack.migrations.risks.conversions import Conversion, convert
from stack.migrations.risks.facts import Catalogue, Column
from stack.migrations.risks.locks import Lock
from stack.migrations.risks.operations import (
    AddColumn,
    AddConstraint,
    AlterTable,
    AttachPartition,
    ChangeRows,
    ChangeType,
    Constraint,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    Name,
    Operation,
    RefreshView,
    Reindex,
    Rename,
    RewriteTable,
    SetNotNull,
    Truncate,
    ValidateConstraint,
)


class Work(Enum):
    """What takes the longer the more rows there are, in words after «while»."""

    NONE = ""
    SCAN = "every row is read"
    BUILD = "an index of all rows is built"
    REWRITE = "the whole table is written anew, with its indexes"
    CHANGE = "its rows are changed"


@dataclass(frozen=True, slots=True)
class Effect:
    """One table that an operation locks, and the work that is done on it under that lock."""

    table: Name
    lock: Lock
    work: Work = Work.NONE


_EXCLUSIVE = Lock.ACCESS_EXCLUSIVE
_INDEXES = {Constraint.UNIQUE, Constraint.PRIMARY_KEY, Constraint.EXCLUSION}
# Volatile functions of Postgres itself, for where no catalogue says so.
_VOLATILE = {
    "nextval",
    "random",
    "gen_random_uuid",
    "uuidv4",
    "uuidv7",
    "clock_timestamp",
    "timeofday",
    "uuid_generate_v4",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue knows, and what earlier statements have proved since: columns that are never NULL."""

    catalogue: Catalogue
    proved: frozenset[tuple[Name, str]] = frozenset()

    def canonical(self, table: Name) -> Name:
        """Return the one name of a table that may be written in several ways."""
        found = self.catalogue.tables.get(table)
        return found.name if found else table

    def column(self, table: Name, column: str) -> Column | None:
        """Return what is known of a column that is there."""
        found = self.catalogue.tables.get(table)
        return found.columns.get(column) if found else None

    def never_null(self, table: Name, column: str) -> bool:
        """Say whether no value of `column` can be NULL."""
        known = self.column(table, column)
        return (table, column) in self.proved or (known is not None and known.never_null)

    def beyond(self, table: Name, *, column: str | None = None, constraint: str | None = None) -> tuple[Name, ...]:
        """Return the other tables of the foreign keys of or to `table`, or its `column`; or of one `constraint`."""
        found = self.catalogue.tables.get(table)
        if found is None:
            return ()
        keys = [
            key
            for key in found.foreign_keys
            if (constraint is None or (key.name == constraint and key.table == found.name))
            and (
                column is None
                or (key.table == found.name and column in key.columns)
                or (key.target == found.name and column in key.target_columns)
            )
        ]
        others = (name for key in keys for name in (key.table, key.target) if name != found.name)
        return tuple(dict.fromkeys(others))


def is_volatile(function: str, known: Known) -> bool:
    """Say whether `function` may give each row another value."""
    return function.rpartition(".")[2] in known.catalogue.volatile | _VOLATILE


def conversion(operation: ChangeType, known: Known) -> Conversion:
    """Say what a change of type does; without a catalogue it may do anything but lose."""
    column = known.column(operation.table, operation.column)
    if column is None:
        return Conversion.REWRITTEN
    planned = convert(column.type, operation.type)
    return Conversion.REWRITTEN if operation.converted and planned is Conversion.SAME else planned


def effects(operation: Operation, known: Known) -> tuple[Effect, ...]:
    """Return every table that `operation` locks, its own first, by the names that the catalogue has for them."""
    return tuple(replace(each, table=known.canonical(each.table)) for each in _effects(operation, known))


def _effects(operation: Operation, known: Known) -> Iterator[Effect]:  # noqa: C901, PLR0912 - one case an operation
    match operation:
        case CreateTable(references=references, parent=parent):
            yield from (Effect(each, Lock.SHARE_ROW_EXCLUSIVE) for each in references)
            if parent:
                yield Effect(parent, _EXCLUSIVE)
        case AddColumn():
            yield from _add_column(operation, known)
        case ChangeType(table=table, column=column):
            kept = conversion(operation, known) is Conversion.SAME
            yield Effect(table, _EXCLUSIVE, Work.NONE if kept else Work.REWRITE)
            # Its foreign keys are made anew.
            yield from (Effect(each, _EXCLUSIVE) for each in known.beyond(table, column=column))
        case SetNotNull(table=table, column=column):
            yield Effect(table, _EXCLUSIVE, Work.NONE if known.never_null(table, column) else Work.SCAN)
        case AddConstraint():
            yield from _add_constraint(operation, known)
        case ValidateConstraint(table=table, name=name):
            yield Effect(table, Lock.SHARE_UPDATE_EXCLUSIVE, Work.SCAN)
            yield from (Effect(each, Lock.ROW_SHARE) for each in known.beyond(table, constraint=name))
        case DropConstraint(table=table, name=name):
            yield Effect(table, _EXCLUSIVE)
            yield from (Effect(each, _EXCLUSIVE) for each in known.beyond(table, constraint=name))
        case RewriteTable(table=table):
            yield Effect(table, _EXCLUSIVE, Work.REWRITE)
        case AlterTable(table=table, lock=lock):
            yield Effect(table, lock)
        case CreateIndex(table=table, concurrently=concurrently):
            yield Effect(table, Lock.SHARE_UPDATE_EXCLUSIVE if concurrently else Lock.SHARE, Work.BUILD)
        case DropIndex(index=index, concurrently=concurrently):
            if index in known.catalogue.tables:
                yield Effect(index, Lock.SHARE_UPDATE_EXCLUSIVE if concurrently else _EXCLUSIVE)
        case Reindex(table=table, concurrently=concurrently):
            yield Effect(table, Lock.SHARE_UPDATE_EXCLUSIVE if concurrently else Lock.SHARE, Work.BUILD)
        case DropTable(table=table):
            yield Effect(table, _EXCLUSIVE)
            yield from (Effect(each, _EXCLUSIVE) for each in known.beyond(table))
        case DropColumn(table=table, column=column):
            yield Effect(table, _EXCLUSIVE)
            yield from (Effect(each, _EXCLUSIVE) for each in known.beyond(table, column=column))
        case Rename(table=table) | Truncate(table=table):
            yield Effect(table, _EXCLUSIVE)
        case ChangeRows(table=table):
            yield Effect(table, Lock.ROW_EXCLUSIVE, Work.CHANGE)
        case AttachPartition():
            yield from _partition(operation)
        case RefreshView(view=view, concurrently=concurrently):
            yield Effect(view, Lock.EXCLUSIVE if concurrently else _EXCLUSIVE, Work.REWRITE)
        case _:
            pass


def _add_column(operation: AddColumn, known: Known) -> Iterator[Effect]:
    computed = operation.stored or any(is_volatile(function, known) for function in operation.functions)
    if computed:
        work = Work.REWRITE
    elif _INDEXES & set(operation.constraints):
        work = Work.BUILD
    elif Constraint.CHECK in operation.constraints:
        work = Work.SCAN
    else:
        work = Work.NONE
    yield Effect(operation.table, _EXCLUSIVE, work)
    if operation.references:
        yield Effect(operation.references, Lock.SHARE_ROW_EXCLUSIVE)


def _add_constraint(operation: AddConstraint, known: Known) -> Iterator[Effect]:
    table = operation.table
    if operation.kind is Constraint.FOREIGN_KEY:
        yield Effect(table, Lock.SHARE_ROW_EXCLUSIVE, Work.SCAN if operation.validated else Work.NONE)
        if operation.references and operation.references != table:
            yield Effect(operation.references, Lock.SHARE_ROW_EXCLUSIVE)
    elif operation.kind in _INDEXES:
        yield Effect(table, _EXCLUSIVE, Work.NONE if operation.index else Work.BUILD)
    else:
        proved = all(known.never_null(table, column) for column in operation.columns) and bool(operation.columns)
        scans = operation.validated and not proved
        yield Effect(table, _EXCLUSIVE, Work.SCAN if scans else Work.NONE)


def _partition(operation: AttachPartition) -> Iterator[Effect]:
    if operation.attaches:
        yield Effect(operation.table, Lock.SHARE_UPDATE_EXCLUSIVE)
        yield Effect(operation.partition, _EXCLUSIVE, Work.SCAN)
    else:
        yield Effect(operation.table, Lock.SHARE_UPDATE_EXCLUSIVE if operation.concurrently else _EXCLUSIVE)
        yield Effect(operation.partition, _EXCLUSIVE)
