"""Compose and we take each other's containers for our own: what one made, the other keeps, lists and removes."""

import json
import os
import shutil
from pathlib import Path

import pytest

from stack.findings import silent
from stack.project import Options, open_project
from stack.services.compose.load import load_compose
from stack.services.control import Action, Pull, State, Volumes
from stack.services.engine import labels
from tests.support.engine import Sandbox, free_port, has_compose
from tests.support.require import require

REPOSITORY = Path(__file__).parents[2]

# Of each key that reaches the engine, in the spelling that most files use.
EVERYTHING = """\
services:
  db:
    image: postgres:16-alpine
    entrypoint: ["sleep"]
    command: ["1000"]
    init: true
    environment:
      A: "1"
      B: ${PORT}
    ports:
      - "127.0.0.1:${PORT}:5432"
      - "127.0.0.1::9999"
    expose: ["8000", "8001-8002/udp"]
    volumes:
      - data:/data
      - ./config:/config:ro
      - /anonymous
      - type: tmpfs
        target: /scratch
        tmpfs: {size: 1048576}
    networks:
      default:
        aliases: [database]
      back:
    healthcheck:
      test: ["CMD", "true"]
      interval: 5s
      timeout: 2s
      retries: 3
      start_period: 1s
    labels: {"com.example.role": database}
    user: "0"
    working_dir: /tmp
    hostname: somewhere
    stop_grace_period: 1m30s
    stop_signal: SIGINT
    shm_size: 128m
    mem_limit: 256m
    cpus: 0.5
    pids_limit: 100
    ulimits:
      nofile: {soft: 1024, hard: 2048}
      nproc: 512
    sysctls: {net.ipv4.ip_unprivileged_port_start: "80"}
    tmpfs: ["/run:size=64k"]
    cap_add: [NET_ADMIN]
    cap_drop: [MKNOD]
    security_opt: ["no-new-privileges:true"]
    extra_hosts: ["elsewhere:10.0.0.1"]
    dns: ["10.0.0.2"]
    logging: {driver: json-file, options: {max-size: 1m}}
    restart: on-failure:3
    configs: [settings]
    secrets: [token]
    read_only: true
  web:
    image: postgres:16-alpine
    entrypoint: sleep 1000
    init: true
    depends_on:
      db: {condition: service_healthy, restart: true}
    deploy:
      resources:
        limits: {cpus: "0.25", memory: 64M}
networks:
  back:
    driver_opts: {com.docker.network.bridge.enable_icc: "true"}
    labels: {a: b}
volumes:
  data:
    labels: {c: d}
configs:
  settings: {file: ./settings}
secrets:
  token: {file: ./token}
"""


@pytest.fixture
def box(engine: Sandbox) -> Sandbox:
    require("compose", has_compose(), "`docker compose` is not installed")
    return engine


@pytest.fixture
def everything(box: Sandbox) -> Sandbox:
    (box.directory / "compose.yaml").write_text(EVERYTHING)
    (box.directory / "config").mkdir()
    (box.directory / "settings").write_text("x")
    (box.directory / "token").write_text("y")
    (box.directory / ".env").write_text(f"COMPOSE_PROJECT_NAME={box.name}\nPORT={free_port()}\n")
    return box


