"""Where a database stands in the history."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from psycopg import sql

from stack.database.asking import Ask, ask_on
from stack.findings import Code, Finding, Fix, Severity
from stack.migrations.configuration import VersionTable
from stack.migrations.history import History, Revision, pending

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

# Where nobody says in which schema it is, it is the one that would be found, or else any.
_SCHEMA: Final = sql.SQL(
    """
    SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = %(name)s AND c.relkind IN ('r', 'p') AND n.nspname = coalesce(%(schema)s, n.nspname)
    ORDER BY pg_catalog.pg_table_is_visible(c.oid) DESC, n.nspname LIMIT 1
    """
).format()


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """A database beside the history.

    `current` are the revisions that it is at, several while branches are not merged, none before the first. `pending`
    is what an upgrade would apply, in order; it is empty where some of `current` is `unknown` to the history, since
    nothing can be applied then. `notes` are about the configuration.
    """

    current: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[Revision, ...]
    unknown: tuple[str, ...]
    notes: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a person should know of it."""
        if self.unknown:
            return (unknown_revision(self.unknown[0]), *self.notes)
        if not self.pending:
            return self.notes
        count, first = len(self.pending), self.pending[0]
        return (
            Finding(
                Code.MIGRATIONS_PENDING,
                f"{count} migration{'s are' if count > 1 else ' is'} not applied",
                f"The database is at {', '.join(self.current) or 'the very beginning'}; "
                f"next comes {first.revision}, {first.message.rstrip('.') or 'without a message'}.",
                severity=Severity.WARNING,
                fixes=(Fix("Apply them", "stackdeck migrate up"),),
            ),
            *self.notes,
        )


async def read_current(connection: "AsyncConnection", version_table: VersionTable) -> tuple[str, ...]:
    """Return the revisions that the database is at, sorted; nothing where Alembic never ran."""
    return await ask_current(ask_on(connection), version_table)


async def ask_current(ask: Ask, version_table: VersionTable) -> tuple[str, ...]:
    """Ask what `read_current` returns."""
    found = await ask(_SCHEMA, {"name": version_table.name, "schema": version_table.schema})
    if not found:
        return ()
    names = (str(found[0][0]).replace("%", "%%"), version_table.name.replace("%", "%%"))
    marks = await ask(sql.SQL("SELECT version_num FROM {}").format(sql.Identifier(*names)), {})
    return tuple(sorted(str(mark) for (mark,) in marks))


def migration_status(history: History, current: Sequence[str], notes: tuple[Finding, ...] = ()) -> MigrationStatus:
    """Compare a database at `current` with the history."""
    known = {revision.revision for revision in history.revisions}
    unknown = tuple(revision for revision in current if revision not in known)
    return MigrationStatus(
        current=tuple(current),
        heads=history.heads,
        pending=() if unknown else pending(history, current),
        unknown=unknown,
        notes=notes,
    )


def unknown_revision(revision: str) -> Finding:
    """Return the finding of a database at a revision that no file is."""
    return Finding(
        Code.MIGRATION_UNKNOWN_REVISION,
        f"The database is at revision {revision}, which no file here is",
        "It was migrated from another branch or checkout, or the revision's file was deleted or renamed since.",
        fixes=(
            Fix(f"Check out the branch that has {revision}; git log --all -S{revision} finds it"),
            Fix(
                "Say which revision here has the same tables; nothing but the mark is changed",
                "stackdeck migrate stamp REVISION",
            ),
        ),
    )
