"""How an application of this stack pools its connections."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """The pool that the settings ask for; `timeout` and `recycle` are seconds."""

    size: int = 20
    max_overflow: int = 40
    timeout: float = 30
    recycle: int = 3600
    pre_ping: bool = True
