"""The engine is the one that was named, in the Docker CLI's order of precedence, and never another one instead."""

import contextlib
import hashlib
import importlib.util
import json
import os
import socket
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from stack.findings import Code, Failure
from stack.services.control import Health, State
from stack.services.engine.ask import ask_engine
from stack.services.engine.connection import Engine
from stack.services.engine.endpoint import Endpoint, other_engines, resolve_endpoint
from stack.services.engine.states import read_health, read_state
from stack.services.engine.unreachable import unreachable


@pytest.fixture
def home(tmp_path):
    """A home with the contexts `remote` (TLS) and `desktop`."""

    def add(name, host, skip_verify):
        digest = hashlib.sha256(name.encode()).hexdigest()
        meta = tmp_path / ".docker/contexts/meta" / digest
        meta.mkdir(parents=True)
        endpoint = {"Host": host, "SkipTLSVerify": skip_verify}
        (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}))
        return tmp_path / ".docker/contexts/tls" / digest / "docker"

    add("desktop", "unix:///home/me/.docker/desktop/docker.sock", False)
    material = add("remote", "tcp://db.example.com:2376", False)
    material.mkdir(parents=True)
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (material / name).touch()
    return tmp_path


def configure(home, **settings):
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker/config.json").write_text(json.dumps(settings))


def test_without_anything_it_is_the_usual_socket(tmp_path):
    endpoint = resolve_endpoint({"HOME": str(tmp_path)})
    assert (endpoint.url, endpoint.source) == ("unix:///var/run/docker.sock", "the default socket")


def test_docker_host_wins_over_every_context(home):
    configure(home, currentContext="desktop")
    environ = {"HOME": str(home), "DOCKER_HOST": "tcp://10.0.0.1:2375", "DOCKER_CONTEXT": "remote"}
    assert resolve_endpoint(environ).url == "tcp://10.0.0.1:2375"


def test_docker_context_wins_over_the_configuration(home):
    configure(home, currentContext="desktop")
    endpoint = resolve_endpoint({"HOME": str(home), "DOCKER_CONTEXT": "remote"})
    assert endpoint.url == "tcp://db.example.com:2376"
    assert endpoint.source == "context remote from DOCKER_CONTEXT"
    assert endpoint.tls is not None
    assert endpoint.tls.verify
    assert endpoint.tls.certificate is not None


def test_the_default_context_of_the_shell_wins_over_the_configuration(home):
    configure(home, currentContext="desktop")
    endpoint = resolve_endpoint({"HOME": str(home), "DOCKER_CONTEXT": "default"})
    assert endpoint.url == "unix:///var/run/docker.sock"


def test_the_configuration_is_found_where_docker_config_says(home, tmp_path_factory):
    configure(home, currentContext="desktop")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    environ = {"HOME": str(elsewhere), "DOCKER_CONFIG": str(home / ".docker")}
    assert resolve_endpoint(environ).url == "unix:///home/me/.docker/desktop/docker.sock"


@pytest.mark.parametrize("environ", [{"DOCKER_CONTEXT": "gone"}, {}])
def test_a_context_that_does_not_exist_is_an_error(home, environ):
    configure(home, currentContext="gone")
    with pytest.raises(Failure) as caught:
        resolve_endpoint({"HOME": str(home), **environ})
    assert caught.value.finding.code is Code.ENGINE_CONTEXT_MISSING
    assert "gone" in caught.value.finding.title


@pytest.mark.parametrize("content", ["{", "[]", "\xff"])
def test_a_configuration_that_cannot_be_read_is_an_error(home, content):
    (home / ".docker/config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(Failure) as caught:
        resolve_endpoint({"HOME": str(home)})
    assert "config.json" in caught.value.finding.cause


def test_proxies_of_the_endpoint_win_over_the_default_ones(home):
    configure(home, proxies={"default": {"httpProxy": "http://a"}, "tcp://h:1": {"httpsProxy": "http://b"}})
    assert resolve_endpoint({"HOME": str(home)}).proxies == {"HTTP_PROXY": "http://a", "http_proxy": "http://a"}
    chosen = resolve_endpoint({"HOME": str(home), "DOCKER_HOST": "tcp://h:1"}).proxies
    assert chosen == {"HTTPS_PROXY": "http://b", "https_proxy": "http://b"}


async def reach(url, environ, seconds=15):
    engine = Engine(Endpoint(url, "a test"), environ, seconds=seconds)
    with pytest.raises(Failure) as caught:
        await engine.call(lambda client: client.ping())
    return caught.value.finding


async def test_no_socket_says_that_docker_is_not_there(tmp_path):
    finding = await reach(f"unix://{tmp_path}/docker.sock", {"HOME": str(tmp_path)})
    assert finding.code is Code.ENGINE_UNREACHABLE
    assert "There is no socket" in finding.cause
    assert "a test" in finding.cause


async def test_a_socket_that_nobody_listens_at_says_that_docker_has_stopped(tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "docker.sock"))
    finding = await reach(f"unix://{tmp_path}/docker.sock", {"HOME": str(tmp_path)})
    assert finding.code is Code.ENGINE_UNREACHABLE
    assert "has stopped" in finding.cause


