"""The migrations of one project on one database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stack.background import in_thread
from stack.database.access import Database
from stack.findings import Failure, Finding, Progress
from stack.migrations import preview, runner
from stack.migrations.configuration import locate
from stack.migrations.history import History, between, find_revisions, heads_after, read_history, survey_history
from stack.migrations.origins import Origin, read_origins
from stack.migrations.preview import StepSQL
from stack.migrations.protocol import Direction
from stack.migrations.status import MigrationStatus, migration_status, read_current, unknown_revision
from stack.project import Project

if TYPE_CHECKING:
    from stack.migrations.assessment import Assessment


@dataclass(frozen=True, slots=True)
class Look:
    """The history beside the database; `status` is None where one of them cannot be read, and `findings` say why."""

    history: History
    status: MigrationStatus | None
    findings: tuple[Finding, ...]


class Migrations:
    """Says where the database is in the project's history, and moves it; every method raises `Failure`."""

    def __init__(self, project: Project, database: Database) -> None:
        """Read nothing yet."""
        self._project = project
        self._database = database

    async def history(self) -> History:
        """Return every revision, which needs no database."""
        return await read_history(self._project)

    async def look(self) -> Look:
        """See as much of the history and of the database as can be seen, with what stands in the way of the rest."""
        history = await survey_history(self._project)
        try:
            async with self._database.connection() as connection:
                current = await read_current(connection)
        except Failure as failure:
            return Look(history, None, (*history.problems, *failure.findings))
        if history.problems:
            known = {revision.revision for revision in history.revisions}
            unknown = tuple(unknown_revision(name) for name in current if name not in known)
            return Look(history, None, (*history.problems, *unknown))
        status = migration_status(history, current)
        return Look(history, status, status.findings)

    async def origins(self) -> Mapping[Path, Origin]:
        """Return who wrote each revision's file, where git knows."""
        configuration = await in_thread(lambda: locate(self._project))
        return await in_thread(lambda: read_origins(configuration))

    async def status(self) -> MigrationStatus:
        """Compare the files with the database."""
        history = await self.history()
        async with self._database.connection() as connection:
            return migration_status(history, await read_current(connection))

    async def pending_sql(self) -> tuple[StepSQL, ...]:
        """Render what is pending, as `stack.migrations.preview.render` does."""
        status = await self.status()
        if status.unknown:
            raise Failure(*status.findings)
        heads = {Direction.UPGRADE: status.current, Direction.DOWNGRADE: heads_after(status.current, status.pending)}
        return await preview.render(self._project, self._database.url, status.pending, heads)

    async def sql(self, span: str) -> tuple[StepSQL, ...]:
        """Render the steps along `span`, which is ``FROM:TO``; no database is asked where it stands."""
        steps = between(await self.history(), span)
        start = tuple(name for name in (span.partition(":")[0],) if name not in {"", "base"})
        heads = {Direction.UPGRADE: start, Direction.DOWNGRADE: heads_after(start, steps)}
        return await preview.render(self._project, self._database.url, steps, heads)

    async def steps(self, names: Sequence[str]) -> tuple[StepSQL, ...]:
        """Render the revisions that `names` mean, each by itself."""
        revisions = find_revisions(await self.history(), names)
        return await preview.render(self._project, self._database.url, revisions)

    async def assess(self, steps: Sequence[StepSQL]) -> "Assessment":
        """Judge `steps` on the database's tables, as `stack.migrations.assessment.assess` does."""
        # Imported here: Postgres' grammar, which nothing else needs.
        from stack.migrations.assessment import assess

        return await assess(self._project, self._database, steps)

    async def rehearse(self, progress: Progress) -> tuple[StepSQL, ...]:
        """Run what is pending and roll it back, as `stack.migrations.preview.rehearse` does."""
        status = await self.status()
        if status.unknown:
            raise Failure(*status.findings)
        return await preview.rehearse(self._project, self._database.url, status.pending, progress)

    async def upgrade(self, target: str, progress: Progress) -> tuple[str, ...]:
        """Apply what is missing up to `target`, as `stack.migrations.runner.upgrade` does."""
        return await runner.upgrade(self._project, self._database.url, target, progress)

    async def downgrade(self, target: str, progress: Progress) -> tuple[str, ...]:
        """Undo what lies above `target`, as `stack.migrations.runner.downgrade` does."""
        return await runner.downgrade(self._project, self._database.url, target, progress)
