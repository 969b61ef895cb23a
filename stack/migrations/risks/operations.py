"""What one statement does, as far as tables and their rows are concerned: the words in which risks are judged."""

from dataclasses import dataclass
from enum import Enum

from stack.migrations.risks.locks import Lock


@dataclass(frozen=True, slots=True)
class Name:
    """A table, an index or another thing as a statement names it; `schema` is None where the search path decides."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class Type:
    """A type by its name in ``pg_type``, with its modifiers: ``varchar(20)`` is varchar and (20,)."""

    name: str
    modifiers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({','.join(map(str, self.modifiers))})" if self.modifiers else self.name


class Constraint(Enum):
    """A kind of constraint, in words."""

    CHECK = "CHECK constraint"
    NOT_NULL = "NOT NULL constraint"
    FOREIGN_KEY = "foreign key"
    UNIQUE = "UNIQUE constraint"
    PRIMARY_KEY = "primary key"
    EXCLUSION = "exclusion constraint"


@dataclass(frozen=True, slots=True)
class CreateTable:
    """A new table; its foreign keys point at `references`, and it is a partition of `parent`, if of any.

    Where it is made only `unless_there`, with IF NOT EXISTS, it may be an old one.
    """

    table: Name
    references: tuple[Name, ...] = ()
    parent: Name | None = None
    unless_there: bool = False


@dataclass(frozen=True, slots=True)
class AddColumn:
    """A new column. `functions` are those that its default calls; `stored` where each row's value is computed."""

    table: Name
    column: str
    type: Type
    functions: tuple[str, ...] = ()
    has_default: bool = False
    not_null: bool = False
    stored: bool = False
    constraints: tuple[Constraint, ...] = ()
    references: Name | None = None


@dataclass(frozen=True, slots=True)
class DropColumn:
    """A column with all that is in it."""

    table: Name
    column: str


@dataclass(frozen=True, slots=True)
class ChangeType:
    """A column of another type; `converted` where USING computes what it then holds."""

    table: Name
    column: str
    type: Type
    converted: bool


@dataclass(frozen=True, slots=True)
class SetNotNull:
    """A column that no longer takes NULL."""

    table: Name
    column: str


@dataclass(frozen=True, slots=True)
class AddConstraint:
    """A new constraint; not `validated` where old rows are not looked at, `index` where there is one already.

    A CHECK that a column is not NULL says of which column in `proves`.
    """

    table: Name
    name: str | None
    kind: Constraint
    validated: bool = True
    columns: tuple[str, ...] = ()
    index: str | None = None
    references: Name | None = None
    proves: str | None = None


@dataclass(frozen=True, slots=True)
class ValidateConstraint:
    """Old rows are checked against a constraint."""

    table: Name
    name: str


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """A constraint less."""

    table: Name
    name: str


@dataclass(frozen=True, slots=True)
class RewriteTable:
    """The table is written anew, for what is said in `why`."""

    table: Name
    why: str


@dataclass(frozen=True, slots=True)
class AlterTable:
    """A change of the catalogue only, which takes no longer for many rows."""

    table: Name
    lock: Lock


@dataclass(frozen=True, slots=True)
class Rename:
    """A table, or a `column` of it, under another name."""

    table: Name
    column: str | None
    to: str


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """A new index."""

    table: Name
    name: str | None
    unique: bool
    concurrently: bool


@dataclass(frozen=True, slots=True)
class ChangeIndex:
    """A change of an index's catalogue entry: another name, other parameters."""

    index: Name


@dataclass(frozen=True, slots=True)
class DropIndex:
    """An index less."""

    index: Name
    concurrently: bool


@dataclass(frozen=True, slots=True)
class Reindex:
    """Indexes of a table are built anew."""

    table: Name
    concurrently: bool


@dataclass(frozen=True, slots=True)
class DropTable:
    """A table with all its rows."""

    table: Name


@dataclass(frozen=True, slots=True)
class DropSchema:
    """A schema; what is in it goes too where it `cascades`."""

    schema: str
    cascades: bool


@dataclass(frozen=True, slots=True)
class DropObject:
    """Another object, in words; where it `cascades`, all that depends on it goes too, columns with their values."""

    what: str
    cascades: bool


@dataclass(frozen=True, slots=True)
class Truncate:
    """All rows of a table."""

    table: Name


class Change(Enum):
    """What is done to rows."""

    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class ChangeRows:
    """Rows that are updated or deleted: the `whole` table, or those of a condition."""

    table: Name
    change: Change
    whole: bool


@dataclass(frozen=True, slots=True)
class AddEnumValue:
    """A new value of an enum type."""

    type: Name
    value: str


@dataclass(frozen=True, slots=True)
class AttachPartition:
    """A table becomes a partition of another, or is one no longer."""

    table: Name
    partition: Name
    attaches: bool
    concurrently: bool


@dataclass(frozen=True, slots=True)
class RefreshView:
    """A materialized view is computed anew."""

    view: Name
    concurrently: bool


@dataclass(frozen=True, slots=True)
class RunCode:
    """Code that the statement does not show: a DO block, a procedure, a function.

    Where it `may_destroy`, nothing speaks against it that it drops or deletes something.
    """

    what: str
    may_destroy: bool


class Transaction(Enum):
    """Where a transaction begins and ends."""

    BEGIN = "BEGIN"
    END = "END"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A statement that is not Postgres' SQL, and why."""

    why: str


Operation = (
    CreateTable
    | AddColumn
    | DropColumn
    | ChangeType
    | SetNotNull
    | AddConstraint
    | ValidateConstraint
    | DropConstraint
    | RewriteTable
    | AlterTable
    | Rename
    | CreateIndex
    | ChangeIndex
    | DropIndex
    | Reindex
    | DropTable
    | DropSchema
    | DropObject
    | Truncate
    | ChangeRows
    | AddEnumValue
    | AttachPartition
    | RefreshView
    | RunCode
    | Transaction
    | Unreadable
)
