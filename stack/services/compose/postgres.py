"""Which service of a Compose project is its database, and where that database is to be reached."""

import re
from dataclasses import replace
from typing import Final

from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Fix
from stack.services.compose.model import ComposeProject, Port, Service
from stack.text import SecretStr

PORT: Final = 5432

_IMAGES: Final = re.compile(
    r"(?:.*/)?(?:postgres|postgresql|postgis|timescaledb|timescaledb-ha|timescaledb-postgis|pgvector|pgvecto-rs|citus"
    r"|supabase-postgres|alloydbomni|paradedb|edb-postgres|postgres-ssl|spilo(?:-[0-9]+)?)"
)
_ADMINISTERS: Final = ("POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE", "POSTGRES_HOST_AUTH_METHOD")
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, never bound


def postgres_service(compose: ComposeProject, name: str | None) -> Service:
    """Return the service that is the database: the one called `name`, else the one whose image and variables say so.

    Where none has both, one of them will do: a backup's service has the image alone, a server built here the variables.

    Raises:
        Failure: there is none, or none of that name.
    """
    if name is not None:
        service = compose.services.get(name) or compose.disabled.get(name)
        if service is None:
            raise _none(f"the settings name the service {name}, the Compose file has {_names(compose)}")
        return service
    services = (*compose.services.values(), *compose.disabled.values())
    for is_database in (_has_both, _has_image, _has_variables):
        for service in services:
            if is_database(service):
                return service
    raise _none(f"none of its services has a Postgres image or POSTGRES_PASSWORD; it has {_names(compose)}")


def _has_both(service: Service) -> bool:
    return _has_image(service) and _has_variables(service)


def _has_image(service: Service) -> bool:
    return bool(_IMAGES.fullmatch(_repository(service.image or "")))


def _has_variables(service: Service) -> bool:
    return any(name in service.environment for name in _ADMINISTERS)


def _repository(image: str) -> str:
    """Return an image reference without its tag and digest."""
    repository = image.partition("@")[0]
    path, separator, tag = repository.rpartition(":")
    return path if separator and "/" not in tag else repository


def _names(compose: ComposeProject) -> str:
    return ", ".join((*compose.services, *compose.disabled)) or "none"


def _none(cause: str) -> Failure:
    return Failure(
        Finding(
            Code.COMPOSE_NO_POSTGRES,
            "The Compose file has no Postgres service",
            cause,
            fixes=(
                Fix('Name the service under [tool.stackdeck] in pyproject.toml: service = "NAME"'),
                Fix("Point DATABASE_URL at a server that runs elsewhere"),
            ),
        )
    )


def published_url(service: Service) -> DatabaseURL | None:
    """Return where this machine reaches the database in `service`; None where no single port of it is published."""
    port = next((port for port in service.ports if port.target == PORT and port.protocol == "tcp"), None)
    if port is None or port.published is None or not port.published.isdecimal():
        return None
    environment = service.environment
    user = environment.get("POSTGRES_USER") or "postgres"
    password = environment.get("POSTGRES_PASSWORD")
    return DatabaseURL(
        host=_host(port),
        port=int(port.published),
        database=environment.get("POSTGRES_DB") or user,
        user=user,
        password=SecretStr(password) if password else None,
    )


def from_this_machine(url: DatabaseURL, compose: ComposeProject) -> DatabaseURL:
    """Return `url` as this machine reaches it: the name of a service means something only among the containers."""
    service = compose.services.get(url.host)
    published = published_url(service) if service else None
    return replace(url, host=published.host, port=published.port) if published else url


def _host(port: Port) -> str:
    """Return the address on this machine's loopback where the port was published on all addresses."""
    address = port.host_ip or "0.0.0.0"  # noqa: S104 - what no address means; nothing is bound here
    return _LOOPBACK.get(address, address)
