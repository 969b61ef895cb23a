"""What a container has used lately: the newest sample, and a short history of each figure."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from stack.services.control import Usage

HISTORY: Final = 120
"""Samples that are kept: a few minutes."""


def _samples() -> deque[float]:
    return deque(maxlen=HISTORY)


@dataclass(slots=True)
class UsageHistory:
    """The samples of one container. `cpu` is in cores, `memory` in bytes, `network` and `disk` in bytes a second."""

    latest: Usage | None = None
    cpu: deque[float] = field(default_factory=_samples)
    memory: deque[float] = field(default_factory=_samples)
    network: deque[float] = field(default_factory=_samples)
    disk: deque[float] = field(default_factory=_samples)

    def add(self, sample: Usage) -> None:
        """Take the newest sample; one of another container starts over."""
        if self.latest is not None and self.latest.container != sample.container:
            self.clear()
        self.latest = sample
        self.cpu.append(sample.cpu)
        self.memory.append(float(sample.memory))
        self.network.append(sample.received + sample.sent)
        self.disk.append(sample.read + sample.written)

    def clear(self) -> None:
        """Forget everything."""
        self.latest = None
        for figures in (self.cpu, self.memory, self.network, self.disk):
            figures.clear()
