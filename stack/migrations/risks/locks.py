"""Postgres' table locks, weakest first, and whom each keeps waiting.

From «Explicit Locking», table 13.2 (https://www.postgresql.org/docs/18/explicit-locking.html#LOCKING-TABLES), which is
the same for Postgres 15 to 18.
"""

from enum import Enum
from typing import Final


class Lock(Enum):
    """A lock of a table; the value is its name in SQL."""

    ACCESS_SHARE = "ACCESS SHARE"
    ROW_SHARE = "ROW SHARE"
    ROW_EXCLUSIVE = "ROW EXCLUSIVE"
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    SHARE = "SHARE"
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    EXCLUSIVE = "EXCLUSIVE"
    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"

    @property
    def mode(self) -> str:
        """Its name in ``pg_locks``."""
        return "".join(word.capitalize() for word in self.value.split()) + "Lock"

    @property
    def strength(self) -> int:
        """Its place among all, so that of two locks the greater is the one to speak of."""
        return list(Lock).index(self)

    def conflicts_with(self, other: "Lock") -> bool:
        """Say whether one session waits for this while another holds `other`."""
        return other in _CONFLICTS[self]

    @property
    def blocks_reads(self) -> bool:
        """Whether a SELECT waits."""
        return self.conflicts_with(Lock.ACCESS_SHARE)

    @property
    def blocks_writes(self) -> bool:
        """Whether INSERT, UPDATE and DELETE wait."""
        return self.conflicts_with(Lock.ROW_EXCLUSIVE)

    @property
    def blocks(self) -> str:
        """Whom it keeps waiting, in words."""
        if self.blocks_reads:
            return "all reads and writes"
        if self.blocks_writes:
            return "all writes"
        if self.conflicts_with(Lock.SHARE_UPDATE_EXCLUSIVE):
            return "other changes of the table, and VACUUM"
        return "changes of the table only"


_ALL: Final = frozenset(Lock)
_CONFLICTS: Final = {
    Lock.ACCESS_SHARE: {Lock.ACCESS_EXCLUSIVE},
    Lock.ROW_SHARE: {Lock.EXCLUSIVE, Lock.ACCESS_EXCLUSIVE},
    Lock.ROW_EXCLUSIVE: {Lock.SHARE, Lock.SHARE_ROW_EXCLUSIVE, Lock.EXCLUSIVE, Lock.ACCESS_EXCLUSIVE},
    Lock.SHARE_UPDATE_EXCLUSIVE: _ALL - {Lock.ACCESS_SHARE, Lock.ROW_SHARE, Lock.ROW_EXCLUSIVE},
    Lock.SHARE: _ALL - {Lock.ACCESS_SHARE, Lock.ROW_SHARE, Lock.SHARE},
    Lock.SHARE_ROW_EXCLUSIVE: _ALL - {Lock.ACCESS_SHARE, Lock.ROW_SHARE},
    Lock.EXCLUSIVE: _ALL - {Lock.ACCESS_SHARE},
    Lock.ACCESS_EXCLUSIVE: _ALL,
}
