"""What a plan risks: which steps show by themselves that they lose nothing, and how the others are judged."""

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from stack.background import in_thread
from stack.environment.pool import PoolSettings
from stack.environment.url import DatabaseURL
from stack.findings import Finding
from stack.migrations.additions import only_adds
from stack.migrations.approval import Judge
from stack.migrations.failure import EnvironmentFailure
from stack.migrations.plan import Plan
from stack.migrations.preview import render
from stack.migrations.protocol import Command
from stack.migrations.site import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from stack.migrations.assessment import Connect


async def judged(plan: Plan, site: Site, connect: "Connect") -> Plan:
    """Return `plan` with the risks of each of its steps on the real tables, or why they cannot be judged.

    An ``env.py`` that runs with a database only is no reason to fail: it runs the steps, and only hides their SQL.

    Raises:
        Failure: the files are no history (`Code.MIGRATIONS_BROKEN`).
    """
    if not plan.steps:
        return plan
    # Imported here: Postgres' grammar, which most plans do not need.
    from stack.migrations.assessment import assess

    upwards = plan.steps[::-1] if plan.command is Command.DOWNGRADE else plan.steps
    try:
        steps = await render(site.project, site.url, [step.revision for step in upwards])
        assessment = await assess(site.project, connect, steps)
    except EnvironmentFailure as failure:
        return replace(plan, unjudged=_why(failure.finding))
    if assessment.away:
        return replace(plan, unjudged=_why(assessment.away[0]))
    found = {step.sql.revision.revision: step for step in assessment.steps}
    return replace(plan, steps=tuple(replace(step, judged=found[step.revision.revision]) for step in plan.steps))


def _why(finding: Finding) -> str:
    return f"{finding.title}: {' '.join(finding.cause.split())}"


@asynccontextmanager
async def lend_connection(url: DatabaseURL) -> "AsyncIterator[AsyncConnection]":
    """Be a `Connect` to the database at `url`, with a connection that is made for that and closed afterwards."""
    # Imported here: SQLAlchemy, which a plan that needs no judgement does without.
    from stack.database.access import Database

    database = Database(url, PoolSettings(size=1, max_overflow=0))
    try:
        async with database.connection() as connection:
            yield connection
    finally:
        await database.close()


def judge_where_needed(site: Site, connect: "Connect") -> Judge:
    """Return what judges a plan, unless it evidently loses nothing and the server is the project's own."""

    async def judge(plan: Plan) -> Plan:
        if site.own and await in_thread(lambda: _loses_nothing(plan)):
            return plan
        return await judged(plan, site, connect)

    return judge


def _loses_nothing(plan: Plan) -> bool:
    adds = plan.command is Command.UPGRADE and all(only_adds(step.revision.path) for step in plan.steps)
    return adds or plan.command is Command.REHEARSE
