"""The engine is the one that was named, in the Docker CLI's order of precedence, and never another one instead."""

import hashlib
import json
import os
import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from stack.findings import Code, Failure
from stack.services.engine.connection import Engine, unreachable
from stack.services.engine.endpoint import Endpoint, other_engines, resolve_endpoint


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


async def reach(url, environ):
    engine = Engine(Endpoint(url, "a test"), environ)
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
