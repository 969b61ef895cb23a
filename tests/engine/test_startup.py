"""An `up` with nothing to do asks the engine six times at most, and imports nothing that it does not need.

So do the other looks; and looking without the SDK sees what looking with it sees.
"""

import subprocess
import sys
from contextlib import closing

import pytest

from stack.background import in_thread
from stack.findings import silent
from stack.project import Options
from stack.services.control import Action, Pull
from stack.services.engine.clients import open_client
from stack.services.engine.local import LocalReader
from stack.services.engine.observe import look_at, observe
from stack.workspace import open_workspace
from tests.support.compose_model import IMAGE, project, sleeper
from tests.support.engine_proxy import proxied

HEAVY = {"docker", "requests", "urllib3", "pydantic", "sqlalchemy", "psycopg", "alembic", "textual", "rich"}

PROGRAM = """
import sys
from tui.__main__ import run
status = run(sys.argv[1:])
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture
async def proxy(engine, tmp_path):
    async with proxied(engine.endpoint, tmp_path) as running:
        yield running


def imported(clone, proxy, *arguments: str) -> set[str]:
    """The packages that a command has imported in the end; the engine that it sees is `proxy`."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=clone.root,
        env={**clone.environ, "DOCKER_HOST": proxy.endpoint.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


async def test_a_second_up_is_six_requests_and_few_imports(clone, proxy):
    clone.done("env", "init")
    clone.done("up")
    for arguments in (("up",), ("up", "--dry-run"), ("--project", ".", "up", "--json")):
        proxy.forget()
        assert not await in_thread(lambda them=arguments: imported(clone, proxy, *them)) & HEAVY
        assert 0 < len(proxy.requests) <= 6, proxy.requests


async def test_in_an_open_workspace_too(clone, proxy):
    clone.done("env", "init")
    clone.done("up")
    environ = {**clone.environ, "DOCKER_HOST": proxy.endpoint.url}
    async with open_workspace(Options(clone.root), environ) as workspace:
        for _ in range(2):
            proxy.forget()
            result = await workspace.up((), pull=Pull.MISSING, timeout=60, progress=silent)
            assert {outcome.action for outcome in result.services} == {Action.KEPT}
            assert len(proxy.requests) <= 6, proxy.requests
        # The version is known from choosing the runtime.
        proxy.forget()
        assert (await (await workspace.services()).status()).engine.version
        assert len(proxy.requests) <= 5, proxy.requests


async def test_a_second_up_finds_a_wrong_password(clone):
    clone.done("env", "init")
    clone.done("up")
    # The container stays as it is, and the settings say another password than it was made with.
    findings = clone.run("up", "--json").returncode, clone.json("up")["findings"]
    assert findings == (0, [])
    wrong = {**clone.environ, "APP_DB_URL": f"postgresql://app:wrong@127.0.0.1:{port_of(clone)}/app"}
    done = await in_thread(
        lambda: subprocess.run(
            [sys.executable, "-m", "tui", "up"], cwd=clone.root, env=wrong, capture_output=True, text=True, check=False
        )
    )
    assert done.returncode == 1
    assert "[database-password]" in done.stderr


def port_of(clone) -> str:
    (line,) = (it for it in (clone.root / ".env").read_text().splitlines() if it.startswith("APP_DB_PORT="))
    return line.partition("=")[2]


async def test_both_readers_see_the_same(engine):
    compose = project(sleeper("a"), sleeper("b"), name=engine.name)
    services = engine.services(compose)
    await services.up([], pull=Pull.MISSING, timeout=60, progress=silent)
    await services.close()
    path = engine.endpoint.socket_path
    if path is None:
        pytest.skip("the engine is not on a Unix socket")
    with closing(LocalReader(path, 10)) as local, closing(open_client(engine.endpoint, 10)) as client:
        images = [IMAGE, "there.is/none:such"]
        seen = [observe(reader, engine.name, images, frozenset()) for reader in (local, client)]
        assert [it.name for it in seen[0].containers] == [f"{engine.name}-a-1", f"{engine.name}-b-1"]
        assert all(it.recorded for it in seen[0].containers)
        assert seen[0].containers == seen[1].containers
        assert seen[0].images == seen[1].images
        assert list(seen[0].images) == [IMAGE]
        network = f"{engine.name}_default"
        assert seen[0].networks[network] == seen[1].networks[network]
        identity = seen[0].containers[0].id
        assert look_at(local, identity, frozenset()) == look_at(client, identity, frozenset())
        assert look_at(local, "0" * 64, frozenset()) is look_at(client, "0" * 64, frozenset()) is None
        assert local.engine_version() == client.engine_version()
