"""A change of any one field of a service makes both us and `docker compose` recreate it, or neither of us."""

import copy
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from stack.services.compose.dialect import dialect_of
from stack.services.compose.hash import config_hash
from stack.services.compose.load import load_compose
from stack.services.control import Action, Pull
from tests.support.compose import project_in
from tests.support.compose_strategies import Value, yaml
from tests.support.docker_compose import ENVIRONMENT, compose_version, docker_compose, require_docker_compose
from tests.support.engine import Sandbox

Service = dict[str, Value]

EVERYTHING: Service = {
    "image": "a:1",
    "command": ["a", "b"],
    "entrypoint": ["c"],
    "environment": {"A": "1", "B": "2"},
    "ports": ["127.0.0.1:5432:5432", "53:53/udp"],
    "expose": ["8000"],
    "volumes": ["data:/data", "./x:/x:ro", "/anonymous", {"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1m"}}],
    "networks": {"default": {"aliases": ["x"], "priority": 1}, "back": None},
    "healthcheck": {"test": "true", "interval": "5s", "timeout": "2s", "retries": 3, "start_period": "1s"},
    "depends_on": {"base": {"condition": "service_started", "restart": False}},
    "restart": "always",
    "labels": {"a": "1"},
    "annotations": {"a": "1"},
    "user": "0",
    "working_dir": "/w",
    "hostname": "h",
    "domainname": "d",
    "shm_size": "64m",
    "tmpfs": ["/run:size=64k"],
    "ulimits": {"nofile": {"soft": 1, "hard": 2}, "nproc": 5},
    "init": True,
    "attach": True,
    "stop_grace_period": "10s",
    "stop_signal": "SIGINT",
    "secrets": [{"source": "f", "target": "s", "mode": 256}],
    "configs": [{"source": "f", "target": "/c", "uid": "1"}],
    "extra_hosts": ["a=1.1.1.1"],
    "logging": {"driver": "json-file", "options": {"max-size": "1m"}},
    "mem_limit": "64m",
    "mem_reservation": "32m",
    "cpus": 0.5,
    "pids_limit": 10,
    "deploy": {
        "resources": {"limits": {"cpus": "0.5", "memory": "64m", "pids": 10}, "reservations": {"memory": "32m"}},
        "restart_policy": {"condition": "any", "delay": "5s", "max_attempts": 3, "window": "5s"},
        "labels": {"a": "1"},
        "replicas": 1,
    },
    "platform": "linux/amd64",
    "cap_add": ["A"],
    "cap_drop": ["B"],
    "read_only": True,
    "security_opt": ["a"],
    "sysctls": {"a": "1"},
    "privileged": True,
    "tty": True,
    "stdin_open": True,
    "group_add": ["1"],
    "dns": ["1.1.1.1"],
    "dns_search": ["a"],
    "dns_opt": ["a"],
    "pull_policy": "always",
    "profiles": ["on"],
    "x-mine": {"a": 1},
}
"""All keys that we create containers with, as far as they go together, each with all that it takes."""

ELSEWHERE: Mapping[tuple[str | int, ...], Value] = {
    ("depends_on", "base", "condition"): "service_healthy",
    ("pull_policy",): "never",
    ("healthcheck", "test"): "false",
    ("image",): "a:2",
    ("platform",): "linux/arm64",
    ("profiles", 0): "on2",
    ("environment", "A"): None,
    ("logging", "driver"): "local",
    ("networks", "back"): {"aliases": ["y"]},
    ("restart",): "no",
    ("deploy", "restart_policy", "condition"): "none",
    ("secrets", 0, "source"): "g",
    ("configs", 0, "source"): "g",
    ("volumes", 3, "type"): "volume",
    ("extra_hosts", 0): "a=2.2.2.2",
    ("ports", 0): "5433:5432",
    ("ports", 1): "53:54",
    ("expose", 0): "8001",
    ("tmpfs", 0): "/run",
    ("volumes", 0): "data:/data:ro",
    ("volumes", 1): "./y:/x:ro",
}
"""What to write where another value is not found by adding to what is there."""

# What must agree with a counterpart under `deploy`: a change is one of both.
COUNTERPARTS: Mapping[tuple[str | int, ...], tuple[str, ...]] = {
    ("mem_limit",): ("deploy", "resources", "limits", "memory"),
    ("mem_reservation",): ("deploy", "resources", "reservations", "memory"),
    ("cpus",): ("deploy", "resources", "limits", "cpus"),
    ("pids_limit",): ("deploy", "resources", "limits", "pids"),
}


def leaves(value: Value, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Value]]:
    """Yield each place in `value` that holds something plain, and what it holds."""
    match value:
        case dict():
            for key, member in value.items():
                yield from leaves(member, (*path, key))
        case list():
            for index, item in enumerate(value):
                yield from leaves(item, (*path, index))
        case _:
            yield path, value


def other(path: tuple[str | int, ...], value: Value) -> Value:
    if path in ELSEWHERE:
        return ELSEWHERE[path]
    match value:
        case bool():
            return not value
        case int() | float():
            return value * 2
        case str() if value[:1].isdigit():
            return f"2{value}"
        case str():
            return f"{value}2"
    raise AssertionError(path)