@pytest.fixture
def own(box: Sandbox) -> Sandbox:
    """This repository's own stack."""
    shutil.copy(REPOSITORY / "docker-compose.yml", box.directory)
    values = {
        "COMPOSE_PROJECT_NAME": box.name,
        "APP_DB_PASSWORD": "'s3cret'",
        "APP_DB_PORT": free_port(),
        "PGADMIN_PORT": free_port(),
    }
    (box.directory / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return box


def services(box: Sandbox):
    return box.services(load_compose(open_project(Options(box.directory)), os.environ))


def identities(box: Sandbox):
    return {it.name: it.id for it in box.containers()}


@pytest.mark.parametrize("stack", ["everything", "own"])
async def test_compose_keeps_what_we_made(stack, request):
    box = request.getfixturevalue(stack)
    ours = services(box)
    result = await ours.up([], pull=Pull.MISSING, timeout=60, progress=silent)
    assert {outcome.action for outcome in result.services} == {Action.CREATED}
    before = identities(box)
    said = box.compose("up", "-d")
    assert identities(box) == before, said
    assert "Recreate" not in said
    listed = [json.loads(line) for line in box.compose("ps", "--format", "json").splitlines()]
    assert {it["Name"] for it in listed} == set(before)
    box.compose("down", "-v")
    assert not box.leftovers()
    await ours.close()


@pytest.mark.parametrize("stack", ["everything", "own"])
async def test_we_keep_what_compose_made(stack, request):
    box = request.getfixturevalue(stack)
    box.compose("up", "-d")
    before = identities(box)
    ours = services(box)
    result = await ours.up([], pull=Pull.MISSING, timeout=60, progress=silent)
    assert {outcome.action for outcome in result.services} == {Action.KEPT}
    assert {outcome.state for outcome in result.services} == {State.RUNNING}
    assert identities(box) == before
    await ours.down(volumes=Volumes.REMOVE, progress=silent)
    assert not box.leftovers()
    await ours.close()


async def test_the_engine_cannot_tell_who_made_it(everything):
    """All that the engine records of a container, its labels and hash too, is the same but for identities."""
    everything.compose("up", "--no-start")
    theirs = recorded(everything)
    everything.compose("down", "-v")
    ours = services(everything)
    await ours.up([], pull=Pull.MISSING, timeout=60, progress=silent)
    await ours.close()
    made = recorded(everything)
    for name, fields in theirs.items():
        assert made[name] == fields, name
    assert made.keys() == theirs.keys()


def recorded(box: Sandbox):
    found = {}
    for container in box.containers():
        config, host = container.attrs["Config"], container.attrs["HostConfig"]
        config["Env"] = sorted(config["Env"])
        if container.id.startswith(config["Hostname"]):
            del config["Hostname"]
        host["Ulimits"] = sorted(host["Ulimits"] or [], key=lambda limit: limit["Name"])
        # Versions of Compose ask for the same mounts in different ways, and some leave ranges of ports as they are.
        for key in ("Binds", "Mounts"):
            host.pop(key, None)
        config.pop("ExposedPorts", None)
        mounts = {mount["Destination"]: (mount["Type"], mount["RW"]) for mount in container.attrs["Mounts"]}
        found[container.name] = {**config, **host, "mounts": mounts}
    wanted = {"label": f"{labels.PROJECT}={box.name}"}
    for thing in (*box.client.networks.list(filters=wanted), *box.client.volumes.list(filters=wanted)):
        kept = ("Name", "Driver", "Options", "Labels", "Internal", "Attachable", "EnableIPv6")
        attributes = {key: thing.attrs[key] for key in kept if key in thing.attrs}
        # We hash volumes for newer versions of Compose too.
        (attributes["Labels"] or {}).pop(labels.CONFIG_HASH, None)
        found[thing.name] = attributes
    return found


async def test_a_change_of_the_file_is_recreated_by_the_other_too(everything):
    everything.compose("up", "-d")
    file = everything.directory / "compose.yaml"
    file.write_text(EVERYTHING.replace('A: "1"', 'A: "2"'))
    ours = services(everything)
    causes = {it.service: it.causes for it in (await ours.status()).services}
    assert causes == {"db": ('environment.A: "1" → "2"',), "web": ()}
    await ours.up([], pull=Pull.MISSING, timeout=60, progress=silent)
    await ours.close()
    before = identities(everything)
    everything.compose("up", "-d")
    assert identities(everything) == before


async def test_an_optional_dependency_under_a_profile_is_left_out_by_both(box):
    (box.directory / "compose.yaml").write_text(
        """\
x-sleeper: &sleeper {image: "postgres:16-alpine", entrypoint: ["sleep", "1000"], init: true}
services:
  db: *sleeper
  web:
    <<: *sleeper
    depends_on: {db: {condition: service_started}, extra: {condition: service_started, required: false}}
  extra: {<<: *sleeper, profiles: [extra]}
"""
    )
    (box.directory / ".env").write_text(f"COMPOSE_PROJECT_NAME={box.name}\n")
    ours = services(box)
    await ours.up(["web"], pull=Pull.MISSING, timeout=60, progress=silent)
    before = identities(box)
    box.compose("up", "-d")
    assert identities(box) == before
    box.compose("up", "-d", "web", "extra")
    theirs = identities(box)
    await ours.up(["web", "extra"], pull=Pull.MISSING, timeout=60, progress=silent)
    assert identities(box) == theirs
    await ours.close()
