"""A risk: what a statement may do to a live table, and the safer way."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Final

from stack.amounts import size
from stack.findings import Severity
from stack.migrations.risks.effects import Effect
from stack.migrations.risks.facts import Table


class Rule(StrEnum):
    """The stable names of risks; a migration marks one as reviewed by its name."""

    DROP_TABLE = "drop-table"
    DROP_COLUMN = "drop-column"
    DROP_OBJECT = "drop-object"
    DROP_AND_ADD = "drop-and-add"
    DELETE_ROWS = "delete-rows"
    NARROW_TYPE = "narrow-type"
    REWRITE_TABLE = "rewrite-table"
    CHANGE_TYPE = "change-type"
    ADD_COLUMN_COMPUTED = "add-column-computed"
    ADD_COLUMN_NOT_NULL = "add-column-not-null"
    SET_NOT_NULL = "set-not-null"
    ADD_CONSTRAINT = "add-constraint"
    ADD_FOREIGN_KEY = "add-foreign-key"
    ADD_UNIQUE = "add-unique"
    CREATE_INDEX = "create-index"
    DROP_INDEX = "drop-index"
    CONCURRENTLY_IN_TRANSACTION = "concurrently-in-transaction"
    HELD_LOCK = "held-lock"
    UPDATE_ROWS = "update-rows"
    RENAME = "rename"
    ENUM_VALUE = "enum-value"
    ATTACH_PARTITION = "attach-partition"
    HIDDEN_CODE = "hidden-code"
    UNREADABLE = "unreadable"
    UNKNOWN_SQL = "unknown-sql"
    MISSING_DOWNGRADE = "missing-downgrade"
    EMPTY_DOWNGRADE = "empty-downgrade"
    LOSSY_DOWNGRADE = "lossy-downgrade"
    SQUAWK = "squawk"


class Loss(Enum):
    """Whether something is lost by it that was there before."""

    NONE = auto()
    DATA = auto()
    UNKNOWN = auto()
    """Nobody can say before it has run."""


@dataclass(frozen=True, slots=True)
class Advice:
    """The safer way: a sentence, and the SQL of it where it can be written."""

    text: str
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Risk:
    """One risk. `effect` is the lock and the work that it is about, `table` what is known of that table's size.

    A `loss` is one of an empty table too: when it runs, the table may hold rows.
    """

    rule: Rule
    severity: Severity
    text: str
    advice: Advice
    effect: Effect | None = None
    table: Table | None = None
    loss: Loss = Loss.NONE

    @property
    def consequence(self) -> str:
        """Which lock is held, how long and on how much, and whom it keeps waiting."""
        if self.effect is None:
            return ""
        lock, work = self.effect.lock, self.effect.work
        held = f"{lock.value} on {self.effect.table}{size_of(self.table)}"
        while_ = f" while {work.value}" if work.value else ""
        return f"{held}{while_}: blocks {lock.blocks}"


def size_of(table: Table | None) -> str:
    """Return the size of `table` in brackets; nothing where it is not known."""
    if table is None:
        return ""
    rows = "rows not counted yet" if table.rows is None else f"about {table.rows:,} rows"
    return f" ({rows}, {size(table.bytes)})"


# Below, a scan or a rewrite takes milliseconds; above, seconds to hours.
_SMALL_ROWS: Final = 10_000
_SMALL_BYTES: Final = 8 << 20
_LARGE_ROWS: Final = 1_000_000
_LARGE_BYTES: Final = 1 << 30


def weigh(table: Table | None) -> Severity:
    """Say how bad it is that a table is blocked for as long as work on all its rows takes."""
    if table is None:
        return Severity.WARNING
    if (table.rows or 0) >= _LARGE_ROWS or table.bytes >= _LARGE_BYTES:
        return Severity.ERROR
    small = table.bytes < _SMALL_BYTES and (table.rows or 0) < _SMALL_ROWS
    return Severity.INFO if small else Severity.WARNING