def put(service: Service, path: tuple[str | int, ...], value: Value) -> Service:
    changed = copy.deepcopy(service)
    place: Value = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def without(service: Service, path: tuple[str | int, ...]) -> Service:
    changed = copy.deepcopy(service)
    place: Value = changed
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return changed


def variants() -> dict[str, Service]:
    """Return the service as it is, with each value changed, and without each key."""
    found = {"same": copy.deepcopy(EVERYTHING)}
    counterparts = set(COUNTERPARTS.values())
    for path, value in leaves(EVERYTHING):
        if path in counterparts:
            continue
        changed = put(EVERYTHING, path, other(path, value))
        if path in COUNTERPARTS:
            changed = put(changed, COUNTERPARTS[path], str(other(path, value)) if path != ("pids_limit",) else 20)
        found["changed-" + "-".join(map(str, path))] = changed
    for key in EVERYTHING.keys() - {"image"}:
        found[f"without-{key}"] = without(EVERYTHING, (key,))
    return found


def whole(services: Mapping[str, Service]) -> str:
    beside: Service = {"base": {"image": "a:1", "healthcheck": {"test": "true"}}, **services}
    file = {"file": "./f"}
    return yaml({
        "name": "changes",
        "services": beside,
        "networks": {"back": None},
        "volumes": {"data": None},
        "secrets": {"f": file, "g": file},
        "configs": {"f": file, "g": file},
    })  # fmt: skip


def test_every_change_changes_both_hashes_or_neither(tmp_path: Path) -> None:
    require_docker_compose()
    dialect = dialect_of(compose_version())
    assert dialect is not None
    variables = {"COMPOSE_PROFILES": "on,on2"}
    project = project_in(tmp_path, {"compose.yaml": whole(variants())})
    compose = load_compose(project, {**ENVIRONMENT, **variables})
    ours = {name: config_hash(service, dialect) for name, service in compose.services.items()}
    answer = docker_compose(tmp_path, "config", "--hash", "*", variables=variables)
    theirs = dict(line.split() for line in answer.stdout.splitlines())
    assert ours == theirs, answer.stderr
    unchanged = {name for name, digest in ours.items() if digest == ours["same"]} - {"same"}
    assert unchanged == {
        "changed-deploy-replicas",
        "changed-pull_policy",
        "changed-x-mine-a",
        "without-pull_policy",
        "without-x-mine",
    }
    assert not any(service.unsupported for service in compose.services.values())


SLEEPER: Service = {"image": "postgres:16-alpine", "entrypoint": ["sleep", "1000"], "init": True, "user": "0"}
REALLY: Mapping[str, tuple[Service, Service]] = {
    "same": ({}, {}),
    "pulled": ({"pull_policy": "missing"}, {"pull_policy": "never"}),
    "extended": ({"x-a": 1}, {"x-a": 2}),
    "respelled": (
        {"environment": ["A=1"], "stop_grace_period": "90s"},
        {"environment": {"A": 1}, "stop_grace_period": "1m30s"},
    ),
    "labelled": ({"labels": {"a": "1"}}, {"labels": {"a": "2"}}),
    "limited": ({"mem_limit": "64m"}, {"mem_limit": "65m"}),
    "mounted": ({"volumes": ["/a"]}, {"volumes": ["/b"]}),
    "attached": ({}, {"networks": ["default", "back"]}),
    "grown": ({}, {"scale": 2}),
    "new": ({}, {"environment": {"A": "1"}}),
}
"""What a running service has besides, at first and then."""


async def test_compose_and_we_recreate_the_same(engine: Sandbox) -> None:
    require_docker_compose()
    file = engine.directory / "compose.yaml"
    (engine.directory / ".env").write_text(f"COMPOSE_PROJECT_NAME={engine.name}\n")

    def write(index: int) -> None:
        services: dict[str, Value] = {name: {**SLEEPER, **parts[index]} for name, parts in REALLY.items()}
        file.write_text(yaml({"services": services, "networks": {"back": None}}))

    write(0)
    engine.compose("up", "-d", *(REALLY.keys() - {"new"}))
    write(1)
    said = engine.compose("--dry-run", "up", "-d")
    theirs = {name: compose_would(said, f"{engine.name}-{name}-1") for name in REALLY}
    services = engine.services(load_compose(project_in(engine.directory, {}), os.environ))
    planned = await services.plan([], pull=Pull.MISSING)
    await services.close()
    assert {outcome.service: outcome.action for outcome in planned.services} | {"grown": Action.KEPT} == theirs
    assert {name for name, action in theirs.items() if action is Action.RECREATED} == {
        "labelled", "limited", "mounted", "attached",
    }  # fmt: skip


def compose_would(said: str, container: str) -> Action:
    """Return what a dry run of Compose says of a container."""
    lines = [line for line in said.splitlines() if container in line]
    if any("Recreate" in line for line in lines):
        return Action.RECREATED
    return Action.CREATED if any("Creat" in line for line in lines) else Action.KEPT
