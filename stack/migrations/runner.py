"""Applying and undoing migrations: one runner at a time, one transaction a step, in a process of its own."""

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import psycopg
from psycopg import sql

from stack.amounts import duration
from stack.background import in_thread
from stack.database.asking import Ask
from stack.database.errors import explain
from stack.findings import Gauge, Progress, Unit, silent
from stack.migrations.approval import Approval, approve_harmless
from stack.migrations.child import Ended, Worker, make_job, make_preparation, ready_worker, run_worker
from stack.migrations.configuration import locate, missing
from stack.migrations.current import ask_current
from stack.migrations.failure import Remains, Wreck, explain_stop, explain_wreck
from stack.migrations.having_planned import Ground, have_planned
from stack.migrations.holders import HolderWatch
from stack.migrations.limits import Limits, is_lock_failure, pause_after
from stack.migrations.lock import only_runner
from stack.migrations.plan import Plan, place
from stack.migrations.protocol import Command, Event
from stack.migrations.scrutiny import judge_where_needed, lend_connection
from stack.migrations.site import Site, secrets_of
from stack.text import clean_line

_INVALID_INDEXES: Final = sql.SQL(
    """
    SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index i WHERE NOT i.indisvalid
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
    ORDER BY 1
    """
).format()


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was applied or taken back: how long that took, and the rows it touched; None where nobody knows."""

    revision: str
    seconds: float
    rows: int | None


async def upgrade(
    site: Site,
    target: str = "heads",
    progress: Progress = silent,
    *,
    approve: Approval = approve_harmless,
    limits: Limits = Limits(),  # noqa: B008 - it cannot change
) -> tuple[Done, ...]:
    """Apply what is missing up to `target` and return the steps that were applied, in order.

    `target` is as Alembic has it: ``heads``, a revision or the beginning of one, ``branch@head``, ``+1``. `approve` is
    asked before. Each step is committed by itself; one that did not get a lock was rolled back, and is tried again.
    Cancelling stops at the step that is running, on the server too, and undoes that step; one that has left its
    transaction cannot be undone, and then that is raised instead of the cancellation.

    Raises:
        Failure: a step failed (`Code.MIGRATION_FAILED`, `Code.MIGRATION_LOCKED`) and was undone, with those before
            it kept; it was stopped outside of its transaction (`Code.MIGRATION_STOPPED`); there is no such target
            (`Code.MIGRATION_NO_SUCH_REVISION`); the database is at a revision that no file is
            (`Code.MIGRATION_UNKNOWN_REVISION`); the files are no history, or ``env.py`` fails
            (`Code.MIGRATIONS_BROKEN`); the database cannot be reached; or what `approve` raises.
    """
    return await _move(site, Plan(Command.UPGRADE, target, site.database), progress, approve, limits)


async def downgrade(
    site: Site,
    target: str,
    progress: Progress = silent,
    *,
    approve: Approval = approve_harmless,
    limits: Limits = Limits(),  # noqa: B008 - it cannot change
) -> tuple[Done, ...]:
    """Undo what lies above `target` and return the steps that were undone, in order.

    `target` is as Alembic has it: ``base``, a revision or the beginning of one, ``-1``. Otherwise like `upgrade`.
    """
    return await _move(site, Plan(Command.DOWNGRADE, target, site.database), progress, approve, limits)


async def stamp(site: Site, target: str, progress: Progress = silent, *, approve: Approval = approve_harmless) -> Plan:
    """Mark the database as being at `target`, whatever it is at, and return what was done; no table is changed.

    Raises:
        Failure: as `upgrade` does, but for a revision that no file is, which is replaced as any other.
    """
    # Imported here: Alembic, which the worker has for what moves a database.
    from stack.migrations.history import read_history
    from stack.migrations.planning import plan_stamp

    history = await read_history(site.project)
    configuration = await in_thread(lambda: locate(site.project))
    ground = Ground(configuration.directory, configuration.scripts, configuration.version_table)
    try:
        async with only_runner(site.url, progress) as ask:
            current = await ask_current(ask, configuration.version_table)
            plan = plan_stamp(history, current, target=target, database=site.database)
            await approve(plan, judge_where_needed(site, partial(lend_connection, site.url)))
            course = _Course(progress, ground, plan, HolderWatch(ask, progress))
            job = make_job(configuration.files, plan.command, url=site.url.reveal(), revisions=plan.marked)
            ended = await run_worker(job, configuration.directory, course.hear)
            if not course.finished:
                raise explain_wreck(await _wreck(site, course, ended, ask))
    except (psycopg.Error, OSError) as error:
        raise explain(error, site.url) from None
    progress(clean_line(f"The database is marked as being at {place(plan.marked)}"))
    return plan


@dataclass(slots=True)
class _Course:
    """What the worker has told so far of carrying out `plan`."""

    progress: Progress
    ground: Ground
    plan: Plan
    watch: HolderWatch
    done: list[Done] = field(default_factory=list)
    running: Event | None = None
    failed: Event | None = None
    outside: bool = False
    kept: list[str] = field(default_factory=list)
    finished: bool = False

    @property
    def rest(self) -> tuple[str, ...]:
        """The revisions whose steps are still to be run."""
        return tuple(step.revision.revision for step in self.plan.steps[len(self.done) :])

    def hear(self, event: Event) -> None:
        match event["event"]:
            case "running":
                self.running = event
                self.outside = False
                self.kept.clear()
                self.watch.begin_step()
                self._tell(f"{len(self.done) + 1}/{len(self.plan.steps)} Running {event['text']}")
            case "session":
                self.watch.pid = event["pid"]
            case "outside":
                self.outside = True
                self.kept += event["kept"]
            case "applied":
                self.running, self.outside = None, False
                self.done.append(Done(event["revision"] or "", event["seconds"], event["rows"]))
                self._tell(f"{len(self.done)}/{len(self.plan.steps)} Done with {words_of(self.done[-1])}")
            case "failed":
                self.failed = event
            case _:
                self.finished = True

    def _tell(self, line: str) -> None:
        gauge = Gauge("migrations", len(self.done), len(self.plan.steps), Unit.STEPS)
        self.progress(clean_line(line), (gauge,))

    def again(self) -> None:
        """Forget the failure, before the rest is tried again."""
        self.failed = self.running = self.watch.pid = None


def words_of(done: Done) -> str:
    """Return what a step took, on a line."""
    rows = f", {done.rows:,} row{'' if done.rows == 1 else 's'}" if done.rows else ""
    return f"{done.revision} in {duration(done.seconds)}{rows}"


async def _move(site: Site, wanted: Plan, progress: Progress, approve: Approval, limits: Limits) -> tuple[Done, ...]:
    if site.project.alembic is None:
        raise missing()
    directory = site.project.alembic.parent
    preparation = make_preparation(site.project.alembic_files, site.url.reveal())
    try:
        # It gets ready while we connect and wait for others, and has imported what it is then asked to run.
        async with (
            ready_worker(site.standby, directory, preparation) as worker,
            only_runner(site.url, progress) as ask,
        ):
            ground, plan = await have_planned(site, wanted, directory, worker, ask)
            course = _Course(progress, ground, plan, HolderWatch(ask, progress))
            if not plan.empty:
                await approve(plan, judge_where_needed(site, partial(lend_connection, site.url)))
                progress(clean_line(f"Running them with {worker.interpreter.words}"))
                await _carry_out(site, course, worker, ask, limits)
            now = place(await ask_current(ask, ground.version_table))
    except (psycopg.Error, OSError) as error:
        raise explain(error, site.url) from None
    progress(clean_line(f"The database is at {now}" if course.done else f"Nothing to do: the database is at {now}"))
    return tuple(course.done)


async def _carry_out(site: Site, course: _Course, worker: Worker, ask: Ask, limits: Limits) -> None:
    """Run the steps of the course's plan with `worker`, and again with others where one did not get a lock."""
    tries, reached = 0, 0
    ready: Worker | None = worker
    while True:
        try:
            ended = await _attempt(site, course, ready, ask, limits)
        except asyncio.CancelledError:
            if not course.running or not course.outside:
                raise
            remains = await _remains(course, ask)
            raise explain_stop(course.plan, course.running, remains, secrets_of(site.url)) from None
        if course.finished:
            return
        ready = None
        tries, reached = (tries if reached == len(course.done) else 0) + 1, len(course.done)
        # What a step has done outside of a transaction stays, so it cannot simply be done again.
        failed = course.failed
        undone = failed is not None and is_lock_failure(failed.get("sqlstate")) and not course.outside
        if not undone or tries >= limits.tries:
            wreck = await _wreck(site, course, ended, ask)
            raise explain_wreck(replace(wreck, tries=tries))
        await _pause(course, tries, limits)


