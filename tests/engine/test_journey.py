"""From a clone to the bookings by commands alone, on a real engine, and nothing left afterwards."""

import json
import os
import shlex
import signal
import socket
import subprocess

import pytest

from tests.support.clone import STACKDECK


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


def test_a_port_that_is_taken_is_moved_by_the_fix_that_the_finding_names(clone):
    clone.done("env", "init")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        clone.done("env", "set", f"APP_DB_PORT={holder.getsockname()[1]}")
        finding = clone.json("up")["findings"][0]
        assert finding["code"] == "port-taken"
        assert f"(pid {os.getpid()})" in finding["title"]
        clone.done(*shlex.split(finding["fixes"][0]["command"])[1:])
        clone.done("up")
    assert clone.json("db", "ping")["findings"] == []


def test_another_password_than_the_volume_has_is_said(clone):
    clone.done("env", "init")
    clone.done("up")
    clone.done("env", "set", "APP_DB_PASSWORD=another")
    finding = clone.json("db", "ping")["findings"][0]
    assert finding["code"] == "database-password"
    assert "volume" in finding["cause"]


def test_an_image_that_does_not_exist_is_said_and_nothing_is_made(clone):
    clone.done("env", "init")
    clone.done("env", "set", "APP_DB_IMAGE=postgres:no-such-tag")
    result = clone.json("up", "--pull", "never")
    assert [finding["code"] for finding in result["findings"]] == ["image-missing"]
    assert clone.json("status")["services"][0]["state"] == "absent"


def test_a_database_at_an_unknown_revision_is_said_and_left_alone(clone):
    clone.done("env", "init")
    clone.done("up")
    clone.done("migrate", "up")
    command = ["docker", "compose", "exec", "-T", "db", "psql", "-q", "-U", "app", "-c"]
    subprocess.run(
        [*command, "UPDATE alembic_version SET version_num = 'zzz'"], cwd=clone.root, env=clone.environ, check=True
    )
    for arguments in (("migrate", "up"), ("migrate", "status"), ("doctor",)):
        result = clone.run(*arguments)
        assert result.returncode == 1
        assert "migration-unknown-revision" in result.stderr
    assert clone.json("migrate", "status")["unknown"] == ["zzz"]


@pytest.mark.parametrize("moment", ["Creating network", "Creating volume", "db-1", "Waiting"])
def test_ctrl_c_at_any_moment_leaves_what_the_next_up_finishes(clone, moment):
    clone.done("env", "init")
    with subprocess.Popen(
        [str(STACKDECK), "up"],
        cwd=clone.root,
        env=clone.environ,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stderr:
            if moment in line:
                process.send_signal(signal.SIGINT)
                break
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in rest
    clone.done("up")
    assert clone.json("db", "ping")["findings"] == []
