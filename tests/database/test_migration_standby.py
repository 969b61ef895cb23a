"""A worker that is started before its job is known: it gets ready, does the job, and is never left behind."""

import asyncio
import os

import pytest

from stack.migrations.child import Worker, make_preparation, standing_by
from stack.migrations.runner import upgrade
from stack.migrations.site import Site
from tests.support.alembic import SYNC_ENV, chain, make_project
from tests.support.migrating import failure, tables


def told_by(tmp_path, name):
    """Code that writes the process's number into a file, and what waits for that and returns it."""
    path = tmp_path / name
    code = f"import os, pathlib\npathlib.Path({str(path)!r}).write_text(str(os.getpid()))\n"

    async def told():
        async with asyncio.timeout(60):
            while not (path.exists() and path.read_text()):  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)
        return int(path.read_text())

    return code, told


def begin_with(project, revision, code):
    (path,) = (project.root / "migrations" / "versions").glob(f"{revision}_*.py")
    path.write_text(path.read_text().replace("from alembic import op\n", f"from alembic import op\n{code}"))


async def test_it_has_loaded_the_revisions_before_it_is_told_its_job(database, tmp_path):
    loading, loaded = told_by(tmp_path, "loaded")
    running, ran = told_by(tmp_path, "ran")
    project = make_project(tmp_path, chain(2), running + SYNC_ENV)
    begin_with(project, "r0002", loading)
    async with standing_by(project) as standby:
        standby.prepare(make_preparation(project.alembic_files, database.reveal()))
        pid = await loaded()
        assert tables(database) == []
        done = await upgrade(Site(project, database, standby=standby))
    assert [step.revision for step in done] == ["r0001", "r0002"]
    assert await ran() == pid


async def test_where_nothing_is_to_be_done_it_is_gone(database, tmp_path):
    loading, loaded = told_by(tmp_path, "loaded")
    project = make_project(tmp_path, chain(1))
    await upgrade(Site(project, database))
    begin_with(project, "r0001", loading)
    async with standing_by(project) as standby:
        standby.prepare(make_preparation(project.alembic_files, database.reveal()))
        pid = await loaded()
        assert await upgrade(Site(project, database, standby=standby)) == ()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_revision_that_does_not_import_is_told_as_ever(database, tmp_path):
    project = make_project(tmp_path, chain(1))
    begin_with(project, "r0001", "import nonesuch_package\n")
    async with standing_by(project) as standby:
        finding = await failure(upgrade(Site(project, database, standby=standby)))
    assert "r0001_step.py:6: ModuleNotFoundError" in finding.cause
    assert tables(database) == []


async def test_it_hears_that_nobody_is_there_while_it_still_loads(database, tmp_path):
    loading, loaded = told_by(tmp_path, "loaded")
    project = make_project(tmp_path, chain(1))
    begin_with(project, "r0001", loading + "import time\ntime.sleep(600)\n")
    worker = await Worker.start(tmp_path)
    worker.prepare(make_preparation(project.alembic_files, database.reveal()))
    await loaded()
    await worker.end()
    assert worker._process.returncode == 130, "it ended by itself, and was not killed"


async def test_what_the_projects_code_leaves_for_its_end_is_done(database, tmp_path):
    project = make_project(tmp_path, chain(1))
    leaving = [
        "import atexit, pathlib, threading",
        f"place = pathlib.Path({str(tmp_path)!r})",
        "atexit.register(lambda: (place / 'left').write_text('left'))",
        "end = lambda: (threading.main_thread().join(), (place / 'finished').write_text('finished'))",
        "threading.Thread(target=end).start()",
    ]
    begin_with(project, "r0001", "\n".join(leaving) + "\n")
    assert [step.revision for step in await upgrade(Site(project, database))] == ["r0001"]
    assert [(tmp_path / name).read_text() for name in ("left", "finished")] == ["left", "finished"]
