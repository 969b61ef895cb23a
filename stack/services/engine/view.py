"""What a snapshot says of a project's services, as everybody sees it. Pure."""

from collections.abc import Iterable

from stack.services.compose.model import ComposeProject, Service
from stack.services.control import Health, ServiceStatus, State
from stack.services.engine.observe import Observed, ObservedContainer
from stack.services.engine.plan import outdated
from stack.services.engine.selection import every_service


def statuses(
    project: ComposeProject, observed: Observed, services: Iterable[Service] = ()
) -> tuple[ServiceStatus, ...]:
    """Return how `services` stand, all of the file where none is given: one for each container, or one without."""
    chosen = tuple(services) or tuple(every_service(project).values())
    return tuple(
        status
        for service in chosen
        for status in (
            [_status(project, observed, container) for container in observed.of(service.name)]
            or [ServiceStatus(service.name, None, service.image, State.ABSENT, Health.NONE)]
        )
    )


def _status(project: ComposeProject, observed: Observed, container: ObservedContainer) -> ServiceStatus:
    return ServiceStatus(
        service=container.service,
        container=container.name,
        image=container.image,
        state=container.state,
        health=container.health,
        ports=container.ports,
        causes=outdated(project, observed, container),
    )
