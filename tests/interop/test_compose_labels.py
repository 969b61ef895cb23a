"""The label that `docker compose create` writes on a real container is the hash that we compute.

Unlike ``config --hash``, a label has the variables of ``env_file:`` and of bare names in it, and the dependencies.
"""

import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.services.compose.dialect import dialect_of
from stack.services.compose.hash import config_hash, network_hash
from tests.support.compose import load
from tests.support.docker_compose import ENVIRONMENT, docker_compose, require_docker_compose, require_engine

TEXT = """
services:
  db:
    image: ${IMAGE:-postgres:16-alpine}
    env_file: [one.env, {path: two.env, required: false}]
    environment: {POSTGRES_PASSWORD: "${PASSWORD:?}", BARE: , GONE: , NUMBER: 1_000, WORD: yes}
    ports: ["127.0.0.1::5432"]
    volumes: ["data:/var/lib/postgresql/data", "./seed:/seed:ro"]
    healthcheck: {test: "pg_isready -h 127.0.0.1", interval: 5s, retries: "3"}
    stop_grace_period: 1m30s
    shm_size: 128m
    secrets: [pw]
    labels: [a=b, "c=<d> & e"]
  web:
    image: postgres:16-alpine
    command: sh -c "echo $$HOME"
    depends_on: {db: {condition: service_healthy}}
    networks: {front: {aliases: [x]}, default: }
    profiles: [on]
networks: {front: {internal: true}}
volumes: {data: }
secrets: {pw: {file: ./pw.txt}}
"""
FILES = {
    "compose.yaml": TEXT,
    ".env": "PASSWORD=p@ss$$word\nBARE=dot\n",
    "one.env": "A=1\nB=${A}-x # c\nC='lit $A'\nexport D=\"q\\n$BARE\"\nBARE\n",
    "pw.txt": "x",
}


@pytest.fixture
def project() -> Iterator[str]:
    require_docker_compose()
    require_engine()
    name = f"stackdeck-test-{secrets.token_hex(4)}"
    yield name
    subprocess.run(["docker", "compose", "-p", name, "down", "-v"], capture_output=True, check=True)


def test_containers_are_labelled_with_our_hashes(project: str, tmp_path: Path) -> None:
    variables = {"COMPOSE_PROJECT_NAME": project, "COMPOSE_PROFILES": "on"}
    compose = load(tmp_path, FILES, {**ENVIRONMENT, **variables})
    created = docker_compose(tmp_path, "create", "--pull", "never", variables=variables)
    assert created.returncode == 0, created.stderr
    listed = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={project}"],
        capture_output=True, check=True, text=True,
    ).stdout.split()  # fmt: skip
    inspected = subprocess.run(["docker", "inspect", *listed], capture_output=True, check=True, text=True)
    labels = [container["Config"]["Labels"] for container in json.loads(inspected.stdout)]
    assert {it["com.docker.compose.service"] for it in labels} == {"db", "web"}
    for container in labels:
        dialect = dialect_of(container["com.docker.compose.version"])
        assert dialect is not None
        service = compose.services[container["com.docker.compose.service"]]
        assert container["com.docker.compose.config-hash"] == config_hash(service, dialect)
        assert container["com.docker.compose.project.working_dir"] == str(compose.directory)
        assert container["com.docker.compose.project.config_files"] == ",".join(map(str, compose.files))


def test_containers_of_a_built_on_service_are_labelled_with_our_hashes_and_env_files(
    project: str, tmp_path: Path
) -> None:
    files = {
        "compose.yaml": "services: {db: {extends: {file: far/far.yaml, service: db}, labels: {own: $V}}}",
        "far/far.yaml": "services: {db: {image: 'postgres:16-alpine', env_file: far.env, volumes: ['./x:/x']}}",
        "far/far.env": "FAR=$V",
        "1.env": "V=1",
        "2.env": "V=${V}2",
    }
    variables = {"COMPOSE_PROJECT_NAME": project, "COMPOSE_ENV_FILES": "1.env,2.env"}
    compose = load(tmp_path, files, {**ENVIRONMENT, **variables})
    created = docker_compose(tmp_path, "create", "--pull", "never", variables=variables)
    assert created.returncode == 0, created.stderr
    inspected = subprocess.run(["docker", "inspect", f"{project}-db-1"], capture_output=True, check=True, text=True)
    labels = json.loads(inspected.stdout)[0]["Config"]["Labels"]
    dialect = dialect_of(labels["com.docker.compose.version"])
    assert dialect is not None
    assert labels["com.docker.compose.config-hash"] == config_hash(compose.services["db"], dialect)
    assert labels["com.docker.compose.project.environment_file"] == ",".join(map(str, compose.env_files))


def test_networks_are_named_and_labelled_as_we_expect(project: str, tmp_path: Path) -> None:
    variables = {"COMPOSE_PROJECT_NAME": project, "COMPOSE_PROFILES": "on"}
    compose = load(tmp_path, FILES, {**ENVIRONMENT, **variables})
    assert docker_compose(tmp_path, "create", "--pull", "never", variables=variables).returncode == 0
    for network in compose.networks.values():
        inspected = subprocess.run(["docker", "network", "inspect", network.name], capture_output=True, check=True)
        labels = json.loads(inspected.stdout)[0]["Labels"]
        dialect = dialect_of(labels["com.docker.compose.version"])
        assert dialect is not None
        assert labels["com.docker.compose.network"] == network.key
        assert labels.get("com.docker.compose.config-hash") == network_hash(network, dialect)
