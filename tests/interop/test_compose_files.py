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
from tests.support.compose import load
from tests.support.compose_strategies import SERVICES, Value, yaml
from tests.support.docker_compose import ENVIRONMENT, compose_version, docker_compose, require_docker_compose

Service = dict[str, Value]

EXAMPLES = int(os.environ.get("STACKDECK_INTEROP_EXAMPLES", "8"))
"""How many files are compared; each has dozens of services."""

VARIABLES = {"SET": "set", "EMPTY": "", "COMPOSE_PROFILES": "on"}
TOP = {
    "name": "interop",
    "networks": {"front": {}, "back": None},
    "volumes": {"data": None, "more": {}},
    "secrets": {"f": {"file": "./f"}},
    "configs": {"f": {"file": "./f"}},
}


@pytest.fixture(scope="module")
def dialect() -> Dialect:
    require_docker_compose()
    found = dialect_of(compose_version())
    if found is None:
        pytest.skip("this docker compose is older than any dialect")
    return found


def our_hashes(directory: Path, files: dict[str, str], dialect: Dialect) -> dict[str, str] | str:
    try:
        compose = load(directory, files, {**ENVIRONMENT, **VARIABLES})
    except Failure as failure:
        return failure.finding.title
    return {name: config_hash(service, dialect) for name, service in compose.services.items()}


def their_hashes(directory: Path) -> dict[str, str] | str:
    answer = docker_compose(directory, "config", "--hash", "*", variables=VARIABLES)
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
    """Return a Compose file with each service's first part, and an override file with the second parts."""
    base: dict[str, Value] = {name: parts[0] for name, parts in services.items()}
    files = {"compose.yaml": yaml({**TOP, "services": {"base": {"image": "base"}, **base}})}
    second: dict[str, Value] = {name: parts[1] for name, parts in services.items() if len(parts) > 1}
    if second:
        files["compose.override.yaml"] = yaml({"services": second})
    return files
