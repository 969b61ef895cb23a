"""One look at everything, for whoever wants to know how it stands and not what to do about it."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from stack.doctor.facts import Examined
from stack.findings import Failure, Finding
from stack.services.control import EngineStatus, ServicesStatus, ServiceStatus

if TYPE_CHECKING:
    from stack.database.pool import PoolStatus
    from stack.database.probe import Ping
    from stack.migrations.status import MigrationStatus

T = TypeVar("T")

NO_ENGINE: Final = EngineStatus(reachable=False, endpoint=None, source=None, version=None)


@dataclass(frozen=True, slots=True)
class Overview:
    """One look at everything; what could not be seen is None, and `findings` say why."""

    engine: EngineStatus
    services: tuple[ServiceStatus, ...]
    url: str | None
    database: "Ping | None"
    pool: "PoolStatus"
    migrations: "MigrationStatus | None"
    findings: tuple[Finding, ...]


async def look(stack: Examined) -> Overview:
    """Look at every part of `stack` once; what cannot be seen becomes a finding."""
    from stack.database.pool import PoolStatus

    findings: list[Finding] = []

    async def seen(part: Awaitable[T]) -> T | None:
        try:
            return await part
        except Failure as failure:
            findings.extend(failure.findings)
            return None

    services = await seen(_services(stack))
    database = await seen(stack.database())
    ping = await seen(database.ping()) if database else None
    migrations = await seen(_migrations(stack)) if ping and stack.project.alembic else None
    findings += [*(services.findings if services else ()), *(migrations.findings if migrations else ())]
    return Overview(
        engine=services.engine if services else NO_ENGINE,
        services=services.services if services else (),
        url=database.url.masked if database else None,
        database=ping,
        pool=database.pool_status() if database else PoolStatus(0, 0, 0, 0, 0),
        migrations=migrations,
        findings=tuple(dict.fromkeys(findings)),
    )


async def _services(stack: Examined) -> ServicesStatus:
    return await (await stack.services()).status()


async def _migrations(stack: Examined) -> "MigrationStatus":
    return await (await stack.migrations()).status()
