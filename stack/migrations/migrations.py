"""The migrations of one project on one database."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stack.background import in_thread
from stack.database.access import Database
from stack.findings import Failure, Finding, Progress
from stack.migrations.approval import Approval, approve_harmless
from stack.migrations.configuration import Configuration, locate
from stack.migrations.current import ask_current, unknown_revision
from stack.migrations.history import History, between, find_revisions, heads_after, read_history, survey_history
from stack.migrations.interpreter import Interpreter, find_interpreter
from stack.migrations.limits import Limits
from stack.migrations.origins import Origin, read_origins
from stack.migrations.plan import Plan
from stack.migrations.planning import plan_downgrade, plan_rehearsal, plan_stamp, plan_upgrade
from stack.migrations.protocol import Direction
from stack.migrations.site import Site
from stack.migrations.status import MigrationStatus, migration_status
from stack.project import Project

if TYPE_CHECKING:
    from stack.migrations.assessment import Assessment
    from stack.migrations.drift.drift import Drift
    from stack.migrations.new_revision import Draft
    from stack.migrations.preview import StepSQL
    from stack.migrations.protocol import NewKind
    from stack.migrations.runner import Done


@dataclass(frozen=True, slots=True)
class Look:
    """The history beside the database; `status` is None where one of them cannot be read, and `findings` say why."""

    history: History
    status: MigrationStatus | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
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

    async def look(self) -> Look:
        """See as much of the history and of the database as can be seen, with what stands in the way of the rest."""
        history = await survey_history(self._project)
        try:
            configuration = await in_thread(lambda: locate(self._project))
            async with self._database.asking() as ask:
                current = await ask_current(ask, configuration.version_table)
        except Failure as failure:
            return Look(history, None, (*history.problems, *failure.findings))
        if history.problems:
            known = {revision.revision for revision in history.revisions}
            unknown = tuple(unknown_revision(name) for name in current if name not in known)
            return Look(history, None, (*history.problems, *unknown))
        status = await in_thread(lambda: migration_status(history, current, configuration.findings))
        return Look(history, status, status.findings)

    async def origins(self) -> Mapping[Path, Origin]:
        """Return who wrote each revision's file, where git knows."""
        configuration = await in_thread(lambda: locate(self._project))
        return await in_thread(lambda: read_origins(configuration))

    async def status(self) -> MigrationStatus:
        """Compare the files with the database."""
        look = await self._see()
        return await in_thread(lambda: migration_status(look.history, look.current, look.configuration.findings))

    async def interpreter(self) -> Interpreter:
        """Say which Python the project's own code runs with, and why."""
        configuration = await in_thread(lambda: locate(self._project))
        return await in_thread(lambda: find_interpreter(configuration.directory, os.environ))

    async def _see(self) -> _Seen:
        history = await self.history()
        configuration = await in_thread(lambda: locate(self._project))
        async with self._database.asking() as ask:
            return _Seen(configuration, history, await ask_current(ask, configuration.version_table))

    async def pending_sql(self) -> "tuple[StepSQL, ...]":
        """Render what is pending, as `stack.migrations.preview.render` does."""
        from stack.migrations import preview

        status = await self.status()
        if status.unknown:
            raise Failure(*status.findings)
        heads = {Direction.UPGRADE: status.current, Direction.DOWNGRADE: heads_after(status.current, status.pending)}
        return await preview.render(self._project, self._database.url, status.pending, heads)

    async def sql(self, span: str) -> "tuple[StepSQL, ...]":
        """Render the steps along `span`, which is ``FROM:TO``; no database is asked where it stands."""
        from stack.migrations import preview

        steps = between(await self.history(), span)
        start = tuple(name for name in (span.partition(":")[0],) if name not in {"", "base"})
        heads = {Direction.UPGRADE: start, Direction.DOWNGRADE: heads_after(start, steps)}
        return await preview.render(self._project, self._database.url, steps, heads)

    async def steps(self, names: Sequence[str]) -> "tuple[StepSQL, ...]":
        """Render the revisions that `names` mean, each by itself."""
        from stack.migrations import preview

        revisions = find_revisions(await self.history(), names)
        return await preview.render(self._project, self._database.url, revisions)

    async def assess(self, steps: "Sequence[StepSQL]") -> "Assessment":
        """Judge `steps` on the database's tables, as `stack.migrations.assessment.assess` does."""
        # Imported here: Postgres' grammar, which nothing else needs.
        from stack.migrations.assessment import assess

        return await assess(self._project, self._database.connection, steps)

    async def plan_rehearsal(self) -> Plan:
        """Say what `rehearse` would do now, and touch nothing."""
        return await self._judged(await self._plan_rehearsal(await self._known()))

    async def _plan_rehearsal(self, look: _Seen) -> Plan:
        return await in_thread(lambda: plan_rehearsal(look.history, look.current, database=self._site.database))

    async def rehearse(self, progress: Progress, *, approve: Approval = approve_harmless) -> "tuple[StepSQL, ...]":
        """Run what is pending and undo it, as `stack.migrations.rehearsal.rehearse` does, once `approve` has agreed.

        It holds locks on the real tables meanwhile, so on a server that is not the project's own somebody must agree.
        """
        from stack.migrations.rehearsal import rehearse
        from stack.migrations.scrutiny import judge_where_needed

        look = await self._known()
        plan = await self._plan_rehearsal(look)
        await approve(plan, judge_where_needed(self._site, self._database.connection))
        return await rehearse(self._site, look.history, plan, progress)

    async def _known(self) -> _Seen:
        look = await self._see()
        if unknown := migration_status(look.history, look.current).unknown:
            raise Failure(unknown_revision(unknown[0]))
        return look

    async def plan_upgrade(self, target: str) -> Plan:
        """Say what `upgrade` would do now and what that risks, and touch nothing."""
        look = await self._known()
        return await self._judged(
            await in_thread(
                lambda: plan_upgrade(look.history, look.current, target=target, database=self._site.database)
            )
        )

    async def plan_downgrade(self, target: str) -> Plan:
        """Say what `downgrade` would do now and what that risks, and touch nothing."""
        look = await self._known()
        return await self._judged(
            await in_thread(
                lambda: plan_downgrade(look.history, look.current, target=target, database=self._site.database)
            )
        )

    async def _judged(self, plan: Plan) -> Plan:
        from stack.migrations.scrutiny import judged

        return await judged(plan, self._site, self._database.connection)

    async def plan_stamp(self, target: str) -> Plan:
        """Say what `stamp` would do now, and touch nothing."""
        look = await self._see()
        return plan_stamp(look.history, look.current, target=target, database=self._site.database)

    async def upgrade(
        self,
        target: str,
        progress: Progress,
        *,
        approve: Approval = approve_harmless,
        limits: Limits = Limits(),  # noqa: B008 - it cannot change
    ) -> "tuple[Done, ...]":
        """Apply what is missing up to `target`, as `stack.migrations.runner.upgrade` does."""
        from stack.migrations import runner

        return await runner.upgrade(self._site, target, progress, approve=approve, limits=limits)

    async def downgrade(
        self,
        target: str,
        progress: Progress,
        *,
        approve: Approval = approve_harmless,
        limits: Limits = Limits(),  # noqa: B008 - it cannot change
    ) -> "tuple[Done, ...]":
        """Undo what lies above `target`, as `stack.migrations.runner.downgrade` does."""
        from stack.migrations import runner

        return await runner.downgrade(self._site, target, progress, approve=approve, limits=limits)

    async def stamp(self, target: str, progress: Progress, *, approve: Approval = approve_harmless) -> Plan:
        """Mark the database as being at `target`, as `stack.migrations.runner.stamp` does."""
        from stack.migrations import runner

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
