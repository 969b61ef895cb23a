"""The migrations of one project on one database."""

from stack.database.access import Database
from stack.findings import Progress
from stack.migrations import runner
from stack.migrations.history import History, read_history
from stack.migrations.status import MigrationStatus, migration_status, read_current
from stack.project import Project


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

    async def upgrade(self, target: str, progress: Progress) -> tuple[str, ...]:
        """Apply what is missing up to `target`, as `stack.migrations.runner.upgrade` does."""
        return await runner.upgrade(self._project, self._database.url, target, progress)

    async def downgrade(self, target: str, progress: Progress) -> tuple[str, ...]:
        """Undo what lies above `target`, as `stack.migrations.runner.downgrade` does."""
        return await runner.downgrade(self._project, self._database.url, target, progress)
