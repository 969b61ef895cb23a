"""Pulling an image: its progress in one line, the errors within the stream, and stopping in the middle."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypedDict, cast

from docker.errors import APIError

from stack.findings import Code, Failure, Finding, Fix, Progress
from stack.services.engine.connection import Engine
from stack.services.engine.errors import disk_full, words
from stack.services.engine.sdk import Client
from stack.services.engine.steps import PullImage
from stack.text import clean_line

_REPORT_SECONDS: Final = 0.1

_HINTS: Final = (
    (("manifest unknown", "not found"), Fix("Check the image's name and tag")),
    (("denied", "unauthorized"), Fix("Log in, where the image is private, or check its name", "docker login")),
    (("toomanyrequests", "rate limit"), Fix("The registry has had enough for now: log in, or wait", "docker login")),
    (("no matching manifest",), Fix("The image is not made for this machine: take another tag, or say `platform:`")),
    (
        ("no such host", "dial tcp", "timeout", "connection refused", "tls", "x509", "proxyconnect"),
        Fix("Check the network and the engine's proxy settings, then try again", "stackdeck up"),
    ),
)


class _Amounts(TypedDict, total=False):
    current: int
    total: int


class _Message(TypedDict, total=False):
    """One message of the stream, as ``docker pull`` shows them one a layer."""

    id: str
    status: str
    error: str
    progressDetail: _Amounts


@dataclass(slots=True)
class Layers:
    """How far a pull is, layer by layer, in bytes."""

    reference: str
    _sizes: dict[str, int] = field(default_factory=dict)
    _loaded: dict[str, int] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)

    def take(self, message: _Message) -> None:
        """Learn from one message of the stream."""
        layer, status = message.get("id", ""), message.get("status", "")
        if status in {"Pull complete", "Already exists"}:
            self._sizes.setdefault(layer, 0)
            self._loaded[layer] = self._sizes[layer]
            self._done.add(layer)
        elif status == "Pulling fs layer":
            self._sizes.setdefault(layer, 0)
        elif status == "Downloading":
            amounts = message.get("progressDetail", {})
            self._sizes[layer] = max(amounts.get("total", 0), self._sizes.get(layer, 0))
            self._loaded[layer] = amounts.get("current", 0)
        elif status in {"Download complete", "Verifying Checksum", "Extracting"}:
            self._loaded[layer] = self._sizes.get(layer, 0)

    @property
    def line(self) -> str:
        """All of it in a line."""
        total, loaded = sum(self._sizes.values()), sum(self._loaded.values())
        amount = f", {loaded / 1e6:.1f} of {total / 1e6:.1f} MB" if total else ""
        return f"Pulling {self.reference}: {len(self._done)} of {len(self._sizes)} layers{amount}"


async def pull_image(engine: Engine, step: PullImage, progress: Progress) -> None:
    """Pull an image, with a line of progress at most ten times a second.

    Cancelling stops the pull: the engine ends it when the connection closes.

    Raises:
        Failure: the registry or the engine refused it.
    """
    loop = asyncio.get_running_loop()
    stopped = threading.Event()

    def report(line: str) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(_unless(stopped, progress), line)

    progress(f"Pulling {clean_line(step.reference)}")
    try:
        await engine.call(lambda client: _pull(client, step, report, stopped))
    except APIError as error:
        raise pull_failed(step.reference, words(error)) from None
    finally:
        stopped.set()


def _unless(stopped: threading.Event, progress: Progress) -> Callable[[str], None]:
    def tell(line: str) -> None:
        if not stopped.is_set():
            progress(line)

    return tell


def _pull(client: Client, step: PullImage, report: Callable[[str], None], stopped: threading.Event) -> None:
    layers = Layers(clean_line(step.reference))
    last = 0.0
    for message in _messages(client, step):
        if stopped.is_set():
            # Leaving drops the response, which closes its connection.
            return
        if error := message.get("error"):
            raise pull_failed(step.reference, error)
        layers.take(message)
        now = time.monotonic()
        if now - last >= _REPORT_SECONDS:
            last = now
            report(layers.line)


def _messages(client: Client, step: PullImage) -> Iterator[_Message]:
    return cast("Iterator[_Message]", client.pull(step.reference, stream=True, decode=True, platform=step.platform))


def pull_failed(reference: str, evidence: str) -> Failure:
    """Return the failure of a pull that ended in `evidence`, the registry's or the engine's words."""
    lowered = evidence.lower()
    if "no space left on device" in lowered:
        return Failure(disk_full(f"pulling {reference}", evidence))
    hint = next((fix for marks, fix in _HINTS if any(mark in lowered for mark in marks)), None)
    return Failure(
        Finding(
            Code.IMAGE_PULL_FAILED,
            f"The image {reference} cannot be pulled",
            evidence,
            evidence=evidence,
            fixes=(hint or Fix("Try again", "stackdeck up"),),
        )
    )
