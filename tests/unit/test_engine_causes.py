"""A plan says which field changed and how, and never shows a secret or what the image brings by itself."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from stack.services.compose.dialect import NEWEST, Dialect
from stack.services.compose.hash import all_hashes, config_hash
from stack.services.compose.model import (
    Deploy,
    Device,
    FileMount,
    FileSource,
    Healthcheck,
    Logging,
    Mount,
    MountType,
    NetworkAttachment,
    Port,
    Resources,
    Service,
    Ulimit,
)
from stack.services.engine.causes import differences
from stack.services.engine.observe import ObservedImage, Recorded
from stack.services.engine.payload import Stamp, container_body
from stack.services.engine.plan import outdated
from stack.text import MASK
from tests.support.compose_model import SECOND, after, holding, project, service, up_to_date, volume_mount

STAMP = Stamp(version="5.0.0", config_hash="h", image="i")
IDENTITY = "0123456789ab" + "0" * 52
IMAGE = ObservedImage(
    "i",
    environment=frozenset({"PATH=/bin", "LANG=C"}),
    command=("postgres",),
    labels={"by": "them"},
    volumes=frozenset({"/declared"}),
    exposed=frozenset({"5432/tcp"}),
    healthcheck={"Test": ["CMD", "probe"]},
)

BEFORE = service(
    environment={"PLAIN": "a", "APP_PASSWORD": "hunter2", "URL": "postgres://u:hunter2@h/d", "LANG": "C"},
    healthcheck=Healthcheck(("CMD", "true"), interval=SECOND),
    ports=(Port(5432, "5432", "127.0.0.1"),),
    volumes=(volume_mount("data", "/data"),),
)


def body(it):
    sources = {name: FileSource(name, Path(f"/srv/p/{name}")) for name in ("one", "two")}
    return container_body(replace(project(it), secrets=sources, configs=sources), it, STAMP, number=1)


def as_recorded(it):
    """What the engine records of a container: the request, with what the image and the engine give filled in."""
    made = body(it)
    config = {**made, "Env": [*made["Env"], "PATH=/bin"], "Labels": {**made["Labels"], "by": "them"}}
    config.setdefault("Cmd", ["postgres"])
    config.setdefault("Hostname", IDENTITY[:12])
    config["ExposedPorts"] = {"5432/tcp": {}, **config.get("ExposedPorts", {})}
    config["Healthcheck"] = {"Test": ["CMD", "probe"], **config.get("Healthcheck", {})}
    host = {"ShmSize": 64 * 1024 * 1024, "MemorySwap": 0, "CgroupnsMode": "private", "IpcMode": "private"}
    host |= config.pop("HostConfig")
    host.setdefault("LogConfig", {"Type": "json-file", "Config": {}})
    endpoints = config.pop("NetworkingConfig")["EndpointsConfig"]
    networks = {
        name: {"IPAMConfig": None, "MacAddress": "02:42:ac:11:00:02", "GwPriority": 0} | endpoint
        for name, endpoint in endpoints.items()
    }
    # An anonymous volume that the image declares, taken over from a container before this one.
    inherited = {"Type": "volume", "Source": "a" * 64, "Target": "/declared"}
    host["Mounts"] = [*host.get("Mounts", []), inherited]
    return Recorded(IDENTITY, config, host, networks)


def causes(before, changed, dialect=NEWEST):
    """Why a plan would recreate the container that `dialect` made of `before` where the file says `changed`."""
    files = {"one": FileSource("one", Path("/srv/p/one"))}
    compose = replace(project(changed, service("other")), secrets=files, configs=files)
    known = all_hashes(changed).values()
    config = config_hash(before, dialect)
    made = up_to_date(
        project(before),
        before,
        identity=IDENTITY,
        config_hash=config,
        image_label="i",
        version=dialect.version,
        networks=frozenset({"p_default", "p_back"}),
        recorded=None if config in known else as_recorded(before),
    )
    observed = replace(holding(compose, made), images={BEFORE.image: IMAGE})
    return outdated(compose, observed, made)


def test_what_has_not_changed_is_no_difference():
    assert differences(body(BEFORE), as_recorded(BEFORE), IMAGE) == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"image": "postgres:17"}, 'image: "postgres:16-alpine" → "postgres:17"'),
        ({"environment": {**BEFORE.environment, "PLAIN": "b"}}, 'environment.PLAIN: "a" → "b"'),
        ({"environment": {**BEFORE.environment, "PLAIN": ""}}, 'environment.PLAIN: "a" → ""'),
        ({"environment": {**BEFORE.environment, "APP_PASSWORD": "x"}}, f"environment.APP_PASSWORD: {MASK} → {MASK}"),
        ({"environment": {**BEFORE.environment, "URL": "x"}}, f"environment.URL: {MASK} → {MASK}"),
        ({"environment": {**BEFORE.environment, "NEW_TOKEN": "x"}}, f"environment.NEW_TOKEN: unset → {MASK}"),
        (
            {"environment": {key: value for key, value in BEFORE.environment.items() if key != "PLAIN"}},
            'environment.PLAIN: "a" → unset',
        ),
        ({"command": ("postgres", "-c", "x=1")}, 'command: "postgres" → "postgres -c x=1"'),
        ({"ports": (Port(5432, "5433", "127.0.0.1"),)}, 'ports: "127.0.0.1:5432:5432" → "127.0.0.1:5433:5432"'),
        ({"ports": (Port(53, "53", protocol="udp"), *BEFORE.ports)}, 'ports: "53:53/udp" is new'),
        ({"volumes": ()}, 'volumes: "p_data:/data" → unset'),
        ({"volumes": (volume_mount("other", "/data"),)}, 'volumes: "p_data:/data" → "p_other:/data"'),
        ({"restart": "always"}, 'restart: "no" → "always"'),
        ({"mem_limit": 256 << 20}, 'mem_limit: unset → "256m"'),
        ({"cpus": 0.5}, 'cpus: unset → "0.5"'),
        ({"stop_grace_period": 90 * SECOND}, 'stop_grace_period: unset → "1m30s"'),
        ({"ulimits": {"nofile": Ulimit(1, 2, single=False)}}, 'ulimits.nofile: unset → "soft 1, hard 2"'),
        ({"logging": Logging("local")}, 'logging.driver: "json-file" → "local"'),
        ({"labels": {"a": "b"}}, 'labels.a: unset → "b"'),
        ({"healthcheck": Healthcheck(("CMD", "false"), interval=SECOND)}, 'healthcheck.test: "CMD true" → "CMD false"'),
        ({"healthcheck": None}, 'healthcheck.interval: "1s" → unset'),
        ({"network_mode": "host", "networks": {}}, 'network_mode: unset → "host"'),
        ({"networks": {"default": None, "back": None}}, 'networks: "p_back" is new'),
    ],
)
def test_each_change_is_named_in_the_words_of_the_file(change, expected):
    found = causes(BEFORE, replace(BEFORE, **change))
    assert expected in found
    assert "hunter2" not in str(found)


# A value for each key that is part of a container's identity.
VALUES = {
    "image": "postgres:17",
    "command": ("postgres", "-c", "x=1"),
    "entrypoint": ("sleep",),
    "environment": {**BEFORE.environment, "PLAIN": "b"},
    "ports": (Port(5432, "5433"),),
    "expose": ("8000",),
    "volumes": (Mount(MountType.BIND, "/conf", "/srv/p/conf", read_only=True), *BEFORE.volumes),
    "networks": {"default": NetworkAttachment(aliases=("database",))},
    "network_mode": "host",
    "healthcheck": Healthcheck(("CMD", "false")),
    "depends_on": after("other"),
    "container_name": "mine",
    "restart": "unless-stopped",
    "profiles": ("tools",),
    "labels": {"a": "b"},
    "annotations": {"a": "b"},
    "user": "0",
    "working_dir": "/tmp",
    "hostname": "there",
    "domainname": "example.com",
    "platform": "linux/amd64",
    "init": True,
    "attach": False,
    "privileged": True,
    "read_only": True,
    "tty": True,
    "stdin_open": True,
    "stop_grace_period": 90 * SECOND,
    "stop_signal": "SIGINT",
    "shm_size": 128 << 20,
    "mem_limit": 256 << 20,
    "mem_reservation": 128 << 20,
    "memswap_limit": 512 << 20,
    "cpus": 0.5,
    "pids_limit": 100,
    "ulimits": {"nproc": Ulimit(512, 512, single=True)},
    "sysctls": {"net.core.somaxconn": "1024"},
    "tmpfs": ("/run:size=64k",),
    "cap_add": ("NET_ADMIN",),
    "cap_drop": ("MKNOD",),
    "security_opt": ("no-new-privileges:true",),
    "blkio_weight": 300,
    "devices": (Device("/dev/null", "/dev/nothing"),),
    "cgroup": "host",
    "ipc": "host",
    "pid": "host",
    "uts": "host",
    "group_add": ("audio",),
    "dns": ("10.0.0.2",),
    "dns_search": ("example.com",),
    "dns_opt": ("ndots:2",),
    "extra_hosts": ("there=10.0.0.1",),
    "logging": Logging("json-file", {"max-size": "1m"}),
    "secrets": (FileMount("one", "/run/secrets/one"),),
    "configs": (FileMount("one"),),
    "deploy": Deploy(limits=Resources(memory=64 << 20)),
}

NAMED_OTHERWISE = {"deploy": "mem_limit", "profiles": "profiles", "blkio_weight": "blkio_config"}


def test_every_key_is_tried():
    assert VALUES.keys() == {key.name for key in fields(Service)} - {
        *("name", "unsupported", "position"),
        *("scale", "pull_policy", "environment_until_2_34"),
    }


ONLY_OLD = {"depends_on", "profiles"}
"""What only Compose before 2.31 recreates for."""


@pytest.mark.parametrize("key", VALUES)
def test_a_key_that_is_added_or_changed_is_named(key):
    changed = replace(BEFORE, **{"networks": {}} if key == "network_mode" else {}, **{key: VALUES[key]})
    assert causes(BEFORE, BEFORE) == ()
    found = causes(BEFORE, changed, Dialect.V2_24 if key in ONLY_OLD else NEWEST)
    assert any(cause.startswith(NAMED_OTHERWISE.get(key, key)) for cause in found), found


@pytest.mark.parametrize("key", VALUES)
def test_a_key_that_is_taken_away_is_named_or_among_those_that_leave_no_record(key):
    before = replace(BEFORE, **{"networks": {}} if key == "network_mode" else {}, **{key: VALUES[key]})
    found = causes(before, BEFORE, Dialect.V2_24 if key in ONLY_OLD else NEWEST)
    assert any(NAMED_OTHERWISE.get(key, key) in cause for cause in found), found


@pytest.mark.parametrize("key", sorted(ONLY_OLD))
def test_what_the_compose_that_made_it_leaves_out_of_the_hash_is_no_cause(key):
    assert causes(BEFORE, replace(BEFORE, **{key: VALUES[key]})) == ()
