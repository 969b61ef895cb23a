"""A small project with a Postgres in a container, for what a person does with psql."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.services.engine.endpoint import Endpoint
from tests.support.clone import Clone, bare_environment
from tests.support.compose_model import IMAGE
from tests.support.engine import Sandbox, has_compose, sandbox
from tests.support.require import require

COMPOSE = """
name: {name}
services:
  db:
    image: {image}
    environment:
      POSTGRES_USER: ada
      POSTGRES_PASSWORD: {password}
      POSTGRES_DB: shop
    healthcheck:
      test: ["CMD", "pg_isready", "-q", "-h", "127.0.0.1"]
      interval: 10s
      start_period: 60s
      start_interval: 200ms
"""
PASSWORD = "not-in-any-argument"


@dataclass(frozen=True)
class Shop:
    """The project and the engine that it runs on."""

    project: Clone
    engine: Sandbox


@contextmanager
def open_shop(endpoint: Endpoint, directory: Path) -> Iterator[Shop]:
    """A project of that Compose file with its database up, and nothing of it afterwards."""
    require("compose", has_compose(), "no docker compose")
    with sandbox(endpoint, directory) as engine:
        require("docker", engine.ensure_image(IMAGE), f"the engine has no {IMAGE} and cannot pull it")
        text = COMPOSE.format(name=engine.name, image=IMAGE, password=PASSWORD)
        (directory / "compose.yaml").write_text(text, encoding="utf-8")
        engine.compose("up", "--detach", "--wait")
        yield Shop(Clone(directory, {**bare_environment(), "PWD": str(directory)}), engine)
