"""Any file of the subset means to us what it means to `docker compose`: the same hash, or an error from both."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stack.findings import Failure
from stack.services.compose.dialect import Dialect, dialect_of
from stack.services.compose.hash import config_hash
from stack.services.compose.load import load_compose
from tests.support.compose import project_in
from tests.support.compose_strategies import SERVICES, Value, yaml
from tests.support.docker_compose import ENVIRONMENT, compose_version, docker_compose, require_docker_compose

Service = dict[str, Value]

EXAMPLES = int(os.environ.get("STACKDECK_INTEROP_EXAMPLES", "4"))
"""How many files are compared; each has dozens of services."""

VARIABLES = {"SET": "set", "EMPTY": "", "COMPOSE_PROFILES": "on"}
TOP = {
    "name": "interop",
    "networks": {"front": {}, "back": None},
    "volumes": {"data": None, "more": {}},
    "secrets": {"f": {"file": "./f"}},
    "configs": {"f": {"file": "./f"}},
}

BESIDE: Service = {
    "base": {"image": "base"},
    "rich": {
        "extends": "base",
        "command": ["a"],
        "environment": {"A": "rich", "R": "1"},
        "labels": ["R=1", "A=rich"],
        "ports": ["80", "8080:80"],
        "volumes": ["./rich:/b", "data:/data"],
        "ulimits": {"nofile": 5},
        "logging": {"driver": "json-file", "options": {"A": "rich"}},
        "cap_add": ["RICH"],
        "healthcheck": {"test": "rich", "retries": 9},
    },
}
"""Services that others depend on, and build on."""

FAR = """
services:
  near: {image: "near:${SET}", volumes: ["./far:/b", "~/x:/h", "data:/f", {type: bind, source: ../up, target: /l}]}
  far: {extends: near, environment: [FAR=1, A=far], extra_hosts: ["b=9.9.9.9"], tmpfs: /far, dns: [9.9.9.9]}
"""

PARTS = SERVICES.map(lambda service: {key: value for key, value in service.items() if key != "image"})


@pytest.fixture(scope="module")
def dialect() -> Dialect:
    require_docker_compose()
    found = dialect_of(compose_version())
    if found is None:
        pytest.skip("this docker compose is older than any dialect")
    return found


def variables(directory: Path) -> dict[str, str]:
    return {**VARIABLES, "COMPOSE_FILE": ":".join(file.name for file in sorted(directory.glob("*.yaml")))}


def our_hashes(directory: Path, files: dict[str, str], dialect: Dialect) -> dict[str, str] | str:
    project = project_in(directory, files)
    try:
        compose = load_compose(project, {**ENVIRONMENT, **variables(directory)})
    except Failure as failure:
        return failure.finding.title
    return {name: config_hash(service, dialect) for name, service in compose.services.items()}


def their_hashes(directory: Path) -> dict[str, str] | str:
    answer = docker_compose(directory, "config", "--hash", "*", variables=variables(directory))
    if answer.returncode:
        return answer.stderr
    return dict(line.split() for line in answer.stdout.splitlines())


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(services=st.lists(SERVICES, min_size=20, max_size=40))
def test_generated_services_have_composes_hash(dialect: Dialect, services: list[Service]) -> None:
    compare([(service,) for service in services], dialect)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(pairs=st.lists(st.tuples(SERVICES, SERVICES), min_size=20, max_size=40))
def test_generated_services_are_merged_as_compose_merges_them(
    dialect: Dialect, pairs: list[tuple[Service, Service]]
) -> None:
    compare(pairs, dialect)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(triples=st.lists(st.tuples(PARTS, PARTS, PARTS), min_size=20, max_size=40))
def test_three_files_are_merged_as_compose_merges_them(
    dialect: Dialect, triples: list[tuple[Service, Service, Service]]
) -> None:
    compare([({**first, "image": "a:1"}, *others) for first, *others in triples], dialect)


def compare(services: Sequence[tuple[Service, ...]], dialect: Dialect) -> None:
    """Hold services, each of which stands in one file or in two, against Compose.

    What we accept goes into one project, which Compose must accept with the same hashes; what we refuse, it refuses.
    """
    with TemporaryDirectory(prefix="stackdeck-interop-") as name:
        directory = Path(name)
        accepted: dict[str, tuple[Service, ...]] = {}
        for index, service in enumerate(services):
            ours = our_hashes(directory, files_of({"s": service}), dialect)
            if isinstance(ours, dict):
                accepted[f"s{index}"] = service
            else:
                theirs = their_hashes(directory)
                assert isinstance(theirs, str), f"we refuse {list(map(yaml, service))}: {ours}"
        ours = our_hashes(directory, files_of(accepted), dialect)
        theirs = their_hashes(directory)
        assert isinstance(ours, dict)
        assert isinstance(theirs, dict), theirs
        different = [list(map(yaml, accepted[it])) for it in accepted if ours.get(it) != theirs.get(it)]
        assert not different
        assert ours.keys() == theirs.keys()


def files_of(services: dict[str, tuple[Service, ...]]) -> dict[str, str]:
    """Return as many Compose files as a service has parts, and the one that they refer to."""
    count = max((len(parts) for parts in services.values()), default=1)
    files = {"far/far.yaml": FAR}
    for number in range(count):
        parts: dict[str, Value] = {name: parts[number] for name, parts in services.items() if number < len(parts)}
        whole: Service = {"services": parts} if number else {**TOP, "services": {**BESIDE, **parts}}
        files[f"{number}.yaml"] = yaml(whole)
    return files
