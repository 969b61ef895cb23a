"""An engine of the test's own, to be killed, filled up and thrown away: nothing of the machine's own is touched.

It lives in network, mount and process namespaces of its own, so that its bridges, mounts, shims and containers all end
with the namespaces' first process. (In the machine's own network, its `--bridge none` would remove docker0 there.)
"""

import contextlib
import ctypes
import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from docker import DockerClient
from docker.errors import DockerException

from stack.services.engine.endpoint import Endpoint
from tests.support.require import require

T = TypeVar("T")

IMAGE = "stackdeck-test/tiny:1"
PROGRAMS = ("sh", "sleep", "cat", "true", "false", "test", "touch")
_SECONDS = 30
_CLONE_NEWNET = 0x40000000


def find_dockerd() -> Path | None:
    """The `dockerd` on the path, or the one that the machine's own engine runs from."""
    if found := shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"):
        return Path(found)
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "comm").read_text().strip() == "dockerd":
                return (entry / "exe").resolve(strict=True)
    return None


def require_own_engine() -> Path:
    """The `dockerd` to start, where that can be done here."""
    binary = find_dockerd()
    require("dockerd", os.geteuid() == 0, "only root can start an engine of its own")
    require("dockerd", binary is not None, "there is no dockerd to start")
    require("dockerd", shutil.which("unshare") is not None, "there is no unshare to keep an engine apart")
    assert binary is not None
    return binary


class OwnEngine:
    """A `dockerd` with `options`, whose data is in `root`."""

    def __init__(self, binary: Path, root: Path, *options: str) -> None:
        self._binary = binary
        self._root = root
        self._options = options
        self._daemon: subprocess.Popen[bytes] | None = None
        # `--kill-child`: whatever runs in there ends with it. A shell that waits is an init that reaps orphans.
        self._holder = subprocess.Popen(
            [
                *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *("sh", "-c", "ip link set lo up; echo; sleep infinity & wait"),
            ],
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        self._holder.stdout.close()
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text()
        self._inside = int(children.split()[0])
        self.endpoint = Endpoint(f"unix://{root}/docker.sock", "a test")
        self._containerd = self._run(
            "containerd", "--root", f"{root}/containerd", "--state", f"{root}/state", "--address", f"{root}/c.sock"
        )

    def revive(self) -> None:
        """Start it where a test has killed it and failed."""
        if not self._answers():
            self.start()

    def enter(self, *command: str) -> list[str]:
        """`command` inside the namespaces."""
        return ["nsenter", "--target", str(self._inside), "--net", "--mount", "--pid", *command]

    def start(self) -> None:
        """Start the engine, and return when it answers."""
        (self._root / "docker.pid").unlink(missing_ok=True)
        self._daemon = self._run(
            str(self._binary),
            *("--config-file", "/dev/null", "--host", self.endpoint.url, "--containerd", f"{self._root}/c.sock"),
            *("--data-root", f"{self._root}/data", "--exec-root", f"{self._root}/exec"),
            *("--pidfile", f"{self._root}/docker.pid", "--exec-opt", "native.cgroupdriver=cgroupfs"),
            *("--cgroup-parent", f"/{self._root.name}", "--bridge", "none", "--iptables=false", "--ip6tables=false"),
            *self._options,
        )
        deadline = time.monotonic() + _SECONDS
        while not self._answers():
            assert self._daemon.poll() is None, (self._root / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, (self._root / "log").read_text()[-2000:]
            time.sleep(0.02)

    def kill(self) -> None:
        """End the engine with SIGKILL, as a crash or a lack of memory does; its containers go on for now."""
        assert self._daemon is not None
        # `nsenter --pid` forks: what it started is its child.
        for child in Path(f"/proc/{self._daemon.pid}/task/{self._daemon.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        self._daemon.wait()

    def inside(self, path: str) -> Path:
        """`path` of its data, as it is in its mount namespace."""
        return Path(f"/proc/{self._inside}/root{self._root}/data", path)

    def client(self) -> DockerClient:
        """A client of the engine, which the caller closes."""
        return DockerClient(base_url=self.endpoint.url, timeout=30)

    def load(self) -> None:
        """Give it a small image with a shell."""
        with contextlib.closing(self.client()) as client:
            repository, _, tag = IMAGE.partition(":")
            client.api.import_image_from_data(_root_of_programs(), repository=repository, tag=tag)

    def listening(self, make: Callable[[], T]) -> T:
        """What `make` returns; sockets that it makes are in the engine's network."""
        outcome: list[T] = []

        def enter() -> None:
            with Path(f"/proc/{self._inside}/ns/net").open("rb") as namespace:
                assert ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET) == 0
            outcome.append(make())

        # A thread has namespaces of its own from then on, and ends with them.
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return outcome[0]

    def clean(self) -> None:
        """End it all, and remove the cgroups of its containers, which no process is in any more."""
        # An init is gone only when all of its processes are, and so `unshare` waits for them.
        os.kill(self._inside, signal.SIGKILL)
        self._holder.wait()
        for process in filter(None, (self._daemon, self._containerd)):
            process.wait()
        for parent in Path("/sys/fs/cgroup").glob(f"**/{self._root.name}"):
            for directory, _, _ in os.walk(parent, topdown=False):
                Path(directory).rmdir()

    def _run(self, *command: str) -> "subprocess.Popen[bytes]":
        path = f"{self._binary.parent}:{os.environ.get('PATH', '')}"
        with (self._root / "log").open("ab") as log:
            return subprocess.Popen(self.enter(*command), stdout=log, stderr=log, env={**os.environ, "PATH": path})

    def _answers(self) -> bool:
        try:
            with contextlib.closing(self.client()) as client:
                return bool(client.ping())
        except (DockerException, OSError):
            return False


@contextmanager
def own_engine(*options: str, mount: Sequence[str] = ()) -> Iterator[OwnEngine]:
    """A running engine of the test's own; `mount` are the arguments for mounting what its data is on."""
    binary = require_own_engine()
    # Sockets have short names only.
    root = Path(tempfile.mkdtemp(prefix="stackdeck-"))
    engine = OwnEngine(binary, root, "--max-download-attempts", "1", *options)
    try:
        if mount:
            (root / "data").mkdir()
            subprocess.run(engine.enter("mount", *mount, str(root / "data")), check=True)
        engine.start()
        engine.load()
        yield engine
    finally:
        engine.clean()
        shutil.rmtree(root)


def _root_of_programs() -> bytes:
    """The file system of a container with a few of this machine's programs, and the libraries that they need."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        programs = [path for name in PROGRAMS if (path := shutil.which(name))]
        for program in programs:
            tar.add(program, f"bin/{Path(program).name}")
        said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
        for library in sorted({word for word in said.split() if word.startswith("/") and not word.endswith(":")}):
            tar.add(library, library.lstrip("/"))
    return archive.getvalue()
