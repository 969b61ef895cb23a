"""Whoever holds a port is named, and the fix is a port that is free under the variable that moves it."""

import os
import socket

import pytest

from stack.findings import Code, Fix
from stack.services.compose.model import Port
from stack.services.engine.ports import (
    Holder,
    container_on,
    fixed_ports,
    is_taken,
    next_free,
    port_in,
    port_taken,
    port_variable,
    process_on,
)


@pytest.fixture
def listening():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "connectivity on endpoint p-db-1 (01ab): Bind for 0.0.0.0:5432 failed: port is already allocated",
            ("0.0.0.0", 5432),
        ),
        (
            "(01ab): Error starting userland proxy: listen tcp4 127.0.0.1:5432: bind: address already in use",
            ("127.0.0.1", 5432),
        ),
        ("failed to bind host port for 0.0.0.0:80:172.17.0.2:80/tcp: address already in use", ("0.0.0.0", 80)),
        ("failed to bind host port [::1]:80/tcp: address already in use", ("::1", 80)),
        (
            "Ports are not available: exposing port TCP 0.0.0.0:5432 -> 0.0.0.0:0: listen tcp 0.0.0.0:5432: bind",
            ("0.0.0.0", 5432),
        ),
        ("OCI runtime create failed: 127.0.0.1:5432", None),
        ("address already in use", None),
    ],
)
def test_the_port_is_read_out_of_the_engine_s_words(message, expected):
    assert port_in(message) == expected


def test_a_port_that_somebody_listens_on_is_taken(listening):
    assert is_taken("127.0.0.1", listening)
    free = next_free("127.0.0.1", listening)
    assert free is not None
    assert free > listening
    assert not is_taken("127.0.0.1", free)


def test_the_process_that_holds_it_is_named(listening):
    holder = process_on(listening)
    finding = port_taken("127.0.0.1", listening, service="db", holder=holder, free=5433, fixes=(Fix("move"),))
    assert finding.code is Code.PORT_TAKEN
    assert f"(pid {os.getpid()})" in finding.title
    assert "The next free port is 5433." in finding.cause
    assert finding.fixes == (Fix("move"),)


def test_the_container_that_holds_it_is_named_with_its_project():
    container = {
        "Id": "01ab",
        "Names": ["/other-db-1"],
        "Ports": [{"PublicPort": 5432}],
        "Labels": {"com.docker.compose.project": "other"},
    }
    holder = container_on([container], 5432)
    assert holder == Holder("other-db-1", container="01ab", project="other")
    assert holder.words == "the container other-db-1 of project other"
    assert container_on([container], 5433) is None


def test_who_cannot_be_seen_is_said_too():
    finding = port_taken("0.0.0.0", 80, service="web", holder=None, free=None, fixes=())
    assert "may not see" in finding.title
    assert "next free" not in finding.cause


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('"127.0.0.1:${APP_DB_PORT:-5432}:5432"', "APP_DB_PORT"),
        ("${PORT}:5432", "PORT"),
        ("$PORT:5432/tcp", "PORT"),
        ('"5432:5432"', None),
        ('"${PORT}:54321"', None),
    ],
)
def test_the_variable_is_found_in_the_file(tmp_path, line, expected):
    file = tmp_path / "compose.yaml"
    file.write_text(f"services:\n  db:\n    ports:\n      - {line}\n")
    assert port_variable([tmp_path / "gone.yaml", file], 5432) == expected


def test_only_fixed_tcp_ports_can_be_taken():
    ports = (Port(1, "10", "127.0.0.1"), Port(2), Port(3, "30-39"), Port(4, "40", protocol="udp"), Port(5, "50"))
    assert list(fixed_ports(ports)) == [("127.0.0.1", 10), ("0.0.0.0", 50)]
