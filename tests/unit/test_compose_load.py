"""A project's Compose files are found, named, merged and checked as Compose does it, and errors say where and what."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Severity
from stack.services.compose.dependencies import DependencyCycleError, start_order, stop_order
from stack.services.compose.hash import all_hashes
from stack.services.compose.load import load_compose
from stack.services.compose.model import (
    BindOptions,
    Condition,
    Dependency,
    FileSource,
    Mount,
    MountType,
    Port,
    Service,
    VolumeOptions,
)
from stack.services.compose.orphans import Orphans
from stack.services.compose.postgres import postgres_service, published_url, reachable_url
from stack.text import SecretStr
from tests.support.compose import load, project_in
from tests.support.compose_model import project as project_of
from tests.support.compose_strategies import KEYS, Value, yaml

MINIMAL = "services: {db: {image: postgres}}"
DB = "services:\n  db:\n    image: a\n    "


def refused(directory: Path, files: dict[str, str], environ: dict[str, str] | None = None) -> Finding:
    with pytest.raises(Failure) as caught:
        load(directory, files, environ)
    return caught.value.finding


def test_the_preferred_file_and_override_are_found(tmp_path: Path) -> None:
    files = dict.fromkeys(("docker-compose.yaml", "docker-compose.yml", "compose.yml"), MINIMAL)
    compose = load(tmp_path, {**files, "compose.override.yaml": "services: {db: {user: o}}"})
    assert [file.name for file in compose.files] == ["compose.yml", "compose.override.yaml"]
    assert compose.services["db"].user == "o"
    assert compose.directory == tmp_path


def test_compose_file_lists_files_and_the_first_one_is_at_home(tmp_path: Path) -> None:
    files = {
        "a/x.yml": "services: {db: {image: a, env_file: e.env}}",
        "a/e.env": "A=1",
        "y.yml": "services: {db: {image: b}}",
    }
    compose = load(tmp_path, {**files, ".env": "COMPOSE_FILE=a/x.yml;y.yml\nCOMPOSE_PATH_SEPARATOR=;"})
    assert compose.files == (tmp_path / "a" / "x.yml", tmp_path / "y.yml")
    assert (compose.directory, compose.name) == (tmp_path / "a", "a")
    assert compose.services["db"].image == "b"
    assert compose.services["db"].environment == {"A": "1"}
    assert refused(tmp_path, {}, {"COMPOSE_FILE": "gone.yml"}).code is Code.COMPOSE_FILE_MISSING


def test_no_file_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The search goes up to the root of this machine, where anything may lie.
    monkeypatch.setattr("stack.services.compose.files.COMPOSE_FILE_NAMES", ("no-such-compose.yaml",))
    assert refused(tmp_path, {}).code is Code.COMPOSE_FILE_MISSING


@pytest.mark.parametrize(
    ("files", "environ", "name"),
    [
        ({"compose.yaml": MINIMAL}, {}, "myapp_1"),
        ({"compose.yaml": f"name: My-${{X:-y}}\n{MINIMAL}"}, {}, "my-y"),
        ({"compose.yaml": f"name: a\n{MINIMAL}", ".env": "COMPOSE_PROJECT_NAME=dot"}, {}, "dot"),
        ({"compose.yaml": MINIMAL, ".env": "COMPOSE_PROJECT_NAME=dot"}, {"COMPOSE_PROJECT_NAME": "sh"}, "sh"),
        ({"compose.yaml": f"name: a\n{MINIMAL}", "compose.override.yml": "name: b"}, {}, "b"),
    ],
)  # fmt: skip
def test_the_projects_name(tmp_path: Path, files: dict[str, str], environ: dict[str, str], name: str) -> None:
    directory = tmp_path / "_My.App_1"
    compose = load(directory, files, environ)
    assert compose.name == name
    assert compose.networks["default"].name == f"{name}_default"


def test_the_projects_name_is_a_variable(tmp_path: Path) -> None:
    text = "name: p\nservices: {db: {image: 'a:${COMPOSE_PROJECT_NAME}'}}"
    assert load(tmp_path, {"compose.yaml": text}).services["db"].image == "a:p"


def test_an_invalid_given_name_is_refused(tmp_path: Path) -> None:
    finding = refused(tmp_path, {"compose.yaml": MINIMAL}, {"COMPOSE_PROJECT_NAME": "Not This"})
    assert finding.code is Code.COMPOSE_FILE_INVALID
    assert "COMPOSE_PROJECT_NAME" in finding.cause


def test_the_shell_beats_env_and_both_beat_defaults(tmp_path: Path) -> None:
    files = {"compose.yaml": "services: {db: {image: '${A:-a}${B:-b}${C:-c}'}}", ".env": "A=1\nB=2"}
    assert load(tmp_path, files, {"B": "3"}).services["db"].image == "13c"
    assert load(tmp_path, files, {"COMPOSE_DISABLE_ENV_FILE": "1"}).services["db"].image == "abc"


def test_an_env_file_asked_for_must_be_there(tmp_path: Path) -> None:
    project = project_in(tmp_path, {"compose.yaml": MINIMAL}, tmp_path / "gone.env")
    with pytest.raises(Failure) as caught:
        load_compose(project, {})
    assert caught.value.finding.code is Code.ENV_MISSING


def test_a_broken_env_names_the_line_and_no_value(tmp_path: Path) -> None:
    finding = refused(tmp_path, {"compose.yaml": MINIMAL, ".env": "A=1\nB='hunter2"})
    assert finding.code is Code.ENV_SYNTAX
    assert finding.title.startswith(".env, line 2: ")
    assert "hunter2" not in str(finding)


def test_unset_variables_are_warnings_with_their_place(tmp_path: Path) -> None:
    compose = load(tmp_path, {"compose.yaml": "services:\n  db:\n    image: a$TAG\n    user: $TAG${OTHER:-}\n"})
    (finding,) = compose.findings
    assert (finding.code, finding.severity) == (Code.ENV_VARIABLE_MISSING, Severity.WARNING)
    assert "TAG" in finding.title
    assert "compose.yaml, line 3" in finding.cause


def test_profiles_divide_the_services(tmp_path: Path) -> None:
    text = "services: {db: {image: a}, adm: {image: b, profiles: [tools, x]}, dbg: {image: c, profiles: [debug]}}"
    compose = load(tmp_path, {"compose.yaml": text, ".env": "COMPOSE_PROFILES=tools,y"})
    assert (list(compose.services), list(compose.disabled)) == (["db", "adm"], ["dbg"])
    assert not load(tmp_path, {"compose.yaml": text}, {"COMPOSE_PROFILES": "*"}).disabled
    assert list(load(tmp_path, {"compose.yaml": text}, {"COMPOSE_PROFILES": ""}).disabled) == ["adm", "dbg"]


def test_unsupported_keys_are_noted_and_never_fail(tmp_path: Path) -> None:
    text = """
