"""Another repository with a Compose file needs no configuration: its database is found where its files say."""

import json

import pytest

from tests.support.clone import Clone, bare_environment
from tests.support.engine import free_port

COMPOSE = """
services:
  web:
    image: a-web-application
    build: .
    depends_on: [postgres]
  postgres:
    image: postgres:16-alpine
    environment: {POSTGRES_PASSWORD: secret-of-the-file, POSTGRES_USER: shop, POSTGRES_DB: shop}
    ports: ["127.0.0.1:PORT:5432"]
    healthcheck: {test: [CMD, pg_isready, -h, 127.0.0.1], interval: 1s, start_period: 60s, start_interval: 200ms}
"""


@pytest.fixture
def other(engine, tmp_path) -> Clone:
    root = tmp_path / engine.name
    root.mkdir()
    (root / "compose.yaml").write_text(COMPOSE.replace("PORT", str(free_port())))
    return Clone(root, {**bare_environment(), "PWD": str(root)})


@pytest.mark.parametrize("env", [None, "DATABASE_URL=postgresql://shop:secret-of-the-file@postgres:5432/shop\n"])
def test_the_database_is_found(other, env):
    if env:
        (other.root / ".env").write_text(env)
        (other.root / ".env").chmod(0o600)
    up = json.loads(other.done("up", "postgres", "--json").stdout)
    assert [service["service"] for service in up["services"]] == ["postgres"]
    status = other.json("status")
    assert status["runtime"] == "docker"
    assert status["database"]["reachable"]
    assert "secret-of-the-file" not in str(status)
    assert other.json("tables") == {"tables": [], "findings": []}
    doctor = other.json("doctor")
    assert doctor["ok"]
    assert doctor["findings"] == []
