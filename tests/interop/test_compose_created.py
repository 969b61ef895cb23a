"""What the engine records of a container is the same whether Compose or we made it, for each key of the subset.

Together with the stack of `test_round_trip` all keys are here that we create containers with.
"""

import os
from collections.abc import Mapping

from stack.findings import silent
from stack.services.compose.load import load_compose
from stack.services.control import Action, Pull
from tests.support.compose import project_in
from tests.support.docker_compose import require_docker_compose
from tests.support.engine import Sandbox

TEXT = """
x-sleeper: &sleeper {image: "postgres:16-alpine", entrypoint: [sleep, "1000"], init: true, stop_grace_period: 1s}
services:
  privileged: {<<: *sleeper, privileged: true, annotations: {a.b/c: d}, restart: unless-stopped}
  terminal: {<<: *sleeper, tty: true, stdin_open: true, user: "1000:1000", stop_signal: SIGUSR1}
  named: {<<: *sleeper, container_name: "${COMPOSE_PROJECT_NAME}-by-name", platform: linux/amd64}
  hosted: {<<: *sleeper, network_mode: host, hostname: elsewhere}
  alone: {<<: *sleeper, network_mode: none, domainname: example.com}
  files: {<<: *sleeper, env_file: [one.env, {path: gone.env, required: false}], environment: {OVER: service, GONE: }}
  resolving: {<<: *sleeper, dns_search: [example.com], dns_opt: ["ndots:2"], dns: 10.0.0.2, group_add: [mail, 1000]}
  hosts: {<<: *sleeper, extra_hosts: {six: "::1", four: 10.0.0.4, gateway: host-gateway}}
  limited:
    <<: *sleeper
    mem_limit: 64m
    mem_reservation: 32m
    pids_limit: 50
    ulimits: {core: 0, nofile: 1000}
  deployed:
    <<: *sleeper
    deploy:
      resources: {limits: {cpus: "0.5", memory: 64M, pids: 20}, reservations: {memory: 32M}}
      restart_policy: {condition: on-failure, max_attempts: 2}
  mounted:
    <<: *sleeper
    volumes:
      - {type: bind, source: ./one.env, target: /long, read_only: true}
      - {type: bind, source: ./one.env, target: /private, bind: {propagation: rprivate}}
      - {type: volume, source: data, target: /nocopy, volume: {nocopy: true}}
      - {type: tmpfs, target: /sized, tmpfs: {size: 64k, mode: 0750}}
      - ./made:/made
    tmpfs: /scratch
    configs: [{source: one, target: /etc/one}, one]
    secrets: [{source: one, target: renamed}, {source: one, target: /root/one, mode: 0400}]
  attached:
    <<: *sleeper
    networks:
      front: {ipv4_address: "${SUBNET}.10", aliases: [x, y], priority: 5}
      back: {mac_address: "02:42:ac:11:65:43"}
  unchecked: {<<: *sleeper, healthcheck: {disable: true}}
  unhealthy: {<<: *sleeper, healthcheck: {test: [NONE]}}
  checked: {<<: *sleeper, healthcheck: {test: 'test "$$HOME"', interval: 1s, timeout: 2s, start_period: 1m30s}}
networks:
  front: {ipam: {config: [{subnet: "${SUBNET}.0/24"}]}, driver_opts: {com.docker.network.bridge.enable_icc: "false"}}
  back: {internal: true, attachable: true}
volumes: {data: {driver: local, labels: [a=b]}}
configs: {one: {file: ./one.env}}
secrets: {one: {file: ./one.env}}
"""


async def test_the_engine_records_the_same_of_theirs_and_of_ours(engine: Sandbox) -> None:
    require_docker_compose()
    subnet = ".".join(map(str, (10, *os.urandom(2))))
    files = {
        "compose.yaml": TEXT,
        "one.env": "OVER=file\nONE=1\nTWO=${ONE}2\n",
        ".env": f"COMPOSE_PROJECT_NAME={engine.name}\nSUBNET={subnet}\n",
    }
    project = project_in(engine.directory, files)
    engine.compose("up", "--no-start")
    theirs = recorded(engine)
    engine.compose("down", "-v")
    compose = load_compose(project, os.environ)
    services = engine.services(compose)
    result = await services.up([], pull=Pull.NEVER, timeout=60, progress=silent)
    await services.close()
    actions = {outcome.service: outcome.action for outcome in result.services}
    assert actions == dict.fromkeys(compose.services, Action.CREATED)
    ours = recorded(engine)
    assert ours.keys() == theirs.keys()
    for name, fields in theirs.items():
        assert ours[name] == fields, name
    before = {container.name: container.id for container in engine.containers()}
    engine.compose("up", "-d")
    assert {container.name: container.id for container in engine.containers()} == before


def recorded(box: Sandbox) -> Mapping[str, Mapping[str, object]]:
    found = {}
    for container in box.containers():
        config, host = container.attrs["Config"], container.attrs["HostConfig"]
        config["Env"] = sorted(config["Env"])
        if container.id.startswith(config["Hostname"]):
            del config["Hostname"]
        # A map has no order, and Compose writes this one as it comes.
        host["ExtraHosts"] = sorted(host["ExtraHosts"] or [])
        host["Ulimits"] = sorted(host["Ulimits"] or [], key=lambda limit: limit["Name"])
        # Versions of Compose ask for the same mounts in different ways.
        for key in ("Binds", "Mounts"):
            host.pop(key, None)
        mounts = {
            it["Destination"]: (it["Type"], source(box, it), it["RW"], it["Propagation"])
            for it in container.attrs["Mounts"]
        }
        networks = {
            name: (sorted(it["Aliases"] or []), it["IPAMConfig"] or None, it["DriverOpts"])
            for name, it in container.attrs["NetworkSettings"]["Networks"].items()
        }
        found[container.name] = {**config, **host, "mounts": mounts, "networks": networks}
    return found


def source(box: Sandbox, mount: Mapping[str, str]) -> str | None:
    """Return what is mounted, and nothing for an anonymous volume, whose name is made up."""
    if mount["Type"] == "volume":
        return mount["Name"] if mount["Name"].startswith(box.name) else None
    return mount["Source"]
