"""What surrounds a database is judged from facts alone: versions, mounts, ends, clocks and room."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.doctor.checks.containers import foreign_image, name_taken
from stack.doctor.checks.machine import clock, disk
from stack.doctor.checks.server import is_looping, strangers_named, unhealthy
from stack.doctor.checks.volumes import early_health_check, misplaced, passwordless, wrong_version
from stack.doctor.endings import ended, failed_script
from stack.doctor.storage import storage
from stack.findings import Code, Fix, Severity
from stack.services.compose.model import Healthcheck, Mount, MountType, Position
from stack.services.compose.postgres_image import major_version, with_major
from stack.services.compose.written import place, variable_of
from stack.services.control import Health, ProbeRun, State
from stack.services.engine.data_volume import DataFound
from stack.services.engine.inspection import InspectedImage, Inspection, Machine, Stranger, machine
from tests.support.compose_model import project, service, volume_mount

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
INFO = {
    "MemTotal": 1,
    "SystemTime": "2026-05-01T12:00:07.5Z",
    "Architecture": "x86_64",
    "OperatingSystem": "Debian GNU/Linux 13",
    "DockerRootDir": "/var/lib/docker",
}
EXITED = Inspection(
    id="01",
    name="shop-db-1",
    image="postgres:16",
    state=State.EXITED,
    health=Health.NONE,
    exit_code=1,
    restarts=0,
    error="",
    out_of_memory=False,
    created_at=NOW,
    started_at=NOW,
    shm_size=64 << 20,
    mounts=(),
    probes=(),
    health_test=(),
    environment={"POSTGRES_USER": "ada", "POSTGRES_DB": "shop"},
    labels={},
)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, None), (5, None), (-5, None), (6, "6 s ahead of"), (-90, "1 min 30 s behind"), (7200, "2 h 0 min ahead of")],
)
def test_a_clock_may_differ_by_what_a_network_explains(seconds, expected):
    found = clock(timedelta(seconds=seconds))
    assert (found is None) if expected is None else (found is not None and expected in found.title)
    assert found is None or found.severity is Severity.WARNING


def test_a_clock_that_is_days_off_is_said_in_days():
    found = clock(timedelta(days=-3, seconds=-5))
    assert found
    assert "3 d 0 h behind" in found.title


def test_the_engines_clock_is_compared_with_the_middle_of_its_answer():
    seen = machine(INFO, NOW, NOW + timedelta(seconds=1), is_local=True)
    assert seen == Machine(timedelta(seconds=7), "amd64", "/var/lib/docker")
    assert machine(INFO, NOW, NOW, is_local=False).data is None
    assert machine(INFO | {"OperatingSystem": "Docker Desktop"}, NOW, NOW, is_local=True).data is None


def test_a_disk_is_full_when_nothing_has_room_on_it():
    assert disk("/var/lib/docker", 1 << 30) is None
    found = disk("/var/lib/docker", 1000)
    assert found
    assert "1.0 kB are left at /var/lib/docker" in found.cause


@pytest.mark.parametrize(
    ("reference", "environment", "expected"),
    [
        ("postgres:16-alpine", {}, 16),
        ("postgres:16.3", {}, 16),
        ("postgis/postgis:17-3.5", {}, 17),
        ("registry:5000/pgvector/pgvector:pg17", {}, 17),
        ("timescale/timescaledb:2.17.2-pg16", {"PG_MAJOR": "16"}, 16),
        ("timescale/timescaledb:latest-pg16", {}, 16),
        ("timescale/timescaledb:2.17.2", {}, None),
        ("citusdata/citus:13.0", {}, None),
        ("postgres", {"PGDATA": "/var/lib/postgresql/18/docker"}, 18),
        ("postgres:16@sha256:00", {"PG_MAJOR": "17"}, 17),
        ("postgres", {}, None),
        ("postgres:latest", {"PGDATA": "/var/lib/postgresql/data"}, None),
        ("registry:5000/postgres", {}, None),
    ],
)
def test_the_version_is_the_images_word_before_its_tags(reference, environment, expected):
    assert major_version(reference, environment) == expected


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("postgres:17-alpine", "postgres:15-alpine"),
        ("postgres:17.2-alpine", "postgres:15-alpine"),
        ("pgvector/pgvector:0.8.0-pg17", "pgvector/pgvector:0.8.0-pg15"),
        ("host:5000/pgvector/pgvector:pg17", "host:5000/pgvector/pgvector:pg15"),
        ("postgres", None),
        ("postgres:latest", None),
        ("postgres:17@sha256:00", None),
    ],
)
def test_the_old_image_is_the_same_one_of_the_old_version(reference, expected):
    assert with_major(reference, 15) == expected


@given(st.integers(9, 40), st.integers(9, 40), st.sampled_from(["", "-alpine", "-bookworm"]))
def test_another_major_version_can_be_read_back(old, new, flavour):
    changed = with_major(f"postgres:{old}{flavour}", new)
    assert changed == f"postgres:{new}{flavour}"
    assert major_version(changed, {}) == new


def stored(image, mount, **environment):
    db = service(image=image, volumes=(mount,), environment=environment)
    found = storage(project(db), db, {})
    assert found
    return db, found


@pytest.mark.parametrize(
    ("image", "target", "severity"),
    [
        ("postgres:16", "/var/lib/postgresql/data", None),
        ("postgres:18", "/var/lib/postgresql", None),
        ("postgres:18", "/var/lib/postgresql/18/docker", None),
        ("postgres:18", "/var/lib/postgresql/data", Severity.ERROR),
        ("postgres:18", "/var/lib/postgresql/data/", Severity.ERROR),
        ("postgres:17", "/var/lib/postgresql", Severity.WARNING),
        ("postgres:17", "/backups", None),
    ],
)
def test_the_volume_has_to_be_where_the_version_looks(image, target, severity):
    db, found = stored(image, volume_mount("data", target))
    finding = misplaced(db, found, runs=False)
    assert (finding.severity if finding else None) is severity


def test_a_data_directory_of_ones_own_is_looked_for_where_it_is():
    db, found = stored(
        "postgres:18", volume_mount("data", "/var/lib/postgresql/data"), PGDATA="/var/lib/postgresql/data"
    )
    assert misplaced(db, found, runs=False) is None
    db, found = stored("postgres:16", volume_mount("data", "/var/lib/postgresql"), PGDATA="/var/lib/postgresql/mine")
    assert misplaced(db, found, runs=False) is None
    assert found.within == "mine"


def test_a_directory_of_the_host_is_the_same_data_and_another_volume_is_not():
    _, found = stored("postgres:16", Mount(MountType.BIND, "/var/lib/postgresql/data", "/srv/pg"))
    assert found.is_in(None, "/srv/pg")
    assert not found.is_in("data", None)


def test_a_version_that_differs_is_an_error_unless_the_old_server_still_runs():
    db, found = stored("postgres:17", volume_mount("data", "/var/lib/postgresql/data"))
    assert wrong_version(db, found, DataFound(17, "."), runs=False, fixes=()) is None
    finding = wrong_version(db, found, DataFound(15, "."), runs=False, fixes=(Fix("x"),))
    assert finding
    assert finding.title == "The data directory of db is of version 15, the image is 17"
    assert finding.severity is Severity.ERROR
    running = wrong_version(db, found, DataFound(15, "."), runs=True, fixes=())
    assert running
    assert running.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("environment", "complains"),
    [
        ({"POSTGRES_PASSWORD": "x"}, False),
        ({"POSTGRES_PASSWORD_FILE": "/run/secrets/x"}, False),
        ({"POSTGRES_HOST_AUTH_METHOD": "trust"}, False),
        ({"POSTGRES_PASSWORD": ""}, True),
        ({"POSTGRES_PASSWORD": None}, True),
        ({}, True),
    ],
)
def test_a_new_database_needs_a_password(environment, complains):
    assert (passwordless(service(environment=environment), ()) is not None) is complains


@pytest.mark.parametrize(
    ("test", "early"),
    [
        ("pg_isready -U ada", True),
        ("pg_isready -h 127.0.0.1", False),
        ("pg_isready --host=db", False),
        ("pg_isready -hlocalhost", False),
        ("psql -c 'SELECT 1'", False),
    ],
)
def test_a_check_over_the_socket_alone_passes_too_early(test, early):
    db = service(healthcheck=Healthcheck(("CMD-SHELL", test)))
    assert (early_health_check(db) is not None) is early


@pytest.mark.parametrize(
    ("test", "strangers"),
    [
        ("psql -U ada -d shop -c 'SELECT 1'", ()),
        ("pg_isready -U $$POSTGRES_USER -d $POSTGRES_DB", ()),
        ("pg_isready -U postgres", ()),
        ("psql -U bob -d shop", ("bob",)),
        ("psql --username=bob --dbname 'other'", ("bob", "other")),
    ],
)
def test_whom_a_health_check_asks_for_is_compared_with_whom_the_image_has_made(test, strangers):
    assert strangers_named(("CMD-SHELL", test), dict(EXITED.environment)) == strangers


def test_what_the_health_check_says_is_the_cause():
    run = ProbeRun(NOW, 2, "psql: \x1b[31mFATAL: no such role\n")
    server = replace(EXITED, state=State.RUNNING, health=Health.UNHEALTHY, probes=(run,))
    finding = unhealthy(service(), server, changed=True, fixes=())
    assert "FATAL: no such role" in finding.cause
    assert "\x1b" not in finding.cause + (finding.evidence or "")
    assert "something else now" in finding.cause


@pytest.mark.parametrize(
    ("log", "code"),
    [
        ("exec /usr/local/bin/docker-entrypoint.sh: exec format error", Code.IMAGE_ARCHITECTURE),
        ("PANIC:  could not write to file: No space left on device", Code.ENGINE_DISK_FULL),
        ('could not resize shared memory segment "/P.1" to 8 bytes: No space left on device', Code.SHARED_MEMORY_SMALL),
        ("FATAL:  database files are incompatible with server", Code.VOLUME_VERSION),
        ("Error: in 18+, these Docker images are configured to store", Code.VOLUME_MISPLACED),
        ("Error: Database is uninitialized and superuser password is not specified.", Code.SUPERUSER_PASSWORD_EMPTY),
        ("LOG:  ready\nFATAL:  something else", Code.SERVICE_EXITED),
        ("", Code.SERVICE_EXITED),
    ],
)
def test_an_end_is_told_by_its_log(log, code):
    finding = ended(service(), EXITED, log, (Fix("start"),))
    assert finding.code is code
    assert finding.severity is Severity.ERROR
    assert finding.fixes[-1] == Fix("start")


def test_an_end_that_nothing_explains_gives_the_last_error_and_the_status():
    finding = ended(service(), replace(EXITED, restarts=4), "ERROR:  one\nFATAL:  two\nLOG:  down", ())
    assert finding.title == "db keeps exiting"
    assert "status 1 and was restarted 4 times" in finding.cause
    assert "FATAL:  two" in finding.cause or "FATAL: two" in finding.cause


def test_a_killed_process_is_a_lack_of_memory_whatever_the_log_says():
    finding = ended(service(mem_limit=64_000_000), replace(EXITED, out_of_memory=True), "No space left on device", ())
    assert finding.code is Code.SERVICE_OUT_OF_MEMORY
    assert "mem_limit is 64.0 MB" in finding.cause


MADE = "Success. You can now start the database server using:\n"
SCRIPT_ERROR = 'psql:/docker-entrypoint-initdb.d/01.sql:3: ERROR:  relation "x" does not exist\n'
DONE = "PostgreSQL init process complete; ready for start up.\n"


@pytest.mark.parametrize(
    ("log", "is_over", "script"),
    [
        (MADE + SCRIPT_ERROR, True, "01.sql"),
        (MADE + SCRIPT_ERROR + "Skipping initialization\nLOG:  ready\n", False, "01.sql"),
        (SCRIPT_ERROR, False, "01.sql"),
        (MADE + "running /docker-entrypoint-initdb.d/02.sh\n", True, "02.sh"),
        (MADE + "running /docker-entrypoint-initdb.d/02.sh\n", False, None),
        (MADE + SCRIPT_ERROR + DONE, False, None),
        (MADE + DONE, True, None),
        (MADE + SCRIPT_ERROR + "No space left on device\n", True, None),
        ("", True, None),
    ],
)
def test_a_first_start_that_did_not_end_well_names_its_script(log, is_over, script):
    finding = failed_script("db", log, (), is_over=is_over)
    assert (finding is None) is (script is None)
    assert finding is None or script in finding.title


def test_between_two_ends_a_container_runs_for_a_moment():
    now = datetime.now(UTC)
    looping = replace(EXITED, state=State.RUNNING, restarts=3, started_at=now)
    assert is_looping(looping)
    assert not is_looping(replace(looping, restarts=0))
    assert not is_looping(replace(looping, started_at=now - timedelta(minutes=1)))
    assert not is_looping(replace(looping, health=Health.HEALTHY))


def test_an_image_for_another_processor_counts_where_it_was_seen_to_fail():
    image, here = InspectedImage("1", "linux", "arm64", {}), Machine(timedelta(), "amd64", None)
    assert foreign_image(service(), image, here, "", ()) is None
    finding = foreign_image(service(platform="linux/arm64"), image, here, "exec format error", ())
    assert finding
    assert "platform: linux/arm64" in finding.fixes[0].title


def test_a_name_is_taken_by_whoever_is_not_this_service():
    ours, theirs = Stranger("1", "shop-db-1", "shop", "db"), Stranger("2", "shop-db-1", "other", "db")
    assert name_taken("shop-db-1", "shop", "db", (ours,)) is None
    assert name_taken("shop-db-1", "shop", "db", (theirs,)) is theirs


@pytest.mark.parametrize(
    ("line", "variable"),
    [
        ("      POSTGRES_PASSWORD: ${PW}", "PW"),
        ('      - "POSTGRES_PASSWORD=${PW:-x}"', "PW"),
        ("      POSTGRES_PASSWORD: $PW  # the password", "PW"),
        ("      POSTGRES_PASSWORD: prefix-${PW}", None),
        ("      POSTGRES_PASSWORD: ${PW}-suffix", None),
        ("      POSTGRES_PASSWORD: plain", None),
        ("      POSTGRES_PASSWORD_FILE: ${PW}", None),
    ],
)
def test_the_variable_that_is_all_of_a_value(tmp_path, line, variable):
    file = tmp_path / "compose.yaml"
    file.write_text(f"services:\n  web:\n    environment:\n      POSTGRES_PASSWORD: $OTHER\n  db:\n{line}\n")
    db = service(position=Position(file, 5, 3))
    assert variable_of(db, "POSTGRES_PASSWORD") == variable
    assert place(db, "POSTGRES_PASSWORD") == "compose.yaml:6"
    assert place(db, "nowhere") == "compose.yaml:5"
    assert place(service(), "x") == "the Compose file"
