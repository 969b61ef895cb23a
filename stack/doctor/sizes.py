"""How much there is: the database, its biggest tables, the volumes. Not a check, and asked rarely: it reads disks."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from stack.doctor.facts import Examined
from stack.findings import Failure

if TYPE_CHECKING:
    from stack.tables.catalogue import Table

T = TypeVar("T")

BIGGEST: Final = 5
"""Tables that are told of."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume of the project, by the engine's name for it; `size` is in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """What was measured: bytes of the database, None where nobody says; the biggest `tables` and `volumes` first."""

    database: int | None
    tables: "tuple[Table, ...]"
    volumes: tuple[Volume, ...]


async def measure(stack: Examined) -> Sizes:
    """Measure what can be measured of `stack`. What cannot be seen is left out: the checks say why."""
    tables = await _seen(_tables(stack)) or ()
    return Sizes(await _seen(_database(stack)), tables, await _seen(_volumes(stack)) or ())


async def _database(stack: Examined) -> int:
    return await (await stack.database()).size()


async def _tables(stack: Examined) -> "tuple[Table, ...]":
    tables = await (await stack.tables()).list()
    return tuple(sorted(tables, key=lambda table: table.bytes or 0, reverse=True)[:BIGGEST])


async def _volumes(stack: Examined) -> tuple[Volume, ...]:
    containers = await stack.containers()
    sizes = await containers.volume_sizes() if containers else {}
    return tuple(Volume(name, size) for name, size in sorted(sizes.items(), key=lambda item: -item[1]))


async def _seen(part: Awaitable[T]) -> T | None:
    try:
        return await part
    except Failure:
        return None
