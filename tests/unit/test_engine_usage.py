"""What a container uses, from two answers of the engine, as `docker stats` computes it under either cgroup version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.services.engine.usage import Sampled, reading, usage

CONTAINER = Sampled("id", "db", "p-db-1")
MACHINE = 16 << 30


def answer(second: int, cpu: int, **fields):
    """An engine's answer in the manner of cgroup v2."""
    return {
        "read": f"2026-01-01T00:00:{second:02d}.123456789Z",
        "cpu_stats": {"cpu_usage": {"total_usage": cpu}, "system_cpu_usage": second * 4 * 10**9, "online_cpus": 4},
        "memory_stats": {"usage": 1000, "limit": MACHINE, "stats": {"inactive_file": 300}},
        "networks": {"eth0": {"rx_bytes": 100, "tx_bytes": 10}},
        "blkio_stats": {"io_service_bytes_recursive": None},
    } | fields


def between(before, after):
    first, second = reading(before), reading(after)
    assert first is not None
    assert second is not None
    return usage(CONTAINER, first, second, MACHINE)


def test_two_answers_make_a_sample():
    disks = [
        {"op": "Read", "value": 50},
        {"op": "read", "value": 50},
        {"op": "write", "value": 8},
        {"op": "Total", "value": 1},
    ]
    used = between(
        answer(10, 10**9),
        answer(
            12,
            4 * 10**9,
            networks={"eth0": {"rx_bytes": 300, "tx_bytes": 10}, "eth1": {"rx_bytes": 40, "tx_bytes": 2}},
            blkio_stats={"io_service_bytes_recursive": disks},
        ),
    )
    assert (used.service, used.container) == ("db", "p-db-1")
    assert used.cpu == pytest.approx(1.5)
    assert (used.memory, used.memory_limit) == (700, None)
    assert (used.received, used.sent, used.read, used.written) == (120, 1, 50, 4)


def test_the_older_cgroups_and_a_limit():
    memory = {"usage": 1000, "limit": 4096, "stats": {"total_inactive_file": 200, "inactive_file": 999}}
    used = between(answer(10, 0), answer(11, 0, memory_stats=memory))
    assert (used.memory, used.memory_limit) == (800, 4096)


def test_an_engine_that_does_not_tell_the_machines_time_is_measured_by_the_clock():
    bare = {"cpu_usage": {"total_usage": 0}}
    later = {"cpu_usage": {"total_usage": 10**9}}
    assert between(answer(10, 0, cpu_stats=bare), answer(12, 0, cpu_stats=later)).cpu == pytest.approx(0.5)


def test_a_container_that_started_anew_or_stopped_has_no_sample():
    assert between(answer(10, 5), answer(11, 4)) is None
    assert between(answer(10, 5), answer(10, 6)) is None
    assert reading(answer(10, 5, memory_stats={})) is None
    assert reading({"read": "0001-01-01T00:00:00Z"}) is None


@given(st.sets(st.sampled_from(["cpu_stats", "networks", "blkio_stats"])))
def test_parts_that_are_missing_are_nothing(missing):
    found = reading(answer(10, 5) | dict.fromkeys(missing))
    assert found is not None
    assert (found.cpu, found.received, found.memory) == (
        0 if "cpu_stats" in missing else 5,
        0 if "networks" in missing else 100,
        700,
    )
