"""What is written against what a real container runs with: the doctor says it, and its fix makes them one again."""

import os

import pytest

from stack.doctor.examination import CheckStatus
from stack.findings import Code, silent
from stack.project import Options, open_project
from stack.services.control import Pull
from stack.workspace import Workspace
from tests.support.engine import Sandbox, free_port

pytestmark = pytest.mark.usefixtures("patience")

COMPOSE = """\
services:
  db:
    image: postgres:16-alpine
    environment:
      POSTGRES_PASSWORD: ${APP_DB_PASSWORD}
      GREETING: ${GREETING:-hello}
      DB_PW: ${APP_DB_PASSWORD}
    ports: ["127.0.0.1:${APP_DB_PORT}:5432"]
    volumes: [data:/var/lib/postgresql/data]
    healthcheck: {test: [CMD, pg_isready, -h, 127.0.0.1], interval: 1s, start_period: 30s, start_interval: 0.3s}
volumes: {data: {}}
"""


def write(box: Sandbox, greeting: str, port: int, password: str) -> None:
    env = box.directory / ".env"
    env.write_text(
        f"COMPOSE_PROJECT_NAME={box.name}\nAPP_DB_USER=postgres\nAPP_DB_NAME=postgres\n"
        f"APP_DB_PASSWORD={password}\nAPP_DB_PORT={port}\nGREETING={greeting}\n"
    )
    env.chmod(0o600)


def checked(report, name):
    (check,) = [check for check in report.checks if check.id == name]
    return check


async def test_a_container_that_runs_with_old_values(engine: Sandbox):
    (engine.directory / "compose.yaml").write_text(COMPOSE)
    port = free_port()
    write(engine, "hello", port, "canary-of-the-volume")
    workspace = Workspace(open_project(Options(engine.directory)), None, os.environ)
    await workspace.up((), pull=Pull.NEVER, timeout=60, progress=silent)

    report = await workspace.examine()
    assert [it for it in report.checks if it.id.startswith("env") and it.status is not CheckStatus.PASS] == []
    assert await workspace.stale_uses() == ()

    write(engine, "good morning", free := free_port(), "canary-of-the-volume")
    await workspace.reload()
    uses = await workspace.stale_uses()
    assert {(use.service, use.name, use.key) for use in uses} == {
        ("db", "GREETING", "environment.GREETING"),
        ("db", "APP_DB_PORT", "ports"),
    }
    report = await workspace.examine()
    found = checked(report, "env-in-use")
    # Nobody answers at the new port: that is the one failure, and the connection waits for it.
    assert (found.status, found.finding.code) == (CheckStatus.FAIL, Code.ENV_VARIABLE_STALE)
    assert [it.id for it in report.checks if it.status is CheckStatus.FAIL] == ["env-in-use"]
    assert '"hello" → "good morning"' in found.finding.cause
    assert ".env, lines 5, 6:" in found.finding.cause
    await workspace.mend(found.fix, silent)
    assert checked(await workspace.examine(), "env-in-use").status is CheckStatus.PASS
    assert (await workspace.database()).url.port == free
    assert await (await workspace.database()).ping()

    # The password of a volume is another matter: a new container would not change it.
    write(engine, "good morning", free, "canary-of-today")
    await workspace.reload()
    uses = {use.key: (use.name, use.change, use.in_volume) for use in await workspace.stale_uses()}
    assert uses == {
        "environment.POSTGRES_PASSWORD": ("APP_DB_PASSWORD", "changed", True),
        "environment.DB_PW": ("APP_DB_PASSWORD", "changed", False),
    }
    (status,) = (await (await workspace.services()).status()).services
    assert "canary" not in repr(status)
    report = await workspace.examine()
    assert checked(report, "env-in-use").status is CheckStatus.WARN
    assert "canary" not in repr(report)
    await workspace.reload()
