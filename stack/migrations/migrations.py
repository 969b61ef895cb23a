"""The migrations of one project on one database."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stack.database.access import Database
from stack.findings import Failure, Progress
from stack.migrations import preview, runner
from stack.migrations.history import History, between, find_revisions, heads_after, read_history
from stack.migrations.preview import StepSQL
from stack.migrations.protocol import Direction
from stack.migrations.status import MigrationStatus, migration_status, read_current
from stack.project import Project

if TYPE_CHECKING:
    from stack.migrations.assessment import Assessment


class Migrations:
    """Says where the database is in the project's history, and moves it; every method raises `Failure`."""

    def __init__(self, project: Project, database: Database) -> None:
        """Read nothing yet."""
        self._project = project
        self._database = database

    async def history(self) -> History:
        """Return every revision, which needs no database."""
        return await read_history(self._project)

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