include: [other.yaml]
services:
  web:
    build: .
    gpus: all
    labels: {x-odd: 1}
    deploy: {resources: {reservations: {devices: [{driver: nvidia}]}}}
    secrets: [token]
    volumes: [{type: npipe, source: a, target: b}]
    x-mine: fine
  db:
    image: postgres
secrets:
  token: {environment: TOKEN}
x-common: {a: b}
"""
    compose = load(tmp_path, {"compose.yaml": text})
    keys = compose.services["web"].unsupported
    assert [(key.key, key.position.line) for key in keys] == [
        ("services.web.build", 5),
        ("services.web.gpus", 6),
        ("services.web.labels.x-odd", 7),
        ("services.web.deploy.resources.reservations.devices", 8),
        ("services.web.volumes[0].type", 10),
        ("secrets.token.environment", 15),
    ]
    assert not compose.services["db"].unsupported
    (ignored,) = compose.findings
    assert ignored.code is Code.COMPOSE_KEY_UNSUPPORTED
    assert "include" in ignored.title
    assert load(tmp_path, {"compose.yaml": text}, {"COMPOSE_REMOVE_ORPHANS": "1"}).orphans is Orphans.IGNORE


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("services:\n  db:\n    image: 5\n", 3, 12, "services.db.image: expected a text, got a number"),
        ("services:\n  db:\n    image:\n", 3, 11, "expected a text, got nothing"),
        ("services:\n  db:\n    user: a\n", 2, 3, "services.db: expected an image"),
        (DB + "ports: 80\n", 4, 12, "expected a list, got a number"),
        (DB + "ports: ['x:y']\n", 4, 13, "ports[0]: expected [[IP:]HOST:]CONTAINER"),
        (DB + "tty: maybe\n", 4, 10, "services.db.tty: expected true or false"),
        (DB + "hostname: 2024-01-01\n", 4, 15, "got a date without quotes"),
        (DB + "stop_grace_period: 10\n", 4, 24, "expected a text, got a number"),
        (DB + "stop_grace_period: '10'\n", 4, 24, "expected a duration with its unit"),
        (DB + "mem_limit: 5x\n", 4, 16, "expected a size"),
        (DB + "networks: [gone]\n", 2, 3, "expected the network gone to be declared"),
        (DB + "volumes: ['gone:/x']\n", 2, 3, "expected the volume gone to be declared"),
        (DB + "secrets: [gone]\n", 2, 3, "expected the secret gone to be declared"),
        (DB + "depends_on: [gone]\n", 2, 3, "expected gone, on which it depends"),
        ("services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, depends_on: [a]}\n", 2, 3, "a → b → a"),
        ("services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, profiles: [x]}\n", 2, 3, "to be enabled"),
        ("services:\n  db:\n    image: ${A:?set it}\n", 3, 12, "required variable A is missing a value: set it"),
        (DB + "command: [x, '${']\n", 4, 18, "db.command[1]: invalid interpolation"),
        (DB + "env_file: gone.env\n", 4, 15, "gone.env to exist"),
        ("services:\n  d b:\n    image: a\n", 3, 5, "expected a service's name"),
        ("services:\n  db: {image: a}\n  db: {image: b}\n", 3, 3, "expected each key once, 'db' is already on line 2"),
        ("servics: {}\n", 1, 1, "'servics' is none; did you mean services?"),
        (DB + "enviroment: {}\n", 4, 5, "services.db: expected a key that Compose knows"),
        (DB + "enviroment: {}\n", 4, 5, "did you mean environment?"),
        (DB + "qqq: {}\n", 4, 5, "a key of your own begins with x-"),
        (DB + "healthcheck: {intervall: 5s}\n", 4, 19, "did you mean interval?"),
        ("services: {db: {image: a}}\nvolumes:\n  v:\n    drivr: x\n", 4, 5, "volumes.v: expected a key that Compose"),
        ("services: {db: {image: a}}\nnetworks:\n  n: {ipam: {config: [{subnt: x}]}}\n", 3, 24, "did you mean subnet"),
        (DB + "user: 5\n", 4, 11, "services.db.user: expected a text, got a number"),
        (DB + "environment: 5\n", 4, 18, "expected a mapping or a list of KEY=value"),
        (DB + "environment: {A: [b]}\n", 4, 22, "environment.A: expected a text, a number"),
        (DB + "environment: {A: .inf}\n", 4, 22, "expected a finite number"),
        (DB + "environment: {'': x}\n", 4, 19, "expected a name, got an empty text"),
        (DB + "ports: ['70000:80']\n", 4, 13, "expected ports from 0 to 65535"),
        (DB + "ports: ['80:80/tpc']\n", 4, 13, "expected the protocol to be one of"),
        (DB + "ports: ['1-3:1-2']\n", 4, 13, "expected as many ports on the host"),
        (DB + "ports: ['x:1:1']\n", 4, 13, "what is before the ports is no IP address"),
        (DB + "ports: [{published: 1}]\n", 4, 13, "expected a target, the port in the"),
        (DB + "expose: [x]\n", 4, 14, "expected a port or a range of ports"),
        (DB + "expose: [80/x]\n", 4, 14, "expected the protocol to be one of"),
        (DB + "volumes: [{target: /x}]\n", 4, 15, "expected a type, one of bind, volume"),
        (DB + "volumes: [{type: bind, target: /x}]\n", 4, 15, "expected a source"),
        (DB + "volumes: ['ab::c']\n", 4, 15, "expected [SOURCE:]TARGET[:OPTIONS]"),
        (DB + "healthcheck: {interval: 5}\n", 4, 29, "expected a text, got a number"),
        (DB + "healthcheck: {interval: 5 s}\n", 4, 29, "expected a duration"),
        (DB + "healthcheck: {test: [pg_isready]}\n", 4, 25, "to begin with CMD"),
        (DB + "healthcheck: {retries: -1}\n", 4, 28, "expected a whole number from 0 up"),
        (DB + "command: 'a \"b'\n", 4, 14, "expected quotes and $( to be closed"),
        (DB + "cpus: many\n", 4, 11, "expected a number, got a text"),
        (DB + "cgroup: x\n", 4, 13, "expected host or private"),
        (DB + "extra_hosts: [x]\n", 4, 19, "expected HOST=ADDRESS"),
        (DB + "security_opt: [a, a]\n", 4, 19, "expected each entry of the list once"),
        (DB + "ulimits: {a: {soft: 1}}\n", 4, 18, "expected soft and hard"),
        (DB + "depends_on: {x: {condition: y}}\n", 4, 21, "expected a condition, one of"),
        (DB + "secrets: [{target: x}]\n", 4, 15, "expected a source, a name under"),
        (DB + "configs: [gone]\n", 2, 3, "expected the config gone to be declared"),
        (DB + "logging: {options: {a: true}}\n", 4, 28, "expected a text or a number"),
        (DB + "network_mode: host\n    networks: [x]\n", 3, 5, "got both"),
        (DB + "container_name: c\n    scale: 2\n", 3, 5, "expected no container_name, or one"),
        ("services:\n  a: {image: a, container_name: c}\n  b: {image: a, container_name: c}\n", 3, 3, "than a has"),
        (DB + "env_file: [{required: true}]\n", 4, 16, "expected a path"),
        (DB + "env_file: [{path: x, format: y}]\n", 4, 34, "expected the format to be raw"),
        ("services:\n  db:\n    extends: gone\n", 3, 14, "expected gone to be a service in compose.yaml"),
        ("services:\n  db:\n    extends: {file: gone.yaml, service: a}\n", 3, 14, "gone.yaml to exist"),
        ("services:\n  db:\n    extends: {file: gone.yaml}\n", 3, 14, "expected a service's name, or a mapping"),
        ("services:\n  a:\n    extends: b\n  b:\n    extends: a\n", 3, 14, "expected no service to build on itself"),
        ("services: {db: {image: a}}\nsecrets:\n  s: {}\n", 3, 6, "secrets.s: expected a file"),
        ("services: {db: {image: a}}\nsecrets:\n  s: {file: a, environment: b}\n", 3, 6, "expected one source"),
        ("services: {db: {image: a}}\nvolumes:\n  v: {external: true, driver: x}\n", 3, 31, "expected nothing but"),
        ("name: '!!!'\nservices: {db: {image: a}}\n", 1, 7, "name: expected a-z, 0-9, _ and -"),
        ("name: 5\nservices: {db: {image: a}}\n", 1, 7, "name: expected a text, got a number"),
        ("services:\n  db: &db {image: a}\n  x: *db2\n", 3, 6, "expected the anchor &db2"),
        ("services:\n  db: {<<: [a]}\n", 2, 12, "expected << to take a mapping"),
        ("services: []\n", 1, 11, "services: expected a mapping, got a list"),
        ("- a\n", 1, 1, "expected a mapping with services, got a list"),
        ("networks: {}\n", 1, 1, "expected services"),
        ("", 1, 1, "the file is empty"),
    ],
)  # fmt: skip
def test_errors_have_file_line_column_and_what_was_expected(
    tmp_path: Path, text: str, line: int, column: int, expected: str
) -> None:
    finding = refused(tmp_path, {"compose.yaml": text})
    assert finding.code is Code.COMPOSE_FILE_INVALID
    assert finding.title.startswith(f"compose.yaml, line {line}: ")
    assert expected in finding.title
    assert finding.cause == f"{tmp_path / 'compose.yaml'}, line {line}, column {column}"


def test_each_file_is_held_to_the_schema_before_the_next_is_merged(tmp_path: Path) -> None:
    over = {"compose.override.yaml": "services: {db: {user: '5', mem_limit: 5m, stop_grace_period: 5s}}"}
    finding = refused(tmp_path, {"compose.yaml": "services: {db: {image: a, user: 5}}", **over})
    assert finding.title == "compose.yaml, line 1: services.db.user: expected a text, got a number"
    finding = refused(tmp_path, {"compose.yaml": "services: {db: {image: a, usr: x}}", **over})
    assert "did you mean user?" in finding.title
    # What is written as it should be and means nothing may still be replaced.
    base = "services: {db: {mem_limit: x, stop_grace_period: soon, env_file: gone.env}}"
    over = {
        "compose.override.yaml": "services: {db: {image: a, mem_limit: 5m, stop_grace_period: 5s, env_file: !reset []}}"
    }
    assert load(tmp_path, {"compose.yaml": base, **over}).services["db"].mem_limit == 5 << 20


def test_services_build_on_others_of_this_file_and_of_another(tmp_path: Path) -> None:
    files = {
        "compose.yaml": """
