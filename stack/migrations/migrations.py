"""The migrations of one project on one database."""

from stack.database.access import Database
from stack.findings import Progress
from stack.migrations import runner
from stack.migrations.history import History, read_history
from stack.migrations.status import MigrationStatus, migration_status, read_current
from stack.project import Project


class Migrations:
    """What the files say, where the database is, and moving it; every method raises `Failure` where it cannot."""

    def __init__(self, project: Project, database: Database) -> None:
        """Read nothing yet."""
        self._project = project
        self._database = database

    async def history(self) -> History:
        """Return every revision that there is a file of."""
        return await read_history(self._project)

    async def status(self) -> MigrationStatus:
        """Compare the database with the files."""
        history = await self.history()
        async with self._database.connection() as connection:
            current = await read_current(connection)
        return migration_status(history, current)

    async def upgrade(self, target: str, progress: Progress) -> tuple[str, ...]:
        """Apply what is missing up to `target`, as `stack.migrations.runner.upgrade` does."""
        return await runner.upgrade(self._project, self._database.url, target, progress)

    async def downgrade(self, target: str, progress: Progress) -> tuple[str, ...]:
        """Undo what lies above `target`, as `stack.migrations.runner.downgrade` does."""
        return await runner.downgrade(self._project, self._database.url, target, progress)
