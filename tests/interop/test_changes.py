"""A change of any one key is recreated by Compose and by us, or by neither."""

import os
import subprocess

import pytest

from stack.project import Options, open_project
from stack.services.compose.load import load_compose
from stack.services.control import Action, Pull
from tests.support.engine import has_compose
from tests.support.require import require

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

BASE = {
    "image": "postgres:16-alpine",
    "entrypoint": "[sleep, '1000']",
    "init": "true",
    "environment": "{A: '1', B: '2'}",
    "volumes": "['data:/var/lib/postgresql/data', '/anonymous']",
    "labels": "{a: b}",
}

CHANGES = {
    "environment": "{A: '1', B: '3'}",
    "volumes": "['other:/var/lib/postgresql/data', '/anonymous']",
    "labels": "{a: c}",
    "entrypoint": "[sleep, '1001']",
    "command": "[x]",
    "ports": "['127.0.0.1::5432']",
    "expose": "['8000']",
    "networks": "{default: {aliases: [there]}}",
    "network_mode": "none",
    "healthcheck": "{test: [CMD, 'true']}",
    "depends_on": "[other]",
    "container_name": "stackdeck-test-named",
    "restart": "always",
    "profiles": "[tools]",
    "user": "'0'",
    "working_dir": "/tmp",
    "hostname": "there",
    "init": "false",
    "attach": "false",
    "read_only": "true",
    "tty": "true",
    "stop_grace_period": "7s",
    "stop_signal": "SIGINT",
    "shm_size": "128m",
    "mem_limit": "256m",
    "cpus": "0.5",
    "ulimits": "{nproc: 512}",
    "sysctls": "{net.core.somaxconn: '1024'}",
    "tmpfs": "[/run]",
    "cap_add": "[NET_ADMIN]",
    "security_opt": "['no-new-privileges:true']",
    "extra_hosts": "['there:10.0.0.1']",
    "logging": "{driver: json-file, options: {max-size: 1m}}",
    "deploy": "{resources: {limits: {memory: 64M}}}",
    "pull_policy": "missing",
    "scale": "1",
    "x-note": "anything",
}

FEW = ("environment", "depends_on", "profiles", "attach", "deploy", "pull_policy", "networks", "container_name")
"""What stands for all where time is short; with ``STACKDECK_INTEROP_EXAMPLES`` set it is all of them."""


def written(service: dict[str, str]) -> str:
    keys = "".join(f"    {key}: {value}\n" for key, value in service.items())
    return (
        f"services:\n  db:\n{keys}  other: {{image: postgres:16-alpine, entrypoint: [sleep, '1000'], init: true}}\n"
        "volumes: {data: {}, other: {}}\n"
    )


async def test_a_change_of_any_one_key_is_recreated_by_both_or_by_neither(engine):
    require("compose", has_compose(), "`docker compose` is not installed")
    file = engine.directory / "compose.yaml"
    (engine.directory / ".env").write_text(f"COMPOSE_PROJECT_NAME={engine.name}\nCOMPOSE_PROFILES=tools\n")
    file.write_text(written(BASE))
    engine.compose("up", "-d")
    container = f"{engine.name}-db-1"
    disagreed, recreated = {}, set()
    for key in CHANGES if os.environ.get("STACKDECK_INTEROP_EXAMPLES") else FEW:
        file.write_text(written(BASE | {key: CHANGES[key]}))
        services = engine.services(load_compose(open_project(Options(engine.directory)), os.environ))
        plan = (await services.plan([], pull=Pull.MISSING)).plan
        await services.close()
        ours = any(step.action is Action.RECREATED and step.resource.startswith("container") for step in plan)
        theirs = f"{container}  Recreate" in dry_run(engine)
        recreated |= {key} if ours else set()
        if ours != theirs:
            disagreed[key] = f"we: {ours}, Compose: {theirs}"
    assert not disagreed
    assert recreated >= {"environment", "attach", "networks"}
    assert "pull_policy" not in recreated


def dry_run(engine) -> str:
    command = ["docker", "compose", "--dry-run", "up", "-d"]
    environ = {**os.environ, "PWD": str(engine.directory)}
    return subprocess.run(command, cwd=engine.directory, env=environ, capture_output=True, text=True, check=True).stderr
