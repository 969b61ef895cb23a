"""What we do and the command that we name for it are one and the same, and leftovers are treated as Compose does."""

import os
import subprocess
from pathlib import Path

import pytest

from stack.findings import Code, silent
from stack.project import Options, open_project
from stack.services import equivalent
from stack.services.approval import lose_all
from stack.services.compose.load import load_compose
from stack.services.control import Action, Pull, State, Volumes
from tests.support.engine import Sandbox, has_compose
from tests.support.require import require

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SLEEPER = {
    "image": "postgres:16-alpine",
    "entrypoint": '["sleep", "1000"]',
    "init": "true",
    "stop_grace_period": "1s",
    # In the place of a nameless volume, which a `down` leaves behind.
    "tmpfs": '["/var/lib/postgresql/data"]',
}

# In several files, with whatever is looked up elsewhere.
FILES = {
    "compose.yaml": """\
services:
  db: {SLEEPER, env_file: [db.env], environment: {A: "${A}"}, secrets: [token], configs: [settings]}
  web: {SLEEPER, depends_on: {db: {condition: service_started, restart: true}}, deploy: {replicas: 2}}
  other: {SLEEPER}
  tool: {SLEEPER, profiles: [tools], depends_on: [db]}
secrets: {token: {file: ./token}}
configs: {settings: {file: ./settings}}
""",
    "more.yaml": """\
services:
  db: {environment: {B: "${B-b}"}, labels: {c: d}, volumes: ["data:/d"]}
volumes: {data: {}}
""",
    "db.env": "E=${A}/e\nF='f'\n",
    "token": "t",
    "settings": "s",
}


@pytest.fixture
def box(engine: Sandbox) -> Sandbox:
    require("compose", has_compose(), "`docker compose` is not installed")
    write(engine, FILES["compose.yaml"])
    for name in FILES.keys() - {"compose.yaml"}:
        (engine.directory / name).write_text(FILES[name].replace("{SLEEPER, ", "{"))
    (engine.directory / ".env").write_text(
        f"COMPOSE_PROJECT_NAME={engine.name}\nCOMPOSE_FILE=compose.yaml:more.yaml\nA=a\n"
    )
    return engine


def write(box: Sandbox, text: str) -> None:
    sleeper = ", ".join(f"{key}: {value}" for key, value in SLEEPER.items())
    (box.directory / "compose.yaml").write_text(text.replace("SLEEPER", sleeper))


def opened(box: Sandbox, **environ: str):
    project = open_project(Options(box.directory))
    compose = load_compose(project, {**os.environ, **environ})
    call = equivalent.compose_call(compose, project, project.root)
    return box.services(compose), call, equivalent.compose_call(compose, project, Path("/"))


