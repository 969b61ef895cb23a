"""What is written against what is in use, who reads which file, and whose password stands behind an open port."""

from pathlib import Path

import pytest

from stack.doctor.checks.written import exposed, files_differ, stale
from stack.environment.report import check_environment
from stack.findings import Code, silent
from stack.services.compose.load import load_compose
from stack.services.control import EngineStatus, Health, ServicesStatus, ServiceStatus, State
from stack.services.in_use import StaleUse, stale_uses
from tests.support.fake_workspace import FakeWorkspace
from tests.support.projects import make_project

CANARY = "canary-hunter2"
COMPOSE = """\
services:
  db:
    image: ${IMAGE:-postgres:16-alpine}
    environment:
      POSTGRES_USER: app
      POSTGRES_PASSWORD: ${APP_DB_PASSWORD}
      TZ: ${ZONE:-UTC}
    ports: ["127.0.0.1:${APP_DB_PORT:-5432}:5432", "127.0.0.1:${OTHER}:80"]
    volumes: [data:/var/lib/postgresql/data]
    healthcheck:
      test: [CMD, pg_isready, "${FLAG:--q}"]
  we.b:
    image: nginx
    environment: ["PASSWORD=${PGADMIN_PASSWORD:-$APP_DB_PASSWORD}", "PLAIN=${APP_DB_NAME}", "TZ"]
volumes: {data: {}}
"""
ENV = f"APP_DB_PASSWORD={CANARY}\nAPP_DB_PORT=6000\nAPP_DB_NAME=bookings\nOTHER=7000\nZONE=CET\n"


def project_of(tmp_path, compose=COMPOSE, env=ENV, template=None):
    (tmp_path / "compose.yaml").write_text(compose)
    return make_project(tmp_path, env, template)


def uses(tmp_path, **environ):
    found = load_compose(project_of(tmp_path), environ).uses
    assert CANARY not in repr(found)
    return {(use.service, use.key, use.name): use.value for use in found}


def test_each_use_is_known_with_its_key_and_what_compose_reads(tmp_path):
    assert uses(tmp_path) == {
        ("db", "image", "IMAGE"): None,
        ("db", "environment.POSTGRES_PASSWORD", "APP_DB_PASSWORD"): CANARY,
        ("db", "environment.TZ", "ZONE"): "CET",
        ("db", "ports", "APP_DB_PORT"): "6000",
        ("db", "ports", "OTHER"): "7000",
        ("db", "healthcheck.test", "FLAG"): None,
        ("we.b", "environment.PASSWORD", "PGADMIN_PASSWORD"): None,
        ("we.b", "environment.PASSWORD", "APP_DB_PASSWORD"): CANARY,
        ("we.b", "environment.PLAIN", "APP_DB_NAME"): "bookings",
    }
    assert uses(tmp_path, APP_DB_PORT="1")["db", "ports", "APP_DB_PORT"] == "1"


def of(tmp_path, *causes, service="db"):
    """The stale uses of one container that is out of date for `causes`, and the report beside them."""
    project = project_of(tmp_path)
    report = check_environment(project, {})
    status = ServiceStatus(service, f"{service}-1", "x", State.RUNNING, Health.NONE, (), causes)
    secrets = {variable.name for variable in report.variables if variable.secret}
    compose = load_compose(project, {})
    here = ServicesStatus(EngineStatus(True, None, None, None), (status,))
    return project, report, stale_uses(compose, here, secrets.__contains__)


def test_a_change_is_traced_to_the_variable(tmp_path):
    _, _, found = of(tmp_path, "environment.TZ: “UTC” → “CET”", "ports: “127.0.0.1:6000->80/tcp” is new", "user: unset")
    assert found == (
        StaleUse("db", "ZONE", "environment.TZ", "“UTC” → “CET”", False),
        StaleUse("db", "APP_DB_PORT", "ports", "“127.0.0.1:6000->80/tcp” is new", False),
    )


def test_a_secret_is_not_told_under_another_name(tmp_path):
    _, _, found = of(tmp_path, f"environment.PASSWORD: “{CANARY}” → “{CANARY}2”", service="we.b")
    assert {use.name for use in found} <= {"APP_DB_PASSWORD", "PGADMIN_PASSWORD"}
    assert {use.change for use in found} == {"changed"}


async def test_the_finding_names_service_variable_and_line_and_recreates(tmp_path):
    project, report, found = of(tmp_path, "environment.TZ: “UTC” → “CET”", "environment.POSTGRES_PASSWORD: changed")
    workspace = FakeWorkspace()
    workspace.project = project
    (finding,) = stale(workspace, report, found)
    assert finding.code is Code.ENV_VARIABLE_STALE
    assert finding.title == "db still runs with another ZONE than is written"
    assert ".env, line 5" in finding.cause
    assert "“UTC” → “CET”" in finding.cause
    await finding.automatic_fix.apply(silent)
    assert workspace.fake_services.asked == [("up", "db")]


