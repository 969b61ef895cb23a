"""psql in a container as a filter: input in, both outputs out and apart, its status ours, and nothing left behind."""

import hashlib
import signal
import subprocess
import time

import pytest

from tests.support.clone import STACKDECK
from tests.support.shop import open_shop


@pytest.fixture(scope="module")
def shop(engine_here, tmp_path_factory):
    with open_shop(engine_here, tmp_path_factory.mktemp("shop")) as opened:
        yield opened


def psql(shop, *arguments: str, told: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [STACKDECK, "psql", *arguments],
        cwd=shop.project.root,
        env=shop.project.environ,
        input=told,
        capture_output=True,
        check=False,
        timeout=60,
    )


def start(shop, statement: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [STACKDECK, "psql", "-At", "-c", statement],
        cwd=shop.project.root,
        env=shop.project.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def running(shop, marker: str) -> bool:
    """Whether the server runs a statement that holds `marker`."""
    found = shop.engine.container("db").exec_run(
        [
            "psql",
            "-U",
            "ada",
            "shop",
            "-Atc",
            f"SELECT 1 FROM pg_stat_activity WHERE query LIKE '%{marker[0]}'||'{marker[1:]}%'",
        ]
    )
    assert found.exit_code == 0
    return bool(found.output.strip())


def wait_until(holds, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_filter_among_others(shop):
    asked = psql(shop, "-At", told=b"select current_user, current_database();\nselect 'it''s';")
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, b"ada|shop\nit's\n", b"")

    options = ("-At", "-d", "postgres", "-v", "ON_ERROR_STOP=1")
    failed = psql(shop, *options, told=b"select current_database();\nselect nope;\n")
    assert (failed.returncode, failed.stdout) == (3, b"postgres\n")
    assert b"ERROR" in failed.stderr

    # More than any buffer on the way holds, in both directions.
    rows = b"".join(b"%d\t%s\n" % (number, b"x" * 100) for number in range(30_000))
    dump = b"CREATE TABLE t (n int, v text);\nCOPY t FROM STDIN;\n" + rows + b"\\.\nCOPY t TO STDOUT;\n"
    copied = psql(shop, "-q", told=dump)
    assert (copied.returncode, copied.stderr) == (0, b"")
    assert hashlib.sha256(copied.stdout).digest() == hashlib.sha256(rows).digest()


def test_what_is_interrupted_or_not_read_to_the_end_stops_on_the_server_too(shop):
    slow = start(shop, "select pg_sleep(300) /* mark-one */")
    wait_until(lambda: running(shop, "mark-one"))
    slow.send_signal(signal.SIGINT)
    _, told = slow.communicate(timeout=20)
    assert slow.returncode == 130
    assert b"Traceback" not in told
    wait_until(lambda: not running(shop, "mark-one"))

    much = start(shop, "COPY (SELECT generate_series(1, 1000000000) /* mark-two */) TO STDOUT")
    assert much.stdout.read(4) == b"1\n2\n"
    much.stdout.close()
    assert b"Traceback" not in much.stderr.read()
    much.stderr.close()
    assert much.wait(timeout=20) == 1
    wait_until(lambda: not running(shop, "mark-two"))

    shop.engine.container("db").kill()
    asked = psql(shop, "-c", "select 1")
    assert asked.returncode == 1
    assert b"[service-not-running]" in asked.stderr
    assert b"stackdeck up db" in asked.stderr
