"""Any file of the subset means to us what it means to `docker compose`: the same hash, or an error from both."""

import os
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


def our_hashes(directory: Path, text: str, dialect: Dialect) -> dict[str, str] | str:
    try:
        compose = load(directory, {"compose.yaml": text}, {**ENVIRONMENT, **VARIABLES})
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
def test_generated_services_have_composes_hash(dialect: Dialect, services: list[dict[str, Value]]) -> None:
    """What we accept goes into one file, which Compose must accept with the same hashes; what we refuse, it refuses."""
    with TemporaryDirectory(prefix="stackdeck-interop-") as name:
        directory = Path(name)
        accepted: dict[str, Value] = {}
        for index, service in enumerate(services):
            text = file_of({"s": service})
            ours = our_hashes(directory, text, dialect)
            if isinstance(ours, dict):
                accepted[f"s{index}"] = service
            else:
                theirs = their_hashes(directory)
                assert isinstance(theirs, str), f"we refuse {yaml(service)}: {ours}"
        ours = our_hashes(directory, file_of(accepted), dialect)
        theirs = their_hashes(directory)
        assert isinstance(ours, dict)
        assert isinstance(theirs, dict), theirs
        different = [yaml(accepted[name]) for name in ours if name in accepted and ours[name] != theirs.get(name)]
        assert not different
        assert ours.keys() == theirs.keys()


def file_of(services: dict[str, Value]) -> str:
    return yaml({**TOP, "services": {"base": {"image": "base"}, **services}})
