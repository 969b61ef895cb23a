"""The embedded runtime's pure parts: plans, the server's own files, the log's lines, and which server is chosen."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.findings import Code, Failure
from stack.services.control import Action, LineKind
from stack.services.embedded.account import current_account
from stack.services.embedded.area import Area, project_area
from stack.services.embedded.binaries import Binaries, Candidate, find_binaries
from stack.services.embedded.plan import Stopped, Work, plan
from stack.services.embedded.postmaster import Postmaster, parse_pid_file
from stack.services.embedded.serverlog import LineParser, LogReader
from stack.services.log_levels import Level

AREA = Area(Path("/home/ada/.local/share/stackdeck"), "shop-12345678")
PROGRAMS = Path("/usr/lib/postgresql/16/bin")
STARTED = datetime(2026, 3, 1, tzinfo=UTC)


def planned(observed: Postmaster | Stopped) -> list[tuple[Work, Action, str]]:
    steps = plan(observed, area=AREA, service="db", port=5432, database="shop")
    assert all(step.shown.cause for step in steps)
    return [(step.work, step.shown.action, step.shown.resource) for step in steps]


def test_a_new_project_gets_a_cluster_a_server_and_a_database():
    assert planned(Stopped(None, PROGRAMS, None, port_free=True)) == [
        (Work.INITIALISE, Action.CREATED, f"cluster {AREA.data}"),
        (Work.START, Action.CREATED, "server db"),
        (Work.CREATE_DATABASE, Action.CREATED, "database shop"),
    ]


def test_a_stopped_server_is_only_started():
    assert planned(Stopped(16, PROGRAMS, None, port_free=True)) == [
        (Work.NOTHING, Action.KEPT, f"cluster {AREA.data}"),
        (Work.START, Action.STARTED, "server db"),
    ]


@pytest.mark.parametrize("ready", [True, False])
def test_a_running_server_is_kept(ready):
    assert planned(Postmaster(7, 5432, STARTED, ready))[-1] == (Work.NOTHING, Action.KEPT, "server db")


def test_programs_that_the_account_cannot_enter_are_copied_first():
    source = Binaries(Candidate(Path("/root/venv/bin"), Path("/root/venv")), "18.6", 18, reachable=False)
    assert planned(Stopped(None, PROGRAMS, source, port_free=True))[0] == (
        Work.STAGE,
        Action.CREATED,
        "copy of PostgreSQL 18.6",
    )


def test_a_taken_port_is_said_before_it_is_met():
    steps = plan(Stopped(16, PROGRAMS, None, port_free=False), area=AREA, service="db", port=5432, database="shop")
    assert "5432 is taken" in steps[-1].shown.cause


def test_a_whole_pid_file_is_read():
    text = "4242\n/data\n1772323200\n5433\n\n127.0.0.1\n  1234 5678\nready   \n"
    assert parse_pid_file(text) == Postmaster(4242, 5433, STARTED, ready=True)
    assert parse_pid_file(text.replace("ready   ", "starting")) == Postmaster(4242, 5433, STARTED, ready=False)


@given(st.text())
def test_any_other_pid_file_is_no_server_and_no_error(text):
    found = parse_pid_file(text)
    assert found is None or len(text.split("\n")) >= 4


def test_a_project_is_found_again_by_its_path_through_links(tmp_path):
    (tmp_path / "My Shop").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "My Shop")
    area = project_area(tmp_path / "My Shop", tmp_path)
    assert area == project_area(tmp_path / "link", tmp_path)
    assert area.name.startswith("my-shop-")
    assert area != project_area(tmp_path / "elsewhere" / "My Shop", tmp_path)


LINE = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))


@given(st.lists(LINE, max_size=20), st.integers(1, 9))
def test_lines_of_log_do_not_depend_on_how_the_file_was_read(lines, size):
    raw = "".join(f"2026-03-01 10:00:{index:02}.250 UTC {line}\n" for index, line in enumerate(lines)).encode()
    parser = LineParser("db", "shop")
    read = [line for at in range(0, len(raw), size) for line in parser.feed(raw[at : at + size])]
    assert [line.text for line in read] == lines
    assert [line.time for line in read] == [
        datetime(2026, 3, 1, 10, 0, index, 250_000, tzinfo=UTC) for index in range(len(lines))
    ]


def test_a_line_that_goes_on_has_the_time_of_its_first():
    read = list(LineParser("db", "shop").feed(b"early\n2026-03-01 10:00:00.000 UTC SELECT\n\tfrom \xff\nunfinished"))
    assert [(line.time and line.time.hour, line.text) for line in read] == [
        (None, "early"),
        (10, "SELECT"),
        (10, "\tfrom \N{REPLACEMENT CHARACTER}"),
    ]


def make_server(prefix: Path, version: str, *, contrib: bool = True) -> Candidate:
    """Make programs that do no more than say their version, as the search wants to hear it."""
    bin_ = prefix / "bin"
    bin_.mkdir(parents=True)
    for name in ("postgres", "initdb", "pg_ctl"):
        (bin_ / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (bin_ / name).chmod(stat.S_IRWXU)
    extensions = prefix / "share" / "postgresql" / "extension"
    extensions.mkdir(parents=True)
    if contrib:
        (extensions / "btree_gist.control").touch()
    return Candidate(bin_)


def test_the_first_server_that_has_everything_is_taken(tmp_path):
    partial = make_server(tmp_path / "partial", "17.2")
    (partial.directory / "initdb").unlink()
    broken = make_server(tmp_path / "broken", "17.2")
    (broken.directory / "initdb").write_text("#!/bin/sh\necho 'libpq.so.5: not found' >&2\nexit 127\n")
    places = [
        Candidate(tmp_path / "nowhere"),
        partial,
        broken,
        make_server(tmp_path / "bare", "17.2", contrib=False),
        make_server(tmp_path / "ancient", "9.6.24"),
        make_server(tmp_path / "good", "16.4 (Debian 16.4-1)"),
        make_server(tmp_path / "also-good", "17.2"),
    ]
    found = find_binaries(places, current_account(), tmp_path / "data")
    assert (found.directory, found.version, found.major) == (tmp_path / "good" / "bin", "16.4", 16)


def test_data_are_served_by_the_version_that_made_them(tmp_path):
    (tmp_path / "PG_VERSION").write_text("16\n")
    places = [make_server(tmp_path / "new", "18.1"), make_server(tmp_path / "old", "16.4")]
    assert find_binaries(places, current_account(), tmp_path).major == 16
    with pytest.raises(Failure) as caught:
        find_binaries(places[:1], current_account(), tmp_path)
    assert caught.value.finding.code is Code.EMBEDDED_VERSION_MISMATCH
    assert "18.1" in caught.value.finding.cause
    assert [fix.destructive for fix in caught.value.finding.fixes] == [False, True]


def test_where_there_is_no_server_the_finding_says_what_each_place_lacks(tmp_path):
    places = [make_server(tmp_path / "bare", "17.2", contrib=False)]
    with pytest.raises(Failure) as caught:
        find_binaries(places, current_account(), tmp_path)
    finding = caught.value.finding
    assert finding.code is Code.EMBEDDED_UNAVAILABLE
    assert f"{tmp_path}/bare/bin (no extension btree_gist)" in finding.cause
    assert {fix.command for fix in finding.fixes} >= {"uv sync --extra embedded", "sudo apt install postgresql"}


def test_of_a_flood_the_newest_lines_are_kept_and_the_rest_counted(tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(f"2026-01-02 03:04:05.678 UTC [1] ERROR:  {number}\n" for number in range(10)))
    reader = LogReader(log, "db", "server", None)
    gap, *lines = reader.read_newest(3)
    assert (gap.kind, gap.text, gap.dropped) == (LineKind.GAP, "7 lines dropped", 7)
    assert [(line.text, line.level) for line in lines] == [(f"[1] ERROR:  {n}", Level.ERROR) for n in (7, 8, 9)]
    log.unlink()
    log.write_text("2026-01-02 03:04:06.678 UTC [2] LOG:  anew\n")
    event, line = reader.read_newest(3)
    assert (event.kind, event.text, line.text) == (LineKind.EVENT, "its log goes on in a new file", "[2] LOG:  anew")
    reader.close()
