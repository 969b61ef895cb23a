"""A real Docker engine for tests: a Compose project of its own for each, of which nothing is left at the end."""

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from random import SystemRandom

from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from stack.services.compose.model import ComposeProject
from stack.services.engine.control import EngineServices
from stack.services.engine.endpoint import Endpoint, resolve_endpoint

_LABEL = "com.docker.compose.project"


def engine_endpoint() -> Endpoint | None:
    """The engine that this machine's settings name, where it answers."""
    endpoint = resolve_endpoint(os.environ)
    try:
        with closing(DockerClient(base_url=endpoint.url, timeout=10)) as client:
            client.ping()
    except DockerException:
        return None
    return endpoint


def has_compose() -> bool:
    """Whether `docker compose` is here to compare with."""
    try:
        return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


# Below those that the kernel lends to whoever connects: one of these stays free until somebody binds it by number.
_PORTS = iter(SystemRandom().sample(range(20_000, 32_000), 12_000))


def free_port() -> int:
    """A loopback port that is free now, and that nobody is given by chance before it is used."""
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


class Sandbox:
    """One Compose project's worth of an engine, under a name that nothing else has."""

    def __init__(self, endpoint: Endpoint, directory: Path) -> None:
        self.endpoint = endpoint
        self.directory = directory
        self.name = f"stackdeck-test-{secrets.token_hex(4)}"
        self.client = DockerClient(base_url=endpoint.url, timeout=60)

    def services(self, compose: ComposeProject) -> EngineServices:
        assert compose.name == self.name
        return EngineServices(compose, self.endpoint, os.environ)

    def ensure_image(self, reference: str) -> bool:
        """Whether `reference` is on the engine, after a pull where it was not."""
        try:
            self.client.images.get(reference)
        except ImageNotFound:
            try:
                self.client.images.pull(reference)
            except APIError:
                return False
        return True

    def containers(self):
        return self.client.containers.list(all=True, filters={"label": f"{_LABEL}={self.name}"})

    def container(self, service: str):
        (found,) = (it for it in self.containers() if it.labels["com.docker.compose.service"] == service)
        return found

    def compose(self, *arguments: str) -> str:
        """Run `docker compose` in the project's directory and return everything that it says."""
        done = subprocess.run(
            ["docker", "compose", "-p", self.name, *arguments],
            cwd=self.directory,
            env={**os.environ, "COMPOSE_ANSI": "never", "PWD": str(self.directory)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def leftovers(self) -> list[str]:
        """The names of all that the engine has of the project."""
        wanted = {"label": f"{_LABEL}={self.name}"}
        return [
            *(it.name for it in self.client.containers.list(all=True, filters=wanted)),
            *(it.name for it in self.client.networks.list(filters=wanted)),
            *(it.name for it in self.client.volumes.list(filters=wanted)),
        ]

    def clean(self) -> None:
        wanted = {"label": f"{_LABEL}={self.name}"}
        containers = self.client.containers.list(all=True, filters=wanted, ignore_removed=True)
        # A recreated container holds the anonymous volumes of the one before it by name, and does not take them along.
        volumes = {mount["Name"] for it in containers for mount in it.attrs["Mounts"] if mount["Type"] == "volume"}
        for container in containers:
            _quietly(lambda it=container: it.remove(force=True, v=True))
        for name in volumes:
            _quietly(lambda it=name: self.client.api.remove_volume(it, force=True))
        for network in self.client.networks.list(filters=wanted):
            _quietly(network.remove)
        for volume in self.client.volumes.list(filters=wanted):
            _quietly(lambda it=volume: it.remove(force=True))


def _quietly(remove) -> None:
    with suppress(NotFound):
        remove()


@contextmanager
def sandbox(endpoint: Endpoint, directory: Path) -> Iterator[Sandbox]:
    """A sandbox, and nothing of it afterwards."""
    box = Sandbox(endpoint, directory)
    try:
        yield box
    finally:
        box.clean()
        box.client.close()
