"""Which service of a Compose project is its database, and where that database is to be reached."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from stack.environment.url import DatabaseURL
from stack.findings import Code, Failure, Finding, Fix
from stack.services.compose.model import ComposeProject, MountType, Port, Service
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


def published_url(compose: ComposeProject, service: Service) -> DatabaseURL | None:
    """Return where this machine reaches the database in `service`; None where no single port of it is published.

    Its password may be in a file, which is read.
    """
    port = next((port for port in service.ports if port.target == PORT and port.protocol == "tcp"), None)
    if port is None or port.published is None or not port.published.isdecimal():
        return None
    environment = service.environment
    user = environment.get("POSTGRES_USER") or "postgres"
    password = environment.get("POSTGRES_PASSWORD") or _password_in_file(compose, service)
    return DatabaseURL(
        host=_host(port),
        port=int(port.published),
        database=environment.get("POSTGRES_DB") or user,
        user=user,
        password=SecretStr(password) if password else None,
    )


def reachable_url(compose: ComposeProject, service: Service) -> DatabaseURL:
    """Return where this machine reaches the database in `service`, as `published_url` does.

    Raises:
        Failure: no single port of it is published.
    """
    url = published_url(compose, service)
    if url is None:
        raise Failure(_unpublished(service))
    return url


def _unpublished(service: Service) -> Finding:
    given = any(port.target == PORT and port.protocol == "tcp" for port in service.ports)
    how = f"leaves it to the engine which port of this machine leads to its {PORT}" if given else "publishes no port"
    return Finding(
        Code.DATABASE_UNREACHABLE,
        f"{service.name} is not to be reached from this machine",
        f"In the Compose file it {how}, and the settings name no database either.",
        fixes=(
            Fix(f'Write under ports: of {service.name} in the Compose file: "127.0.0.1:{PORT}:{PORT}"'),
            Fix("Say with APP_DB_URL where else it is to be reached"),
        ),
    )


def _password_in_file(compose: ComposeProject, service: Service) -> str | None:
    """Return the password in the file of this machine that the service sees as POSTGRES_PASSWORD_FILE."""
    path = service.environment.get("POSTGRES_PASSWORD_FILE")
    binds = (mount for mount in service.volumes if mount.type is MountType.BIND)
    file = next((Path(mount.source) for mount in binds if mount.source and mount.target == path), None)
    for mount in service.secrets:
        if mount.target == path and mount.source in compose.secrets:
            file = compose.secrets[mount.source].file
    try:
        # As the image reads it: without the line ends behind it.
        return file.read_text(encoding="utf-8").rstrip("\n") if file else None
    except (OSError, UnicodeDecodeError):
        return None


def from_this_machine(url: DatabaseURL, compose: ComposeProject) -> DatabaseURL:
    """Return `url` as this machine reaches it: the name of a service means something only among the containers."""
    service = compose.services.get(url.host)
    published = published_url(compose, service) if service else None
    return replace(url, host=published.host, port=published.port) if published else url


def _host(port: Port) -> str:
    """Return the address on this machine's loopback where the port was published on all addresses."""
    address = port.host_ip or "0.0.0.0"  # noqa: S104 - what no address means; nothing is bound here
    return _LOOPBACK.get(address, address)
