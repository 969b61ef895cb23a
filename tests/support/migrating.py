"""Migrating a test's database as the runner does, and seeing what came of it."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from stack.environment.url import parse_url
from stack.findings import Failure, silent
from stack.migrations import runner
from stack.migrations.approval import approve_said
from stack.migrations.configuration import locate
from stack.migrations.current import read_current
from stack.migrations.history import read_history
from stack.migrations.site import Site
from stack.migrations.status import migration_status
from stack.project import Options, open_project
from tests.support.tables import engine_for

AGREED = approve_said(agreed=True, name=None)


async def upgrade(project, url, target="heads", progress=silent, **options):
    """Upgrade, and return the names of the steps."""
    done = await runner.upgrade(Site(project, url), target, progress, **options)
    return tuple(step.revision for step in done)


def upgrade_alone(root, url, limits):
    """Upgrade the project in `root`, in a process of its own."""
    asyncio.run(runner.upgrade(Site(open_project(Options(Path(root))), parse_url(url)), limits=limits))


async def downgrade(project, url, target, progress=silent):
    """Downgrade with consent, and return the names of the steps."""
    done = await runner.downgrade(Site(project, url), target, progress, approve=AGREED)
    return tuple(step.revision for step in done)


def rows(url, query):
    with psycopg.connect(url.reveal(), autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def tables(url):
    query = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
    return [name for (name,) in rows(url, query) if name != "alembic_version"]


def current(url):
    return sorted(name for (name,) in rows(url, "SELECT version_num FROM alembic_version"))


async def status(project, url):
    async with engine_for(url) as engine, engine.connect() as connection:
        return migration_status(
            await read_history(project), await read_current(connection, locate(project).version_table)
        )


async def failure(action):
    with pytest.raises(Failure) as caught:
        await action
    return caught.value.finding


async def wait_for(url, query):
    """Return once `query`, asked of `url` again and again, finds something."""
    async with asyncio.timeout(60):
        while not rows(url, query):  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.05)
