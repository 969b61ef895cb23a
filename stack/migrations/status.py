"""Where a database stands in the history."""

from collections.abc import Sequence
from dataclasses import dataclass

from stack.findings import Code, Finding, Fix, Severity
from stack.migrations.current import unknown_revision
from stack.migrations.history import History, pending
from stack.migrations.revision import Revision


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
