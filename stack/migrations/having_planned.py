"""Having the worker plan an upgrade or a downgrade: it has imported the revisions anyway, and knows their order.

So this process need not read them, nor import Alembic, which would take as long as it takes the worker.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from stack.background import in_thread
from stack.database.asking import Ask
from stack.findings import Failure
from stack.migrations.child import Worker, WorkerFailed
from stack.migrations.configuration import VersionTable, find_version_table
from stack.migrations.current import ask_current, unknown_revision
from stack.migrations.failure import Wreck, explain_wreck
from stack.migrations.plan import Plan, planned, unreachable
from stack.migrations.protocol import Event
from stack.migrations.revision import Revision, revision_of
from stack.migrations.script import script_of
from stack.migrations.site import Site, secrets_of


@dataclass(frozen=True, slots=True)
class Ground:
    """What a run stands on: the `directory` where the project's code runs, ``env.py`` in `scripts`, and the mark."""

    directory: Path
    scripts: Path
    version_table: VersionTable


async def have_planned(site: Site, wanted: Plan, directory: Path, worker: Worker, ask: Ask) -> tuple[Ground, Plan]:
    """Return `wanted` with its steps, from where the database is that `ask` asks.

    Raises:
        Failure: there is no such target (`Code.MIGRATION_NO_SUCH_REVISION`); the database is at a revision that no
            file is (`Code.MIGRATION_UNKNOWN_REVISION`); the files are no history (`Code.MIGRATIONS_BROKEN`).
    """
    ground = Ground(directory, directory, VersionTable())
    try:
        environment = directory / await worker.locate()
        table = await in_thread(lambda: find_version_table(environment)) or VersionTable()
        ground = Ground(directory, environment.parent, table)
        plan = replace(wanted, current=await ask_current(ask, table))
        *files, end = await worker.plan(
            {"command": plan.command.value, "target": plan.target, "current": list(plan.current)}
        )
    except WorkerFailed as failed:
        raise await _explain(site, ground, wanted, failed) from None
    match end["event"]:
        case "unknown":
            raise Failure(unknown_revision(end["revision"] or ""))
        case "unreachable":
            raise unreachable(plan.command, plan.target, plan.current, end["text"])
        case _:
            steps = [_revision(event, directory) for event in files]
            return ground, await in_thread(lambda: planned(plan, steps))


def _revision(event: Event, directory: Path) -> Revision:
    script = script_of(event, directory)
    return revision_of(script, is_head=event["is_head"], is_branch_point=event["is_branch_point"])


async def _explain(site: Site, ground: Ground, wanted: Plan, failed: WorkerFailed) -> Failure:
    # Only then is it worth the while to read the files here, which says the place and the reason more exactly.
    from stack.migrations.history import read_history

    try:
        await read_history(site.project)
    except Failure as failure:
        return failure
    secrets = secrets_of(site.url)
    return explain_wreck(Wreck(ground.scripts, wanted, failed.failed, None, failed.ended, secrets))