services:
  base: {image: "a:${TAG}", environment: {A: base, B: base}, ports: [80], command: [x]}
  db:
    extends: base
    environment: [A=db]
    ports: [81]
  far:
    extends: {file: sub/far.yaml, service: far}
    labels: {own: 1}
volumes: {data: }
""",
        "sub/far.yaml": """
services:
  far: {extends: {file: deep/deep.yaml, service: deep}, env_file: far.env, volumes: ["./v:/v", "data:/d"]}
""",
        "sub/far.env": "FROM=far",
        "sub/deep/deep.yaml": "services: {deep: {image: 'deep:$TAG', volumes: [{type: bind, source: ., target: /b}]}}",
        ".env": "TAG=1",
    }
    services = load(tmp_path, files).services
    assert (services["db"].image, services["db"].command) == ("a:1", ("x",))
    assert services["db"].environment == {"A": "db", "B": "base"}
    assert [port.target for port in services["db"].ports] == [80, 81]
    far = services["far"]
    assert (far.image, far.environment, far.labels) == ("deep:1", {"FROM": "far"}, {"own": "1"})
    assert [mount.source for mount in far.volumes] == [str(tmp_path / "sub/deep"), str(tmp_path / "sub/v"), "data"]
    assert not any(service.unsupported for service in services.values())


def test_a_variable_that_the_file_demands_is_to_be_set_and_the_file_is_right(tmp_path: Path) -> None:
    finding = refused(tmp_path, {"compose.yaml": "services: {db: {image: 'a', command: '${B:-${A:?set it}}'}}"})
    assert [(fix.title, fix.command) for fix in finding.fixes] == [("Set A in .env", "stackdeck env set A")]


def test_a_raw_env_file_is_read_as_it_stands(tmp_path: Path) -> None:
    text = "services: {db: {image: a, env_file: [{path: raw.env, format: raw}]}}"
    raw = "\ufeff# c\n\n  A=$X 'q' # c \r\nB=\nHERE\nGONE\nA=2=3\n"
    files = {"compose.yaml": text, "raw.env": raw, ".env": "X=no\nHERE=here"}
    assert load(tmp_path, files).services["db"].environment == {"A": "2=3", "B": "", "HERE": "here"}
    files["raw.env"] = "A=$X 'q' # c \r\n"
    assert load(tmp_path, files).services["db"].environment == {"A": "$X 'q' # c "}


@pytest.mark.parametrize(("text", "line", "column"), [("A=1\n B C=2", 2, 3), ("\n\n  =x", 3, 3), ("A\tB=1", 1, 2)])
def test_errors_in_a_raw_env_file_have_their_place(tmp_path: Path, text: str, line: int, column: int) -> None:
    compose = "services: {db: {image: a, env_file: [{path: raw.env, format: raw}]}}"
    finding = refused(tmp_path, {"compose.yaml": compose, "raw.env": text})
    assert finding.title.startswith(f"raw.env, line {line}: expected a name")
    assert finding.cause.endswith(f"line {line}, column {column}")


def test_env_files_that_are_asked_for_are_remembered_for_labels(tmp_path: Path) -> None:
    files = {"compose.yaml": MINIMAL, ".env": "A=1", "1.env": "A=1", "2.env": "A=2"}
    assert load(tmp_path, files).env_files == ()
    project = project_in(tmp_path, files, tmp_path / "1.env")
    assert load_compose(project, {"COMPOSE_ENV_FILES": "2.env"}).env_files == (tmp_path / "1.env",)
    both = load(tmp_path, files, {"COMPOSE_ENV_FILES": "1.env,2.env"}).env_files
    assert both == (tmp_path / "1.env", tmp_path / "2.env")


def test_a_compose_file_in_a_directory_above_is_found_with_its_env_file(tmp_path: Path) -> None:
    files = {"compose.yaml": "services: {db: {image: 'a:$A$B'}}", ".env": "A=above\nB=above", "x/y/.env": "A=here"}
    project = replace(project_in(tmp_path, files), root=tmp_path / "x/y", env_file=tmp_path / "x/y/.env")
    compose = load_compose(project, {})
    assert (compose.directory, compose.services["db"].image) == (tmp_path, "a:hereabove")


KEYWORDS = st.sampled_from([*KEYS, "build", "x-a", "services", "test", "target", "source", "type", "limits", "config"])
ANYTHING: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("${A"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=3),
    max_leaves=8,
)


@given(
    sections=st.dictionaries(st.sampled_from(["networks", "volumes", "secrets", "configs", "name", "x"]), ANYTHING),
    service=ANYTHING | st.dictionaries(st.sampled_from(sorted(KEYS)), ANYTHING, max_size=3),
    override=ANYTHING,
)
def test_any_structure_is_loaded_or_refused(sections: dict[str, Value], service: Value, override: Value) -> None:
    with TemporaryDirectory() as name:
        files = {
            "compose.yaml": yaml({**sections, "services": {"s": service}}),
            "compose.override.yaml": yaml({"services": {"s": override}}),
        }
        try:
            compose = load(Path(name), files)
        except Failure as failure:
            refusal = failure.finding
        else:
            assert all_hashes(compose.services["s"] if compose.services else compose.disabled["s"])
            return
    assert refusal.code is Code.COMPOSE_FILE_INVALID
    assert "expected" in refusal.title or "interpolation" in refusal.title


def test_errors_quote_no_values(tmp_path: Path) -> None:
    text = "services: {db: {image: a, environment: {A: ['hunter2']}}}"
    assert "hunter2" not in str(refused(tmp_path, {"compose.yaml": text}))
    text = "services: {db: {image: a, ports: ['${SECRET}']}}"
    assert "hunter2" not in str(refused(tmp_path, {"compose.yaml": text}, {"SECRET": "hunter2"}))


def test_an_error_in_an_env_file_is_at_its_line(tmp_path: Path) -> None:
    files = {"compose.yaml": "services: {db: {image: a, env_file: x.env}}", "x.env": "A=1\nB C=2"}
    assert refused(tmp_path, files).title.startswith("x.env, line 2: expected a name")


def test_a_disabled_service_may_miss_its_env_file(tmp_path: Path) -> None:
    text = "services: {db: {image: a}, t: {image: b, profiles: [x], env_file: gone.env}}"
    compose = load(tmp_path, {"compose.yaml": text})
    assert [key.key for key in compose.disabled["t"].unsupported] == ["services.t.env_file"]
    assert "gone.env" in refused(tmp_path, {"compose.yaml": text}, {"COMPOSE_PROFILES": "x"}).title


def test_env_files_and_environment(tmp_path: Path) -> None:
    text = """
