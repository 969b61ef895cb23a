"""A registry on the wire: as much of the distribution protocol as an engine needs to pull, and faults on demand.

https://distribution.github.io/distribution/spec/api/ has the requests and the errors' JSON.
"""

import gzip
import hashlib
import io
import json
import platform
import secrets
import ssl
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


@dataclass
class Answer:
    """What the registry says instead of what was asked for."""

    status: int
    code: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Registry:
    """A running registry at `address`; tests change its fields to make it fail.

    `trickle` is called before each piece of a layer. `waiting` is set by a request that `silent` holds back, and
    `gone` when the engine has closed the connection of a layer that was being sent.
    """

    address: str
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    refusals: dict[str, Answer] = field(default_factory=dict)
    silent: threading.Event | None = None
    waiting: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)
    trickle: Callable[[], object] = lambda: None
    damage: Callable[[bytes], bytes] = lambda content: content

    def add(self, name: str, *layers: bytes, tag: str = "1", architecture: str = ARCHITECTURE) -> str:
        """Take an image of `layers`, which are uncompressed archives, and return its reference."""
        packed = [gzip.compress(layer, compresslevel=1, mtime=0) for layer in layers]
        config = json.dumps(
            {
                "architecture": architecture,
                "os": "linux",
                "config": {"Entrypoint": ["/bin/sleep", "1000"]},
                "rootfs": {"type": "layers", "diff_ids": [_digest(layer) for layer in layers]},
            }
        ).encode()
        body = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._blob(_CONFIG, config),
            "layers": [self._blob(_LAYER, content) for content in packed],
        }
        self._manifest(name, tag, _MANIFEST, body)
        return f"{self.address}/{name}:{tag}"

    def add_list(self, name: str, architecture: str) -> str:
        """Take an image for `architecture` alone, as a list of manifests, and return its reference."""
        self.add(name, layer(1), tag="single", architecture=architecture)
        _, body = self.manifests[name, "single"]
        entry = {"mediaType": _MANIFEST, "size": len(body), "digest": _digest(body)}
        entry["platform"] = {"architecture": architecture, "os": "linux"}
        self._manifest(name, "1", _LIST, {"schemaVersion": 2, "mediaType": _LIST, "manifests": [entry]})
        return f"{self.address}/{name}:1"

    def _blob(self, kind: str, content: bytes) -> dict[str, object]:
        self.blobs[_digest(content)] = content
        return {"mediaType": kind, "size": len(content), "digest": _digest(content)}

    def _manifest(self, name: str, tag: str, kind: str, body: dict[str, object]) -> None:
        content = json.dumps(body).encode()
        self.manifests[name, tag] = self.manifests[name, _digest(content)] = (kind, content)


def layer(size: int) -> bytes:
    """An archive with one file of `size` bytes that do not compress."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(f"file-{secrets.token_hex(4)}")
        entry.size = size
        tar.addfile(entry, io.BytesIO(secrets.token_bytes(size)))
    return archive.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def registry(host: str = "127.0.0.1", certificate: Path | None = None) -> Iterator[Registry]:
    """A registry on `host`, without TLS unless it has a `certificate` with its key."""
    served: list[Registry] = []

    class Handler(_Handler):
        def setup(self) -> None:
            self.registry = served[0]
            super().setup()

    server = _Server((host, 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    served.append(Registry(f"{host}:{server.server_port}"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield served[0]
    finally:
        if silent := served[0].silent:
            silent.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        """Say nothing: engines close connections, and try TLS first."""


class _Handler(BaseHTTPRequestHandler):
    registry: Registry
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class calls it so
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/v2/":
            self._send(200, "application/json", b"{}")
            return
        name, _, rest = path.removeprefix("/v2/").partition("/manifests/" if "/manifests/" in path else "/blobs/")
        if refused := self.registry.refusals.get(name):
            body = json.dumps({"errors": [{"code": refused.code, "message": refused.message}]}).encode()
            self._send(refused.status, "application/json", body, refused.headers)
        elif "/manifests/" in path:
            self._hold_back()
            kind, content = self.registry.manifests.get((name, rest), ("", b""))
            if kind:
                self._send(200, kind, content, {"Docker-Content-Digest": _digest(content)})
            else:
                unknown = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
                self._send(404, "application/json", unknown)
        else:
            self._blob(rest)

    def _hold_back(self) -> None:
        if self.registry.silent:
            self.registry.waiting.set()
            self.registry.silent.wait()

    def _blob(self, digest: str) -> None:
        content = self.registry.blobs[digest]
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if content[:2] != b"\x1f\x8b":
            self.wfile.write(content)
            return
        content = self.registry.damage(content)
        try:
            for start in range(0, len(content), 1 << 16):
                self.registry.trickle()
                self.wfile.write(content[start : start + (1 << 16)])
        except OSError:
            self.registry.gone.set()
        finally:
            self.close_connection = True

    def _send(self, status: int, kind: str, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Distribution-API-Version", "registry/2.0")
        for header, value in (headers or {}).items():
            self.send_header(header, value)
        self.end_headers()
        if self.command != "HEAD":
            with suppress(OSError):
                self.wfile.write(content)
