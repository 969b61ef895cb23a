"""How long a migration may wait and work, and how often it is tried again for a lock."""

from dataclasses import dataclass
from typing import Final

LOCK_TIMEOUT: Final = 5.0
"""Seconds that a statement waits for a lock. Whoever comes after it to the same table waits behind it meanwhile."""

STATEMENT_TIMEOUT: Final = 3600.0
"""Seconds that a statement may take."""

TRIES: Final = 6
"""How often a step is tried that did not get a lock."""

_LONGEST_PAUSE: Final = 30.0

_RETRIED: Final = frozenset({"55P03", "40P01"})


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of each step, in seconds; 0 is none. A step that did not get a lock is tried `tries` times."""

    lock_timeout: float = LOCK_TIMEOUT
    statement_timeout: float = STATEMENT_TIMEOUT
    tries: int = TRIES


def pause_after(tries: int) -> float:
    """Return the seconds to wait after that many `tries`: twice as long each time."""
    return min(2.0 ** (tries - 1), _LONGEST_PAUSE)


def is_lock_failure(sqlstate: str | None) -> bool:
    """Say whether a step failed for a lock of another session: lock_not_available, or deadlock_detected."""
    return sqlstate in _RETRIED