async def test_a_server_that_is_no_engine_is_unreachable(tmp_path):
    with answering(tmp_path / "docker.sock", b"HTTP/1.0 200 OK\r\n\r\nnonsense"):
        finding = await reach(f"unix://{tmp_path}/docker.sock", {"HOME": str(tmp_path)})
    assert finding.code is Code.ENGINE_UNREACHABLE


def test_without_permission_the_fix_is_the_socket_s_group_and_never_its_mode(tmp_path):
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o660)
    denied = RuntimeError("wrapped", PermissionError(13, "Permission denied"))
    finding = unreachable(Endpoint(f"unix://{path}", "a test"), {"HOME": str(tmp_path)}, denied)
    assert finding.code is Code.ENGINE_PERMISSION
    commands = " ".join(fix.command or "" for fix in finding.fixes)
    assert "usermod -aG" in commands or "newgrp" in commands
    assert "chmod" not in commands


def test_another_engine_that_answers_is_offered(tmp_path):
    other = tmp_path / "run/docker.sock"
    other.parent.mkdir()
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(other.parent)}
    missing = Endpoint(f"unix://{tmp_path}/none.sock", "a test")
    assert f"unix://{other}" not in other_engines(missing, environ)
    with answering(other, b"HTTP/1.0 200 OK\r\n\r\nOK"):
        assert f"unix://{other}" in other_engines(missing, environ)
        finding = unreachable(missing, environ, FileNotFoundError(2, os.strerror(2)))
        assert f"export DOCKER_HOST=unix://{other}" in [fix.command for fix in finding.fixes]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("/run/podman/podman.sock", "unix:///run/podman/podman.sock"),
        ("unix:///run/a b#c.sock", "unix:///run/a b#c.sock"),
        ("tcp://10.0.0.1", "tcp://10.0.0.1:2375"),
        ("10.0.0.1:4000", "tcp://10.0.0.1:4000"),
        ("tcp://[::1]", "tcp://[::1]:2375"),
        ("tcp://:2375", "tcp://localhost:2375"),
        ("ssh://me@server", "ssh://me@server"),
    ],
)
def test_addresses_are_completed_as_the_cli_does(host, url, tmp_path):
    assert resolve_endpoint({"HOME": str(tmp_path), "DOCKER_HOST": host}).url == url


def test_the_default_port_with_tls_is_another_one(tmp_path):
    environ = {"HOME": str(tmp_path), "DOCKER_HOST": "tcp://10.0.0.1", "DOCKER_TLS_VERIFY": "1"}
    assert resolve_endpoint(environ).url == "tcp://10.0.0.1:2376"


@pytest.mark.parametrize("host", ["npipe:////./pipe/docker_engine", "tcp://h:port", "tcp://[::1", "fd://", "x://y"])
def test_what_is_no_address_is_an_error_that_names_it(host, tmp_path):
    with pytest.raises(Failure) as caught:
        resolve_endpoint({"HOME": str(tmp_path), "DOCKER_HOST": host})
    assert caught.value.finding.code is Code.ENGINE_ADDRESS_UNUSABLE
    assert host in caught.value.finding.title
    assert "DOCKER_HOST" in caught.value.finding.cause


