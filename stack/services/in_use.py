"""What is written against what is in use: variables that a container was created with another value of. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from stack.services.compose.model import ComposeProject, Service
from stack.services.control import ServicesStatus, ServiceStatus

# What Postgres' and pgAdmin's images look at only while their volume is empty.
_AT_FIRST: Final = frozenset(
    f"environment.{name}"
    for name in (
        "POSTGRES_USER",
        "POSTGRES_PASSWORD",
        "POSTGRES_DB",
        "POSTGRES_INITDB_ARGS",
        "POSTGRES_HOST_AUTH_METHOD",
        "PGADMIN_DEFAULT_EMAIL",
        "PGADMIN_DEFAULT_PASSWORD",
    )
)


@dataclass(frozen=True, slots=True)
class StaleUse:
    """A variable that the container of a service has another value of than is written now.

    `key` is where it reaches the service, as in ``environment.POSTGRES_DB``, `change` what would change there, without
    secrets. Where `in_volume`, a new container would make no difference: the service looks at it only while its volume
    is empty.
    """

    service: str
    name: str
    key: str
    change: str
    in_volume: bool


def stale_uses(
    compose: ComposeProject, status: ServicesStatus, is_secret: Callable[[str], bool]
) -> tuple[StaleUse, ...]:
    """Return what the containers of `status` were created with another value of; `is_secret` knows variables."""
    services = {**compose.services, **compose.disabled}
    found = (
        use
        for container in status.services
        if container.container is not None and container.service in services
        for use in _of(compose, services[container.service], container, is_secret)
    )
    return tuple(dict.fromkeys(found))


def _of(
    compose: ComposeProject, service: Service, container: ServiceStatus, is_secret: Callable[[str], bool]
) -> Iterator[StaleUse]:
    keeps = any(mount.source for mount in service.volumes)
    changes: dict[str, list[str]] = {}
    for cause in container.causes:
        key, colon, change = cause.partition(": ")
        if colon:
            changes.setdefault(key, []).append(change)
    for key, said in changes.items():
        uses = {use.name: use.value for use in compose.uses if (use.service, use.key) == (service.name, key)}
        # Of several variables in one key, those whose value is new there.
        new = {name for name, value in uses.items() if value and any(value in change for change in said)}
        for name in new or uses:
            hidden = any(map(is_secret, uses))
            yield StaleUse(
                service.name,
                name,
                key,
                "changed" if hidden else ", ".join(said),
                in_volume=keeps and key in _AT_FIRST,
            )
