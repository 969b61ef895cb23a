"""A plan says which field changed and how, and never shows a secret or what the image brings by itself."""

from dataclasses import replace

import pytest

from stack.services.compose.model import Healthcheck, Logging, Port, Ulimit
from stack.services.engine.causes import differences
from stack.services.engine.observe import ObservedImage, Recorded
from stack.services.engine.payload import Stamp, container_body
from tests.support.compose_model import SECOND, project, service, volume_mount

STAMP = Stamp(version="5.0.0", config_hash="h", image="i")
IMAGE = ObservedImage("i", environment=frozenset({"PATH=/bin", "LANG=C"}), command=("postgres",), labels={"by": "them"})

BEFORE = service(
    environment={"PLAIN": "a", "APP_PASSWORD": "hunter2", "URL": "postgres://u:hunter2@h/d", "LANG": "C"},
    healthcheck=Healthcheck(("CMD", "true"), interval=SECOND),
    ports=(Port(5432, "5432", "127.0.0.1"),),
    volumes=(volume_mount("data", "/data"),),
)


def body(it):
    return container_body(project(it), it, STAMP, number=1)


def as_recorded(it):
    """What the engine records of a container: the request, with what the image gives filled in."""
    made = body(it)
    config = {**made, "Env": [*made["Env"], "PATH=/bin"], "Labels": {**made["Labels"], "by": "them"}}
    config.setdefault("Cmd", ["postgres"])
    config["Hostname"] = "0123456789ab"
    host = {**config.pop("HostConfig"), "ShmSize": 64 * 1024 * 1024, "MemorySwap": 0}
    host.setdefault("LogConfig", {"Type": "json-file", "Config": {}})
    return Recorded(config, host)


def test_what_has_not_changed_is_no_difference():
    assert differences(body(BEFORE), as_recorded(BEFORE), IMAGE) == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"image": "postgres:17"}, "image: “postgres:16-alpine” → “postgres:17”"),
        ({"environment": {**BEFORE.environment, "PLAIN": "b"}}, "environment.PLAIN: “a” → “b”"),
        ({"environment": {**BEFORE.environment, "APP_PASSWORD": "other"}}, "environment.APP_PASSWORD: changed"),
        ({"environment": {**BEFORE.environment, "URL": "x"}}, "environment.URL: changed"),
        ({"environment": {**BEFORE.environment, "NEW_TOKEN": "x"}}, "environment.NEW_TOKEN: added"),
        (
            {"environment": {key: value for key, value in BEFORE.environment.items() if key != "PLAIN"}},
            "environment.PLAIN: removed",
        ),
        ({"command": ("postgres", "-c", "x=1")}, "command: “postgres” → “postgres -c x=1”"),
        ({"user": "0"}, "user: unset → “0”"),
        ({"ports": (Port(5432, "5433", "127.0.0.1"),)}, "ports: “127.0.0.1:5433->5432/tcp” is new"),
        ({"volumes": ()}, "volumes: “p_data:/data:rw” is gone"),
        ({"restart": "always"}, "restart: “no” → “always”"),
        ({"mem_limit": 1024}, "mem_limit: unset → “1024”"),
        ({"ulimits": {"nofile": Ulimit(1, 2, single=False)}}, "ulimits: “nofile: 1 to 2” is new"),
        ({"logging": Logging("local")}, "logging.driver: “json-file” → “local”"),
        ({"labels": {"a": "b"}}, "labels.a: added"),
        (
            {"healthcheck": Healthcheck(("CMD", "false"), interval=SECOND)},
            "healthcheck.test: “CMD true” → “CMD false”",
        ),
    ],
)
def test_each_change_is_named(change, expected):
    found = differences(body(replace(BEFORE, **change)), as_recorded(BEFORE), IMAGE)
    assert expected in found
    assert "hunter2" not in str(found)
