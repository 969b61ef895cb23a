"""The files, the name, the profiles and the variables of a project are those that `docker compose` finds for it."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from stack.findings import Failure
from stack.project import Project
from stack.services.compose.load import load_compose
from tests.support.compose import project_in
from tests.support.docker_compose import ENVIRONMENT, docker_compose, require_docker_compose

ONE = "services: {a: {image: 'one:${V-unset}'}}"
TWO = "services: {a: {image: 'two:${V-unset}'}, b: {image: b}}"
PROFILES = "services: {a: {image: a}, b: {image: b, profiles: [x]}, c: {image: c, profiles: [y, z]}}"
OVERRIDE = "services: {a: {image: 'over:${V-unset}'}}"


@dataclass(frozen=True)
class Case:
    """A directory's files, the variables of the shell, and which env file is given, if any."""

    files: dict[str, str]
    shell: dict[str, str] = field(default_factory=dict)
    env_file: str | None = None
    start: str = "."


def named(*names: str) -> dict[str, str]:
    return {name: f"services: {{a: {{image: '{name}'}}}}" for name in names}


STANDARD = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
CASES = {
    **{f"from {name} on": Case(named(*STANDARD[STANDARD.index(name) :])) for name in STANDARD},
    **{
        f"overridden from {name} on": Case({"docker-compose.yaml": ONE, **named(*OVERRIDES[OVERRIDES.index(name) :])})
        for name in OVERRIDES
    },
    "none": Case({"notes.yaml": ONE}),
    "in a parent": Case(
        {"compose.yaml": ONE, "compose.override.yaml": OVERRIDE, ".env": "V=1", "x/y/z": ""}, start="x/y"
    ),
    "listed": Case({"1.yaml": ONE, "d/2.yaml": TWO, "compose.yaml": OVERRIDE}, {"COMPOSE_FILE": "1.yaml:d/2.yaml"}),
    "listed, elsewhere first": Case({"1.yaml": ONE, "Dir/2.yaml": TWO}, {"COMPOSE_FILE": "Dir/2.yaml:1.yaml"}),
    "listed in .env": Case(
        {"1.yaml": ONE, "2.yaml": TWO, "compose.yaml": OVERRIDE, ".env": "COMPOSE_FILE=1.yaml:2.yaml"}
    ),
    "separated": Case(
        {
            "compose.yaml": OVERRIDE,
            "1.yaml": ONE,
            "2.yaml": TWO,
            ".env": "COMPOSE_FILE=1.yaml;2.yaml\nCOMPOSE_PATH_SEPARATOR=;",
        },
    ),
    "listed and missing": Case({"compose.yaml": ONE}, {"COMPOSE_FILE": "gone.yaml"}),
    "listed as nothing": Case({"compose.yaml": ONE}, {"COMPOSE_FILE": ""}),
    "a directory": Case({"compose.yaml/x": ""}),
    "the shell first": Case({"compose.yaml": ONE, ".env": "V=file"}, {"V": "shell"}),
    "an empty shell first": Case({"compose.yaml": ONE, ".env": "V=file"}, {"V": ""}),
    "without .env": Case({"compose.yaml": ONE, ".env": "V=file"}, {"COMPOSE_DISABLE_ENV_FILE": "true"}),
    "given": Case({"compose.yaml": ONE, ".env": "V=file\nCOMPOSE_PROJECT_NAME=no", "x.env": "V=x"}, env_file="x.env"),
    "given and missing": Case({"compose.yaml": ONE}, env_file="x.env"),
    "given and disabled": Case({"compose.yaml": ONE, "x.env": "V=x"}, {"COMPOSE_DISABLE_ENV_FILE": "1"}, "x.env"),
    "two env files": Case(
        {"compose.yaml": ONE, ".env": "V=no", "1.env": "A=1\nV=1", "2.env": "A=2\nV=$A-$B-$S\nB=b"},
        {"COMPOSE_ENV_FILES": "1.env,2.env", "S": "s"},
    ),
    "two env files, one missing": Case({"compose.yaml": ONE, "1.env": "V=1"}, {"COMPOSE_ENV_FILES": "1.env,2.env"}),
    "given over listed": Case(
        {"compose.yaml": ONE, "1.env": "V=1", "2.env": "V=2"}, {"COMPOSE_ENV_FILES": "1.env"}, "2.env"
    ),
    "a broken .env": Case({"compose.yaml": ONE, ".env": "A B=1"}),
    "a directory .env": Case({"compose.yaml": ONE, ".env/x": ""}),
    "named by the shell": Case(
        {"compose.yaml": f"name: file\n{ONE}", ".env": "COMPOSE_PROJECT_NAME=env"}, {"COMPOSE_PROJECT_NAME": "sh"}
    ),
    "named by .env": Case({"compose.yaml": f"name: file\n{ONE}", ".env": "COMPOSE_PROJECT_NAME=env"}),
    "named by the file": Case({"compose.yaml": f"name: 'The-${{V}} File!'\n{ONE}", ".env": "V=x"}),
    "named by the last file": Case(
        {"compose.yaml": f"name: one\n{ONE}", "compose.override.yaml": f"name: two\n{OVERRIDE}"}
    ),
    "named by nothing": Case({"compose.yaml": f"name: ''\n{ONE}"}),
    "named badly by the file": Case({"compose.yaml": f"name: '!!!'\n{ONE}"}),
    "named badly by the shell": Case({"compose.yaml": ONE}, {"COMPOSE_PROJECT_NAME": "No Such"}),
    "named badly by .env": Case({"compose.yaml": ONE, ".env": "COMPOSE_PROJECT_NAME=_x"}),
    "named with a hyphen first": Case({"compose.yaml": ONE}, {"COMPOSE_PROJECT_NAME": "-x"}),
    "named with a number": Case({"compose.yaml": f"name: 5\n{ONE}"}),
    "no profile": Case({"compose.yaml": PROFILES}),
    "a profile": Case({"compose.yaml": PROFILES, ".env": "COMPOSE_PROFILES=x"}),
    "profiles": Case({"compose.yaml": PROFILES, ".env": "COMPOSE_PROFILES=no"}, {"COMPOSE_PROFILES": " x , z,"}),
    "all profiles": Case({"compose.yaml": PROFILES}, {"COMPOSE_PROFILES": "*"}),
}


@pytest.mark.parametrize("name", CASES)
def test_what_compose_finds(tmp_path: Path, name: str) -> None:
    require_docker_compose()
    case = CASES[name]
    root = tmp_path / "The.Project"
    project = project_in(root, case.files, root / case.env_file if case.env_file else None)
    project = replace(project, root=root / case.start)
    given = ["--env-file", case.env_file] if case.env_file else []
    answer = docker_compose(root / case.start, *given, "config", "--format", "json", variables=case.shell)
    theirs = described_by_compose(answer.stdout) if answer.returncode == 0 else None
    assert described(project, case.shell) == theirs, answer.stderr


def described(project: Project, shell: dict[str, str]) -> tuple[str, dict[str, str | None]] | None:
    """Return the project's name and its services' images, or None where it is refused."""
    try:
        compose = load_compose(project, {**ENVIRONMENT, **shell})
    except Failure:
        return None
    return compose.name, {service.name: service.image for service in compose.services.values()}


def described_by_compose(text: str) -> tuple[str, dict[str, str | None]]:
    found = json.loads(text)
    return found["name"], {name: service["image"] for name, service in found["services"].items()}
