"""The migrations of one project on one database."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.background import in_thread
from stack.database.access import Database
from stack.findings import Failure, Progress
from stack.migrations import runner
from stack.migrations.approval import Approval, approve_harmless
from stack.migrations.configuration import Configuration, locate
from stack.migrations.history import History, read_history
from stack.migrations.interpreter import Interpreter, find_interpreter
from stack.migrations.limits import Limits
from stack.migrations.plan import Plan, plan_downgrade, plan_stamp, plan_upgrade
from stack.migrations.runner import Done, Site
from stack.migrations.status import MigrationStatus, migration_status, read_current, unknown_revision
from stack.project import Project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stack.migrations.drift.drift import Drift
    from stack.migrations.new_revision import Draft
    from stack.migrations.protocol import NewKind


@dataclass(frozen=True, slots=True)
class _Look:
    configuration: Configuration
    history: History
    current: tuple[str, ...]


class Migrations:
    """Says where the database is in the project's history, and moves it; every method raises `Failure`."""

    def __init__(self, project: Project, database: Database, *, own: bool) -> None:
        """Read nothing yet; `own` is whether the database's server is this project's own."""
        self._project = project
        self._database = database
        self._site = Site(project, database.url, own)

    async def history(self) -> History:
        """Return every revision, which needs no database."""
        return await read_history(self._project)

    async def status(self) -> MigrationStatus:
        """Compare the files with the database."""
        look = await self._look()
        return migration_status(look.history, look.current, look.configuration.findings)

    async def interpreter(self) -> Interpreter:
        """Say which Python the project's own code runs with, and why."""
        configuration = await in_thread(lambda: locate(self._project))
        return await in_thread(lambda: find_interpreter(configuration.directory, os.environ))

    async def _look(self) -> _Look:
        history = await self.history()
        configuration = await in_thread(lambda: locate(self._project))
        async with self._database.connection() as connection:
            return _Look(configuration, history, await read_current(connection, configuration.version_table))

    async def _known(self) -> _Look:
        look = await self._look()
        if unknown := migration_status(look.history, look.current).unknown:
            raise Failure(unknown_revision(unknown[0]))
        return look

    async def plan_upgrade(self, target: str) -> Plan:
        """Say what `upgrade` would do now, and touch nothing."""
        look = await self._known()
        return await in_thread(
            lambda: plan_upgrade(look.history, look.current, target=target, database=self._site.database)
        )

    async def plan_downgrade(self, target: str) -> Plan:
        """Say what `downgrade` would do now, and touch nothing."""
        look = await self._known()
        return await in_thread(
            lambda: plan_downgrade(look.history, look.current, target=target, database=self._site.database)
        )

    async def plan_stamp(self, target: str) -> Plan:
        """Say what `stamp` would do now, and touch nothing."""
        look = await self._look()
        return plan_stamp(look.history, look.current, target=target, database=self._site.database)

    async def upgrade(
        self,
        target: str,
        progress: Progress,
        *,
        approve: Approval = approve_harmless,
        limits: Limits = Limits(),  # noqa: B008 - it cannot change
    ) -> tuple[Done, ...]:
        """Apply what is missing up to `target`, as `stack.migrations.runner.upgrade` does."""
        return await runner.upgrade(self._site, target, progress, approve=approve, limits=limits)

    async def downgrade(
        self,
        target: str,
        progress: Progress,
        *,
        approve: Approval = approve_harmless,
        limits: Limits = Limits(),  # noqa: B008 - it cannot change
    ) -> tuple[Done, ...]:
        """Undo what lies above `target`, as `stack.migrations.runner.downgrade` does."""
        return await runner.downgrade(self._site, target, progress, approve=approve, limits=limits)

    async def stamp(self, target: str, progress: Progress, *, approve: Approval = approve_harmless) -> Plan:
        """Mark the database as being at `target`, as `stack.migrations.runner.stamp` does."""
        return await runner.stamp(self._site, target, progress, approve=approve)

    async def draft(self, kind: "NewKind", message: str) -> "tuple[Draft, ...]":
        """Draft a new migration, as `stack.migrations.new_revision.draft` does; nothing is written yet."""
        from stack.migrations import new_revision

        return await new_revision.draft(self._site, kind, message)

    async def write(self, drafts: "Sequence[Draft]") -> None:
        """Write drafts, as `stack.migrations.new_revision.write` does."""
        from stack.migrations import new_revision

        configuration = await in_thread(lambda: locate(self._project))
        await new_revision.write(drafts, configuration.scripts / "env.py")

    async def drift(self, progress: Progress) -> "Drift":
        """Compare models, migrations and database, as `stack.migrations.drift.drift.drift` does."""
        from stack.migrations.drift.drift import drift

        return await drift(self._site, progress)