def test_a_context_with_a_broken_address_is_an_error_that_names_it(tmp_path):
    digest = hashlib.sha256(b"odd").hexdigest()
    meta = tmp_path / ".docker/contexts/meta" / digest / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Endpoints": {"docker": {"Host": "gopher://x"}}}))
    with pytest.raises(Failure) as caught:
        resolve_endpoint({"HOME": str(tmp_path), "DOCKER_CONTEXT": "odd"})
    assert "context odd" in caught.value.finding.cause


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("unix:///x", True),
        ("tcp://127.0.0.2:1", True),
        ("tcp://localhost:1", True),
        ("ssh://h", False),
        ("tcp://h:1", False),
    ],
)
def test_whose_ports_are_this_machine_s(url, local):
    assert Endpoint(url, "a test").is_local is local


@pytest.mark.skipif(importlib.util.find_spec("paramiko") is not None, reason="paramiko is here")
async def test_ssh_without_paramiko_says_what_to_install(tmp_path):
    finding = await reach("ssh://me@server:2222", {"HOME": str(tmp_path)})
    assert finding.code is Code.ENGINE_ADDRESS_UNUSABLE
    commands = [fix.command or "" for fix in finding.fixes]
    assert any("docker[ssh]" in command for command in commands)
    assert any(command.endswith("-p 2222 -fNL /tmp/engine.sock:/var/run/docker.sock me@server") for command in commands)


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff\xfe\x00\x01",
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        b"",
    ],
)
async def test_half_an_answer_or_garbage_is_no_engine(answer, tmp_path):
    with answering(tmp_path / "docker.sock", answer):
        finding = await reach(f"unix://{tmp_path}/docker.sock", {"HOME": str(tmp_path)})
    assert finding.code is Code.ENGINE_UNREACHABLE


async def test_an_engine_that_is_too_old_says_so(tmp_path):
    body = b'{"Version": "17.03.2-ce", "ApiVersion": "1.27"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with answering(tmp_path / "docker.sock", answer):
        finding = await reach(f"unix://{tmp_path}/docker.sock", {"HOME": str(tmp_path)})
    assert finding.code is Code.ENGINE_TOO_OLD
    assert "1.27" in finding.cause


async def test_an_engine_behind_a_wall_is_given_up_in_time(tmp_path):
    with contextlib.ExitStack() as held:
        wall = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        # A full queue drops whoever knocks, as a firewall does.
        for _ in range(3):
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(wall.getsockname())
        url = "tcp://{}:{}".format(*wall.getsockname())
        began = time.monotonic()
        finding = await reach(url, {"HOME": str(tmp_path)}, seconds=1)
    assert time.monotonic() - began < 3
    assert "does not answer in time" in finding.cause


async def test_an_engine_that_says_nothing_is_given_up_in_time(tmp_path):
    with socket.socket(socket.AF_UNIX) as dumb:
        dumb.bind(str(tmp_path / "docker.sock"))
        dumb.listen()
        finding = await reach(f"unix://{tmp_path}/docker.sock", {"HOME": str(tmp_path)}, seconds=0.2)
    assert "does not answer in time" in finding.cause


async def test_podman_is_called_so(tmp_path):
    body = json.dumps(
        {"Version": "5.2.1", "ApiVersion": "1.41", "Components": [{"Name": "Podman Engine", "Version": "5.2.1"}]}
    ).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with answering(tmp_path / "docker.sock", answer):
        said = await ask_engine({"HOME": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/docker.sock"})
    assert said.version == "Podman 5.2.1"


@pytest.mark.parametrize(
    ("word", "state"),
    [("running", State.RUNNING), ("stopping", State.RUNNING), ("stopped", State.EXITED), ("new in 2040", State.DEAD)],
)
def test_the_states_of_other_engines_are_understood(word, state):
    assert read_state(word) is state
    assert read_health("") is Health.NONE
    assert read_health("healthy") is Health.HEALTHY


@pytest.mark.parametrize(
    "path",
    [
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
        ".orbstack/run/docker.sock",
        ".rd/docker.sock",
        ".colima/default/docker.sock",
        ".config/colima/default/docker.sock",
    ],
)
def test_the_sockets_that_people_have_are_known(path):
    # A socket's path may have about a hundred bytes.
    with tempfile.TemporaryDirectory() as short:
        home = Path(short)
        (home / path).parent.mkdir(parents=True)
        with answering(home / path, b"HTTP/1.0 200 OK\r\n\r\nOK"):
            assert f"unix://{home / path}" in other_engines(Endpoint("unix:///none", "a test"), {"HOME": short})


@contextmanager
def answering(path, answer):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve():
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client, suppress(OSError):
                    client.recv(1024)
                    client.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield
        server.shutdown(socket.SHUT_RDWR)
