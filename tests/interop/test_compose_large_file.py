"""A file as large as real ones loads, means what Compose makes of it, and the parts of it that concern us come up."""

import json
import os
import secrets
import shutil
from pathlib import Path

import pytest

from stack.findings import silent
from stack.project import Options, open_project
from stack.services.compose.dialect import dialect_of
from stack.services.compose.hash import config_hash
from stack.services.compose.load import load_compose
from stack.services.control import Action, Pull, State
from tests.support.docker_compose import ENVIRONMENT, compose_version, docker_compose, require_docker_compose
from tests.support.engine import Sandbox, free_port

SHOP = Path(__file__).parent / "data" / "shop"
VARIABLES = {"POSTGRES_PASSWORD": "p@ss", "COMPOSE_PROFILES": "*", "SENTRY_DSN": "https://x"}

# With env files and bare names, `config --hash` is not the hash that a container is labelled with.
RESOLVED_LATER = {"web", "worker", "migrate", "dashboards"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHOP, tmp_path / "shop"))


def test_the_file_means_what_compose_makes_of_it(shop: Path) -> None:
    require_docker_compose()
    compose = load_compose(open_project(Options(shop)), {**ENVIRONMENT, **VARIABLES})
    dialect = dialect_of(compose_version())
    assert dialect is not None
    unsupported = {it.name: [key.key for key in it.unsupported] for it in compose.services.values() if it.unsupported}
    assert unsupported == {
        "web": ["services.web.build"],
        "worker": ["services.worker.build"],
        "migrate": ["services.migrate.build"],
        "exporter": ["services.exporter.network_mode"],
        "trainer": ["services.trainer.deploy.resources.reservations.devices"],
    }
    assert not compose.findings
    answer = docker_compose(shop, "config", "--hash", "*", variables=VARIABLES)
    theirs = dict(line.split() for line in answer.stdout.splitlines())
    assert theirs.keys() == compose.services.keys(), answer.stderr
    for name in theirs.keys() - unsupported.keys() - RESOLVED_LATER:
        assert theirs[name] == config_hash(compose.services[name], dialect), name


def test_every_services_environment_is_that_of_compose(shop: Path) -> None:
    require_docker_compose()
    compose = load_compose(open_project(Options(shop)), {**ENVIRONMENT, **VARIABLES})
    answer = docker_compose(shop, "config", "--format", "json", variables=VARIABLES)
    theirs = {name: service.get("environment") or {} for name, service in json.loads(answer.stdout)["services"].items()}
    for name, service in compose.services.items():
        # `config` prints a file that means the same, so a dollar is doubled.
        assert service.environment == {key: value.replace("$$", "$") for key, value in theirs[name].items()}


async def test_its_database_comes_up_and_compose_keeps_it(engine: Sandbox, shop: Path) -> None:
    require_docker_compose()
    engine.directory = shop
    subnet = ".".join(map(str, (10, *secrets.token_bytes(2), 0)))
    (shop / ".env").write_text(
        f"COMPOSE_PROJECT_NAME={engine.name}\nDB_PORT={free_port()}\nPOSTGRES_PASSWORD=x\nSUBNET={subnet}/24\n"
    )
    services = engine.services(load_compose(open_project(Options(shop)), os.environ))
    result = await services.up(["db"], pull=Pull.MISSING, timeout=60, progress=silent)
    assert [(it.service, it.action, it.state) for it in result.services] == [("db", Action.CREATED, State.RUNNING)]
    before = [container.id for container in engine.containers()]
    said = engine.compose("up", "-d", "db")
    assert [container.id for container in engine.containers()] == before, said
    assert "Recreate" not in said
    await services.close()
