"""What the doctor says where nobody answers, or the right one not yet: one failure, and its cause."""

import json
import socket
from pathlib import Path

import pytest

from stack.doctor.examination import CheckStatus, Report
from stack.findings import Code, Finding
from stack.project import Options, RuntimeName
from stack.workspace import open_workspace
from tests.support.clone import bare_environment
from tests.support.wire import answering, refusal

COMPOSE = "services: {db: {image: 'postgres:16', environment: {POSTGRES_PASSWORD: long-and-of-its-own}}}\n"


async def examine(directory: Path, runtime: RuntimeName | None = None, **environ: str) -> Report:
    (directory / "compose.yaml").write_text(COMPOSE)
    environment = {**bare_environment(), "PWD": str(directory), "HOME": str(directory), **environ}
    async with open_workspace(Options(directory, runtime=runtime), environment) as workspace:
        return await workspace.examine()


def failure(report: Report) -> Finding:
    """The one failure of `report`, for which all else waits."""
    (failed,) = [check for check in report.checks if check.status is CheckStatus.FAIL]
    waiting = {check.waits_for for check in report.checks if check.status is CheckStatus.SKIP}
    assert waiting == {failed.id}
    assert failed.finding
    return failed.finding


async def test_an_engine_that_is_not_there(tmp_path):
    finding = failure(await examine(tmp_path, RuntimeName.DOCKER, DOCKER_HOST=f"unix://{tmp_path}/none.sock"))
    assert finding.code is Code.ENGINE_UNREACHABLE
    assert f"There is no socket at {tmp_path}/none.sock" in finding.cause
    assert "DOCKER_HOST" in finding.cause


async def test_an_engine_that_has_stopped(tmp_path):
    path = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    finding = failure(await examine(tmp_path, RuntimeName.DOCKER, DOCKER_HOST=f"unix://{path}"))
    assert finding.code is Code.ENGINE_UNREACHABLE
    assert "the engine has stopped" in finding.cause


async def test_a_context_that_does_not_exist(tmp_path, monkeypatch):
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(json.dumps({"currentContext": "gone"}))
    finding = failure(await examine(tmp_path))
    assert finding.code is Code.ENGINE_CONTEXT_MISSING
    assert "gone" in finding.title + finding.cause


@pytest.mark.parametrize(
    ("sqlstate", "words", "code"),
    [
        ("57P03", "the database system is starting up", Code.DATABASE_STARTING),
        ("28000", 'no pg_hba.conf entry for host "127.0.0.1"', Code.DATABASE_REFUSED_LOGIN),
        ("53300", "sorry, too many clients already", Code.DATABASE_TOO_MANY_CONNECTIONS),
        ("3D000", 'database "app" does not exist', Code.DATABASE_MISSING),
    ],
)
async def test_a_server_that_lets_nobody_in(tmp_path, sqlstate, words, code):
    async with answering([refusal(sqlstate, words)]) as port:
        url = f"postgresql://app:a-canary-password@127.0.0.1:{port}/app?sslmode=disable"
        finding = failure(await examine(tmp_path, APP_DB_URL=url))
    assert finding.code is code
    assert "a-canary-password" not in str(finding)
    assert finding.fixes