def run(command: str, directory: Path) -> str:
    environ = {**os.environ, "COMPOSE_ANSI": "never", "PWD": str(directory)}
    done = subprocess.run(
        ["sh", "-c", command], cwd=directory, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def started(box: Sandbox):
    return {it.name: (it.id, it.attrs["State"]["StartedAt"]) for it in box.containers()}


def states(box: Sandbox):
    prefix = f"{box.name}-"
    return {it.name.removeprefix(prefix): it.status for it in box.containers()}


async def test_each_command_that_we_name_does_what_we_did(box):
    services, here, elsewhere = opened(box)
    result = await services.up([], pull=Pull.MISSING, timeout=30, progress=silent)
    assert {step.action for step in result.plan} == {Action.CREATED}
    await services.up(["tool"], pull=Pull.MISSING, timeout=30, progress=silent)
    before = started(box)
    assert len(before) == 5

    said = run(equivalent.up(here, [], pull=Pull.MISSING, timeout=30), box.directory)
    assert started(box) == before
    assert "Running" in said
    run(equivalent.up(elsewhere, ["tool"], pull=Pull.NEVER, timeout=30), Path("/"))
    assert started(box) == before

    run(equivalent.stop(elsewhere, []), Path("/"))
    assert set(states(box).values()) == {"exited"}
    assert {status.state for status in await services.stop([], progress=silent)} == {State.EXITED}
    result = await services.up(["tool", "web", "other"], pull=Pull.MISSING, timeout=30, progress=silent)
    assert {outcome.action for outcome in result.services} == {Action.STARTED}

    # Who restarts with the database: both say the web alone.
    restarted = []
    for restart in (
        lambda: services.restart(["db"], progress=silent),
        lambda: _ran(equivalent.restart(here, ["db"]), box.directory),
    ):
        earlier = started(box)
        await restart()
        later = started(box)
        restarted.append({name for name in later if later[name] != earlier[name]})
    assert restarted[0] == restarted[1] == {f"{box.name}-{name}" for name in ("db-1", "web-1", "web-2")}

    run(equivalent.down(elsewhere, Volumes.REMOVE), Path("/"))
    assert not box.leftovers()
    await services.close()


async def _ran(command: str, directory: Path) -> None:
    run(command, directory)


async def test_what_compose_made_of_it_is_kept_and_scaled_back_as_compose_would(box):
    box.compose("up", "-d", "--scale", "web=4", "--scale", "other=3")
    services, here, _ = opened(box)
    plan = await services.plan([], pull=Pull.MISSING)
    removed = {step.resource for step in plan.plan if step.action is Action.REMOVED}
    assert removed == {f"container {box.name}-{name}" for name in ("web-3", "web-4", "other-2", "other-3")}
    before = started(box)
    await services.up(["other", "db"], pull=Pull.MISSING, timeout=30, progress=silent, approve=lose_all)
    # The rest is Compose's turn.
    run(equivalent.up(here, [], pull=Pull.MISSING, timeout=30), box.directory)
    after = started(box)
    assert after == {name: it for name, it in before.items() if f"container {name}" not in removed}
    assert {step.action for step in (await services.plan([], pull=Pull.MISSING)).plan} == {Action.KEPT}
    await services.close()


async def test_orphans_and_one_off_containers_are_left_or_removed_as_compose_does(box):
    write(box, "services:\n  db: {SLEEPER}\n  gone: {SLEEPER}\n")
    box.compose("up", "-d")
    box.compose("run", "-d", "db")
    box.compose("run", "-d", "gone")
    write(box, "services:\n  db: {SLEEPER}\n")
    services, _, _ = opened(box)
    result = await services.up([], pull=Pull.MISSING, timeout=30, progress=silent, approve=lose_all)
    (warning,) = result.findings
    said = box.compose("up", "-d")
    orphans = [it.name for it in box.containers() if it.labels["com.docker.compose.service"] == "gone"]
    assert len(orphans) == 2
    assert warning.code is Code.CONTAINERS_ORPHANED
    assert all(name in warning.cause and name in said for name in orphans)

    silenced, _, _ = opened(box, COMPOSE_IGNORE_ORPHANS="1")
    assert (await silenced.up([], pull=Pull.MISSING, timeout=30, progress=silent, approve=lose_all)).findings == ()
    removing, _, _ = opened(box, COMPOSE_REMOVE_ORPHANS="1")
    result = await removing.up([], pull=Pull.MISSING, timeout=30, progress=silent, approve=lose_all)
    assert {step.resource for step in result.plan if step.action is Action.REMOVED} == {
        f"container {name}" for name in orphans
    }

    # The one-off container of a service that is there is nobody's but its owner's, and keeps the network.
    result = await services.down(volumes=Volumes.KEEP, progress=silent)
    (left,) = box.containers()
    assert left.labels["com.docker.compose.oneoff"] == "True"
    assert result.removed == (f"container {box.name}-db-1",)
    (finding,) = result.findings
    assert finding.code is Code.NETWORK_IN_USE
    assert left.name in finding.cause
    assert "still in use" in box.compose("down")
    for opening in (services, silenced, removing):
        await opening.close()
