"""An examination asks little, each thing once, and lets go of what never answers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stack.doctor.examination import CheckStatus
from stack.findings import silent
from stack.project import Options
from stack.services.control import Pull
from stack.workspace import Workspace, open_workspace
from tests.support.clone import bare_environment
from tests.support.compose_model import IMAGE
from tests.support.engine import free_port, sandbox
from tests.support.engine_proxy import proxied

MOST_REQUESTS = 40
"""Of the engine, however many checks there are: it answers each within milliseconds, and there is a second for all."""

COMPOSE = f"""
name: PROJECT
services:
  db:
    image: {IMAGE}
    environment: {{POSTGRES_USER: app, POSTGRES_PASSWORD: "${{OUR_PASSWORD}}", POSTGRES_DB: app}}
    ports: ["127.0.0.1:PORT:5432"]
    tmpfs: [/var/lib/postgresql/data]
"""


class BlackHole:
    """Takes connections and never says a word; `taken` counts them."""

    def __init__(self) -> None:
        self.taken = 0

    async def swallow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        try:
            while await reader.read(4096):
                pass
        finally:
            writer.close()


@asynccontextmanager
async def examined(directory: Path, environ: dict[str, str], **more: str) -> AsyncIterator[Workspace]:
    """A workspace in `directory`, and the assurance that nothing that it began goes on after an examination."""
    before = asyncio.all_tasks()
    async with open_workspace(Options(directory), {**environ, "PWD": str(directory), **more}) as workspace:
        yield workspace
        await asyncio.sleep(0)
        ours = [task for task in asyncio.all_tasks() - before if "stack/doctor" in task.get_coro().cr_code.co_filename]
        assert ours == []


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "compose.yaml").write_text(COMPOSE.replace("PROJECT", "holes").replace("PORT", "5999"))
    (tmp_path / ".env").write_text("OUR_PASSWORD=a-long-password-of-ours\n")
    (tmp_path / ".env").chmod(0o600)
    return tmp_path


async def test_an_examination_asks_the_engine_few_things_and_none_again_and_again(engine_here, tmp_path, directory):
    with sandbox(engine_here, directory) as box:
        text = COMPOSE.replace("PROJECT", box.name).replace("PORT", str(free_port()))
        (directory / "compose.yaml").write_text(text)
        async with (
            proxied(engine_here, tmp_path) as proxy,
            examined(directory, bare_environment(), DOCKER_HOST=proxy.endpoint.url) as workspace,
        ):
            await workspace.up((), pull=Pull.MISSING, timeout=60, progress=silent)
            await workspace.examine()
            proxy.forget()
            report = await workspace.examine()
            assert {check.status for check in report.checks} == {CheckStatus.PASS}
            assert 0 < len(proxy.requests) <= MOST_REQUESTS
            assert max(Counter(proxy.requests).values()) <= 3, proxy.requests


async def test_an_engine_that_never_answers_is_asked_once_and_let_go(directory):
    hole = BlackHole()
    async with (
        await asyncio.start_unix_server(hole.swallow, str(directory / "e.sock")),
        examined(directory, bare_environment(), DOCKER_HOST=f"unix://{directory}/e.sock") as workspace,
    ):
        report = await workspace.examine()
        failed = [check.id for check in report.checks if check.status is CheckStatus.FAIL]
        # Without an engine it is the embedded server, which does not run yet: one failure, whatever hangs.
        assert failed == ["services"]
        assert hole.taken <= 2


async def test_a_database_that_never_answers_fails_once_and_what_needs_it_waits(directory):
    hole = BlackHole()
    async with await asyncio.start_server(hole.swallow, "127.0.0.1", 0) as server:
        url = f"postgresql://app:a-password@127.0.0.1:{server.sockets[0].getsockname()[1]}/app"
        async with examined(directory, bare_environment(), APP_DB_URL=url) as workspace:
            report = await workspace.examine()
            failed = {check.id for check in report.checks if check.status is CheckStatus.FAIL}
            assert len(failed) == 1
            waiting = [check for check in report.checks if check.status is CheckStatus.SKIP]
            assert {check.waits_for for check in waiting} == failed
            assert hole.taken <= 2