services:
  db:
    image: a
    env_file: [one.env, {path: gone.env, required: false}, two.env]
    environment: {OVER: service, BARE: , GONE: , FROM: '${SHELL_ONLY}'}
"""
    files = {
        "compose.yaml": text,
        ".env": "BARE=dot",
        "one.env": "OVER=one\nX=1\nSEEN=$OVER\nSHELL_ONLY\n",
        "two.env": "X=2\nY=${X}",
    }
    service = load(tmp_path, files, {"SHELL_ONLY": "sh"}).services["db"]
    common = {"X": "2", "SHELL_ONLY": "sh", "OVER": "service", "BARE": "dot", "GONE": None, "FROM": "sh"}
    assert service.environment == {**common, "SEEN": "service", "Y": "2"}
    assert service.environment_until_2_34 == {**common, "SEEN": "one", "Y": "1"}


def test_files_are_merged_and_tags_override_and_reset(tmp_path: Path) -> None:
    base = "services: {db: {image: a, ports: [80], labels: {a: 1}, user: u, command: x, cap_add: [A], expose: [1]}}"
    over = (
        "services: {db: {ports: !override [81], labels: [b=2], user: !reset null, command: [y], cap_add: [B], "
        "image: null, expose: !reset []}}"
    )
    service = load(tmp_path, {"compose.yaml": base, "compose.override.yaml": over}).services["db"]
    assert service == Service(
        "db",
        image="a",
        command=("y",),
        ports=(Port(81),),
        labels={"a": "1", "b": "2"},
        cap_add=("A", "B"),
        networks={"default": None},
        position=service.position,
    )


def test_a_later_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    files = {"compose.yaml": MINIMAL, "compose.override.yaml": "services: {db: []}"}
    finding = refused(tmp_path, files)
    assert finding.title.startswith(
        "compose.override.yaml, line 1: services.db: expected a mapping, as in compose.yaml"
    )


def test_several_documents_in_one_file_are_merged(tmp_path: Path) -> None:
    assert load(tmp_path, {"compose.yaml": f"{MINIMAL}\n---\nservices: {{db: {{user: x}}}}"}).services["db"].user == "x"


def test_mounts_paths_secrets_and_resources(tmp_path: Path) -> None:
    text = """
