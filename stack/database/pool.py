"""What an engine's pool holds at this moment."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import QueuePool

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """Counts of connections; `overflow` open ones are beyond `size`. `max_overflow` is -1 where there is no limit."""

    size: int
    max_overflow: int
    checked_out: int
    idle: int
    overflow: int


def pool_status(engine: "AsyncEngine") -> PoolStatus:
    """Return what the pool of `engine` holds, without touching the server.

    Raises:
        TypeError: the engine has no pool of a bounded size.
    """
    pool = engine.pool
    if not isinstance(pool, QueuePool):
        raise TypeError(f"{type(pool).__name__} keeps no counts")
    return PoolStatus(
        size=pool.size(),
        max_overflow=pool._max_overflow,  # noqa: SLF001 - SQLAlchemy has no public name for it
        checked_out=pool.checkedout(),
        idle=pool.checkedin(),
        overflow=max(0, pool.overflow()),  # SQLAlchemy counts up from -size
    )
