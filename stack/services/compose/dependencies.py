"""In which order services start and stop."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final

from stack.services.compose.model import Service

_SHOWN: Final = 10


class DependencyCycleError(ValueError):
    """Services that wait for each other; `cycle` begins and ends with the same one."""

    def __init__(self, cycle: tuple[str, ...]) -> None:
        """Take the names of the services, each of which depends on the next one."""
        shown = cycle if len(cycle) <= _SHOWN else (*cycle[:_SHOWN], "…")
        super().__init__(f"services depend on each other: {' → '.join(shown)}")
        self.cycle = cycle


def start_order(services: Mapping[str, Service]) -> tuple[str, ...]:
    """Return the names of `services`, dependencies first; what is free of order keeps the order of the file.

    Dependencies on services that are not among `services` order nothing.

    Raises:
        DependencyCycleError: there is no such order.
    """
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, service in services.items():
        sorter.add(name, *(dependency for dependency in service.depends_on if dependency in services))
    try:
        sorter.prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        raise DependencyCycleError(tuple(reversed(cycle))) from None
    place = {name: index for index, name in enumerate(services)}
    order: list[str] = []
    while ready := sorted(sorter.get_ready(), key=lambda name: place[name]):
        order += ready
        sorter.done(*ready)
    return tuple(order)


def stop_order(services: Mapping[str, Service]) -> tuple[str, ...]:
    """Return the names of `services`, dependents first.

    Raises:
        DependencyCycleError: there is no such order.
    """
    return tuple(reversed(start_order(services)))
