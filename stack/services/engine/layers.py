"""How far pulls are, layer by layer: what the engine's messages say, added up. Nothing here touches the engine."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypedDict

from stack.findings import Gauge, Unit
from stack.text import clean_line

_RATE_SECONDS: Final = 3.0
"""Over how long the rate is taken: long enough to be steady, short enough to show that nothing comes any more."""


class Amounts(TypedDict, total=False):
    """How far one layer is. With `units`, as newer engines count extracting, it is no number of bytes."""

    current: int
    total: int
    units: str


class Message(TypedDict, total=False):
    """One message of ``POST /images/create``; `id` is a layer's short digest, or the tag."""

    id: str
    status: str
    error: str
    progressDetail: Amounts


class _Phase(Enum):
    WAITING = auto()
    DOWNLOADING = auto()
    EXTRACTING = auto()
    DONE = auto()


@dataclass(slots=True)
class _Layer:
    """One layer: `size` and `loaded` are compressed bytes, and so is `extracted` where the engine tells it."""

    name: str
    phase: _Phase = _Phase.WAITING
    size: int | None = None
    loaded: int = 0
    extracted: int = 0

    @property
    def gauge(self) -> Gauge:
        if self.phase is _Phase.DONE:
            # One that was here already, or too small to be told about, has no size.
            return Gauge(self.name, self.size, self.size) if self.size else Gauge(self.name, 1, 1, Unit.STEPS)
        if self.phase is _Phase.EXTRACTING:
            return Gauge(f"{self.name} extracting", self.extracted, self.size)
        return Gauge(self.name, self.loaded, self.size)


@dataclass(slots=True)
class Layers:
    """How far the pulls of `references` are; a layer that several of them share counts once.

    Threads may take messages while another one reports.
    """

    references: Sequence[str]
    _layers: dict[str, _Layer] = field(default_factory=dict)
    _samples: deque[tuple[float, int]] = field(default_factory=deque)
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def take(self, message: Message) -> None:
        """Learn from one message of a stream."""
        with self._changing:
            self._take(message.get("id", ""), message.get("status", ""), message.get("progressDetail", {}))

    def _take(self, name: str, status: str, amounts: Amounts) -> None:
        if status in {"Pulling fs layer", "Already exists"}:
            self._layers.setdefault(name, _Layer(clean_line(name)))
        layer = self._layers.get(name)
        if layer is None or layer.phase is _Phase.DONE:
            return
        match status:
            case "Pull complete" | "Already exists":
                layer.phase, layer.loaded = _Phase.DONE, layer.size or 0
            case "Downloading":
                layer.phase = _Phase.DOWNLOADING
                layer.loaded = amounts.get("current", 0)
                layer.size = max(amounts.get("total", 0), layer.size or 0) or None
            case "Verifying Checksum" | "Download complete":
                layer.loaded = layer.size or 0
            case "Extracting":
                layer.phase, layer.loaded = _Phase.EXTRACTING, layer.size or 0
                layer.extracted = 0 if "units" in amounts else amounts.get("current", 0)
            case _ if status.startswith("Retrying"):
                # The engine begins this layer anew.
                layer.phase, layer.loaded = _Phase.WAITING, 0
            case _:
                pass

    def report(self, now: float) -> tuple[str, tuple[Gauge, ...]]:
        """Return all of it in a line, and as gauges, at `now` of `time.monotonic`.

        The first gauge is the whole: the bytes of all layers whose size is known by now, so its total grows while the
        engine gets to further layers. The others are the layers, which are downloaded first and then extracted.
        """
        with self._changing:
            layers = [_Layer(it.name, it.phase, it.size, it.loaded, it.extracted) for it in self._layers.values()]
        loaded, total = sum(it.loaded for it in layers), sum(it.size or 0 for it in layers)
        rate = self._rate(now, loaded)
        done = sum(it.phase is _Phase.DONE for it in layers)
        line = f"Pulling {self._name}: {done} of {len(layers)} layers{_amount(loaded, total, rate)}"
        return line, (Gauge(self._name, loaded, total or None, rate=rate), *(layer.gauge for layer in layers))

    @property
    def _name(self) -> str:
        if len(self.references) == 1:
            return clean_line(self.references[0])
        return f"{len(self.references)} images"

    def _rate(self, now: float, loaded: int) -> float | None:
        self._samples.append((now, loaded))
        while now - self._samples[0][0] > _RATE_SECONDS and len(self._samples) > 2:
            self._samples.popleft()
        began, before = self._samples[0]
        return max(0.0, (loaded - before) / (now - began)) if now > began else None


def _amount(loaded: int, total: int, rate: float | None) -> str:
    if not total:
        return ""
    speed = f", {rate / 1e6:.1f} MB/s" if rate and loaded < total else ""
    return f", {loaded / 1e6:.1f} of {total / 1e6:.1f} MB{speed}"