async def _pause(course: _Course, tries: int, limits: Limits) -> None:
    held = "; and by ".join(holder.words for holder in course.watch.seen) or "another session"
    pause = pause_after(tries)
    course.progress(
        clean_line(
            f"{course.rest[0]} got no lock, trying again in {pause:.0f} s ({tries + 1} of {limits.tries}); "
            f"rolled back; held by {held}"
        )
    )
    course.again()
    await asyncio.sleep(pause)


async def _attempt(site: Site, course: _Course, worker: Worker | None, ask: Ask, limits: Limits) -> Ended:
    job = make_job(
        site.project.alembic_files,
        course.plan.command,
        url=site.url.reveal(),
        revisions=course.rest,
        current=await ask_current(ask, course.ground.version_table),
        limits=limits,
    )
    watching = asyncio.create_task(course.watch.run())
    try:
        return await run_worker(job, course.ground.directory, course.hear, worker)
    finally:
        course.watch.stop()
        await watching


async def _wreck(site: Site, course: _Course, ended: Ended, ask: Ask) -> Wreck:
    return Wreck(
        scripts=course.ground.scripts,
        plan=course.plan,
        failed=course.failed,
        running=course.running,
        ended=ended,
        secrets=secrets_of(site.url),
        remains=await _remains(course, ask),
        holders=course.watch.seen,
    )


async def _remains(course: _Course, ask: Ask) -> Remains:
    current = await ask_current(ask, course.ground.version_table)
    if not course.outside:
        return Remains(current)
    invalid = tuple(str(name) for (name,) in await ask(_INVALID_INDEXES, {}))
    return Remains(current, outside=True, kept=tuple(course.kept), invalid_indexes=invalid)