services:
  db:
    image: a
    volumes: ["./a:/a:ro", "~/b:/b", "data:/d/:nocopy", "/anon"]
    secrets: [pw]
    configs: [{source: c, target: /c, mode: 0440}]
volumes:
  data: {name: custom}
  ours: {driver: local, driver_opts: {type: none, o: bind, device: ./here}}
  theirs: {external: true}
secrets: {pw: {file: ./pw.txt}, other: {environment: X}}
configs: {c: {file: /etc/c}}
"""
    compose = load(tmp_path, {"compose.yaml": text}, {"HOME": "/home/me"})
    made = BindOptions(create_host_path=True)
    service = compose.services["db"]
    assert service.volumes == (
        Mount(MountType.BIND, "/a", str(tmp_path / "a"), read_only=True, bind=made),
        Mount(MountType.BIND, "/b", "/home/me/b", bind=made),
        Mount(MountType.VOLUME, "/d", "data", volume=VolumeOptions(nocopy=True)),
        Mount(MountType.VOLUME, "/anon", volume=VolumeOptions()),
    )
    assert (service.secrets[0].target, service.configs[0].mode) == ("/run/secrets/pw", 0o440)
    assert compose.volumes["data"].name == "custom"
    assert compose.volumes["ours"].driver_opts["device"] == str(tmp_path / "here")
    assert (compose.volumes["theirs"].name, compose.volumes["theirs"].external) == ("theirs", True)
    assert compose.secrets == {"pw": FileSource("pw", tmp_path / "pw.txt")}
    assert compose.configs == {"c": FileSource("c", Path("/etc/c"))}


def test_start_and_stop_order() -> None:
    def service(name: str, *dependencies: str) -> Service:
        return Service(name, depends_on=dict.fromkeys(dependencies, Dependency(Condition.HEALTHY)))

    services = {
        it.name: it for it in (service("web", "db", "cache"), service("db"), service("x"), service("cache", "db"))
    }
    assert start_order(services) == ("db", "x", "cache", "web")
    assert stop_order(services) == ("web", "cache", "x", "db")
    assert start_order({"web": services["web"]}) == ("web",)
    with pytest.raises(DependencyCycleError) as caught:
        start_order(
            {it.name: it for it in (service("a", "b"), service("b", "c"), service("c", "a"), service("d", "a"))}
        )
    cycle = caught.value.cycle
    assert cycle[0] == cycle[-1]
    assert "".join(cycle) in "abcabc"


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("{web: {image: nginx}, db: {image: 'postgres:16-alpine'}}", None, "db"),
        ("{a: {image: 'reg.example:5000/postgis/postgis:16'}}", None, "a"),
        ("{a: {image: 'timescale/timescaledb-ha:pg16'}}", None, "a"),
        ("{a: {image: 'pgvector/pgvector@sha256:abc'}}", None, "a"),
        ("{web: {image: x}, own: {build: ., environment: [POSTGRES_PASSWORD=x]}}", None, "own"),
        ("{a: {image: postgres}, b: {image: x}}", "b", "b"),
        ("{backup: {image: postgres}, db: {image: postgres, environment: {POSTGRES_PASSWORD: x}}}", None, "db"),
        ("{a: {image: postgres}, b: {image: postgres}}", None, "a"),
        ("{a: {image: x}, b: {image: postgres, profiles: [p]}}", None, "b"),
        ("{a: {image: prometheuscommunity/postgres-exporter}, b: {image: dpage/pgadmin4}}", None, None),
        ("{a: {image: postgres}}", "gone", None),
    ],
)
def test_the_service_that_is_the_database(tmp_path: Path, text: str, name: str | None, found: str | None) -> None:
    compose = load(tmp_path, {"compose.yaml": f"services: {text}"})
    if found is not None:
        assert postgres_service(compose, name).name == found
        return
    with pytest.raises(Failure) as caught:
        postgres_service(compose, name)
    assert caught.value.finding.code is Code.COMPOSE_NO_POSTGRES


@pytest.mark.parametrize(
    ("ports", "host", "port"),
    [
        ((Port(5432, "5433", "127.0.0.1"),), "127.0.0.1", 5433),
        ((Port(80, "80"), Port(5432, "5432")), "127.0.0.1", 5432),
        ((Port(5432, "5432", "::"),), "::1", 5432),
        ((Port(5432, "5432", "10.0.0.7"),), "10.0.0.7", 5432),
    ],
)
def test_the_published_url(ports: tuple[Port, ...], host: str, port: int) -> None:
    service = Service("db", environment={"POSTGRES_PASSWORD": "p@ss", "POSTGRES_USER": "app"}, ports=ports)
    url = published_url(project_of(service), service)
    assert isinstance(url, DatabaseURL)
    assert url.reveal() == f"postgresql://app:p%40ss@{f'[{host}]' if ':' in host else host}:{port}/app"
    assert "p@ss" not in repr(url)


@pytest.mark.parametrize("ports", [(), (Port(5432),), (Port(5432, "5000-5010"),), (Port(5432, "1", protocol="udp"),)])
def test_what_is_not_published_has_no_url(ports: tuple[Port, ...]) -> None:
    service = Service("db", ports=ports)
    compose = project_of(service)
    assert published_url(compose, service) is None
    with pytest.raises(Failure) as caught:
        reachable_url(compose, service)
    assert caught.value.finding.title == "db is not to be reached from this machine"


@pytest.mark.parametrize(
    "seen",
    ["secrets: [pw]", "secrets: [{source: pw, target: /run/secrets/pw}]", "volumes: ['./pw.txt:/run/secrets/pw:ro']"],
)
def test_the_password_of_the_published_url_may_be_in_a_file(tmp_path: Path, seen: str) -> None:
    text = f"""
services:
  db: {{image: postgres, ports: ["5432:5432"], environment: {{POSTGRES_PASSWORD_FILE: /run/secrets/pw}}, {seen}}}
secrets: {{pw: {{file: pw.txt}}}}
"""
    compose = load(tmp_path, {"compose.yaml": text, "pw.txt": "s3cret\n"})
    url = published_url(compose, compose.services["db"])
    assert url
    assert url.password == SecretStr("s3cret")
    (tmp_path / "pw.txt").unlink()
    url = published_url(compose, compose.services["db"])
    assert url
    assert url.password is None