def test_what_only_an_empty_volume_takes_is_known_and_no_finding(tmp_path):
    project, report, found = of(tmp_path, "environment.POSTGRES_PASSWORD: changed")
    assert found == (StaleUse("db", "APP_DB_PASSWORD", "environment.POSTGRES_PASSWORD", "changed", True),)
    workspace = FakeWorkspace()
    workspace.project = project
    assert not list(stale(workspace, report, found))


# Which file


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"COMPOSE_ENV_FILES": "other.env"}, "other.env: COMPOSE_ENV_FILES"),
        ({"COMPOSE_DISABLE_ENV_FILE": "1"}, "no file: COMPOSE_DISABLE_ENV_FILE"),
    ],
)
def test_compose_is_sent_to_another_file(tmp_path, environ, says):
    project = project_of(tmp_path)
    (tmp_path / "other.env").write_text("APP_DB_PASSWORD=another\nAPP_DB_PORT=6000\nOTHER=7000\n")
    environ = {"OTHER": "7000", **environ}
    finding = files_differ(project, check_environment(project, environ), load_compose(project, environ))
    assert finding.code is Code.ENV_FILES_DIFFER
    assert "APP_DB_PASSWORD" in finding.title
    assert "OTHER" not in finding.title
    assert says in finding.cause
    assert CANARY not in finding.title + finding.cause


def test_the_compose_file_is_elsewhere_with_a_file_of_its_own(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / ".env").write_text("APP_DB_PORT=1\nOTHER=7000\n")
    (tmp_path / "app").mkdir()
    project = make_project(tmp_path / "app", "APP_DB_PASSWORD=abcdefgh\n")
    assert project.root == tmp_path / "app"
    finding = files_differ(project, check_environment(project, {}), load_compose(project, {}))
    assert finding.title == "Compose and the application read APP_DB_PORT from different files"
    assert str(tmp_path / ".env") in finding.cause


def test_one_file_for_all_is_silent(tmp_path):
    project = project_of(tmp_path)
    for environ in ({}, {"APP_DB_PORT": "1", "APP_DB_NAME": ""}):
        assert files_differ(project, check_environment(project, environ), load_compose(project, environ)) is None


def test_this_repository_is_silent():
    from stack.project import Options, open_project

    project = open_project(Options(Path(__file__).parents[2]))
    environ = {"APP_DB_PASSWORD": "a-password-of-its-own"}
    report, compose = check_environment(project, environ), load_compose(project, environ)
    assert files_differ(project, report, compose) is None
    assert not list(exposed(project, report, compose))


# Open ports

OPEN = """\
services:
  db:
    image: postgres:16
    environment: {{POSTGRES_PASSWORD: "{password}"}}
    ports: ["{port}"]
"""


def exposure(tmp_path, password, port, env, template=None):
    project = project_of(tmp_path, OPEN.format(password=password, port=port), env, template)
    return list(exposed(project, check_environment(project, {}), load_compose(project, {})))


@pytest.mark.parametrize("port", ["5432:5432", "0.0.0.0:5432:5432", "[::]:5432:5432", "192.168.0.7:5432:5432"])
def test_a_weak_password_behind_an_open_port(tmp_path, port):
    (finding,) = exposure(tmp_path, "${DB_PASSWORD}", port, "A=1\nDB_PASSWORD=postgres\n")
    assert finding.code is Code.ENV_PASSWORD_EXPOSED
    assert ".env, line 2: DB_PASSWORD" in finding.cause
    assert "compose.yaml, line 2: port 5432" in finding.cause
    assert "postgres" not in finding.cause
    assert finding.fixes[1].command == "stackdeck env set DB_PASSWORD"


def test_the_templates_password_behind_an_open_port(tmp_path):
    env = "DB_PASSWORD=long-enough-for-anybody\n"
    (finding,) = exposure(tmp_path, "${DB_PASSWORD}", "5432:5432", env, env)
    assert "is still the template's" in finding.cause


def test_a_password_in_the_compose_file_itself(tmp_path):
    (finding,) = exposure(tmp_path, "postgres", "5432:5432", "A=1\n")
    assert finding.cause.startswith("POSTGRES_PASSWORD of db")


@pytest.mark.parametrize(
    ("password", "port"),
    [("postgres", "127.0.0.1:5432:5432"), ("postgres", "[::1]:5432:5432"), ("k3XpQ9vTzz", "5432:5432")],
)
def test_what_is_well_is_silent(tmp_path, password, port):
    assert exposure(tmp_path, password, port, "A=1\n") == []
