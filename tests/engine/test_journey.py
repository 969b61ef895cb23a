"""From a clone to the bookings by commands alone, on a real engine, and nothing left afterwards."""

import json
import subprocess


def test_from_a_clone_to_the_bookings(clone):
    clone.done("env", "init")
    up = clone.json("up")
    assert [service["action"] for service in up["services"]] == ["created"]
    clone.done("migrate", "up")
    clone.done("seed", "--bookings", "1000")
    page = clone.json("rows", "bookings", "--limit", "5")
    assert len(page["rows"]) == 5
    assert page["findings"] == []

    listed = subprocess.run(
        ["docker", "compose", "ps", "--format", "json"],
        cwd=clone.root,
        env=clone.environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    containers = [json.loads(line) for line in listed.splitlines()]
    assert [(c["Service"], c["State"], c["Health"]) for c in containers] == [("db", "running", "healthy")]

    doctor = clone.json("doctor")
    assert doctor["ok"]
    assert doctor["findings"] == []
    assert {check["status"] for check in doctor["checks"]} == {"pass"}

    status = clone.json("status")
    assert status["runtime"] == "docker"
    assert status["database"]["reachable"]
    assert status["migrations"]["pending"] == 0

    clone.done("down", "--volumes", "--yes")
    for kind in ("container ls -a", "volume ls", "network ls"):
        left = subprocess.run(
            ["docker", *kind.split(), "-q", "--filter", f"label=com.docker.compose.project={clone.root.name}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert left == "", kind


def test_a_second_up_keeps_everything(clone):
    clone.done("env", "init")
    first = clone.json("up")
    second = clone.json("up")
    assert [service["action"] for service in second["services"]] == ["kept"]
    assert [s["container"] for s in first["services"]] == [s["container"] for s in second["services"]]


def test_deleting_data_needs_a_word(clone):
    clone.done("env", "init")
    clone.done("up")
    refused = clone.run("down", "--volumes")
    assert refused.returncode == 1
    assert "confirmation-needed" in refused.stderr
    assert clone.json("status")["database"]["reachable"]
