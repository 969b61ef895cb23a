"""Which services an action is about, in the order in which they start. Pure."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from stack.findings import Code, Failure, Finding, Fix
from stack.services.compose.model import ComposeProject, Service
from stack.services.engine.observe import Observed, ObservedContainer


def with_dependencies(project: ComposeProject, names: Sequence[str]) -> tuple[Service, ...]:
    """Return what `up` of `names` is about, dependencies first; without names, all services that are enabled.

    Naming a service enables it, and with it its dependencies that have one of its profiles or none, as in Compose.

    Raises:
        Failure: there is no such service, or a required dependency is not enabled.
    """
    chosen: dict[str, Service] = {}
    waiting = list(named(project, names)) if names else list(project.services.values())
    while waiting:
        service = waiting.pop()
        if service.name in chosen:
            continue
        chosen[service.name] = service
        for dependency, terms in service.depends_on.items():
            found = project.services.get(dependency) or _enabled_by(service, project.disabled.get(dependency))
            if found is not None:
                waiting.append(found)
            elif terms.required:
                raise Failure(_dependency_disabled(service, dependency))
    return in_order(_without_absent(chosen))


def named(project: ComposeProject, names: Sequence[str]) -> tuple[Service, ...]:
    """Return just the services `names`, enabled or not.

    Raises:
        Failure: there is no such service.
    """
    everything = {**project.services, **project.disabled}
    unknown = [name for name in names if name not in everything]
    if unknown:
        raise Failure(_unknown(unknown[0], everything))
    return tuple(everything[name] for name in names)


def every_service(project: ComposeProject) -> Mapping[str, Service]:
    """Return all services of the file, the disabled ones too; the enabled ones are as an `up` of all makes them."""
    return {**_without_absent(project.services), **project.disabled}


def _without_absent(services: Mapping[str, Service]) -> Mapping[str, Service]:
    """Return `services` without what they would depend on if it were among them: Compose hashes and labels no more."""
    return {
        name: service
        if service.depends_on.keys() <= services.keys()
        else replace(service, depends_on={it: terms for it, terms in service.depends_on.items() if it in services})
        for name, service in services.items()
    }


def orphaned(project: ComposeProject, observed: Observed) -> tuple[ObservedContainer, ...]:
    """Return the containers of services that the file no longer has, those of ``docker compose run`` too."""
    known = every_service(project)
    everything = (*observed.containers, *observed.one_offs)
    return tuple(container for container in everything if container.service not in known)


def restarting_with(project: ComposeProject, services: Iterable[Service]) -> tuple[Service, ...]:
    """Return `services` and all that ``depends_on`` has restart with one of them, dependencies first."""
    chosen = {service.name: service for service in services}
    everything = every_service(project)
    while added := {
        name: service
        for name, service in everything.items()
        if name not in chosen and any(it.restart and other in chosen for other, it in service.depends_on.items())
    }:
        chosen |= added
    return in_order(chosen)


def in_order(services: Mapping[str, Service]) -> tuple[Service, ...]:
    """Return `services` with dependencies first, otherwise in the file's order.

    Raises:
        Failure: they depend on each other in a circle.
    """
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, service in services.items():
        sorter.add(name, *(dependency for dependency in service.depends_on if dependency in services))
    try:
        return tuple(services[name] for name in sorter.static_order())
    except CycleError as error:
        circle: list[str] = error.args[1]
        raise Failure(
            Finding(
                Code.COMPOSE_FILE_INVALID,
                "Services depend on each other in a circle",
                f"None of them can be the first to start: {' → '.join(circle)}.",
                fixes=(Fix("Take one of these out of depends_on"),),
            )
        ) from None


def _enabled_by(service: Service, other: Service | None) -> Service | None:
    return other if other is not None and set(other.profiles) & set(service.profiles) else None


def _unknown(name: str, known: Iterable[str]) -> Finding:
    close = difflib.get_close_matches(name, list(known), 1)
    return Finding(
        Code.SERVICE_UNKNOWN,
        f"There is no service {name}",
        f"The Compose file has {', '.join(known) or 'no services'}.",
        fixes=(Fix(f"Did you mean {close[0]}?"),) if close else (),
    )


def _dependency_disabled(service: Service, dependency: str) -> Finding:
    return Finding(
        Code.SERVICE_UNKNOWN,
        f"{service.name} needs {dependency}, which is not enabled",
        f"{dependency} is under a profile that is not active, or is not in the file at all.",
        fixes=(Fix(f"Name both: {service.name} and {dependency}"),),
    )
