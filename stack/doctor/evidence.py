"""What a bug report tells of a project: gathered once, each part within some seconds or with the reason why not."""

import asyncio
import os
import platform
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final, TypeVar

from stack import VERSION
from stack.doctor.facts import Examined
from stack.findings import Failure, Finding
from stack.services.control import LogLine, PlanStep, ProbeRun, Pull, ServicesStatus
from stack.services.runtime import RuntimeInUse

if TYPE_CHECKING:
    from stack.doctor.examination import Report
    from stack.environment.report import EnvironmentReport

T = TypeVar("T")

PATIENCE: Final = 5.0
"""Seconds for each part."""

LOG_LINES: Final = 50
"""Of each service."""

LIBRARIES: Final = ("textual", "rich", "sqlalchemy", "psycopg", "alembic", "docker", "pydantic-settings")


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a report tells. Where a part could not be had, the words why stand in its place."""

    made: datetime
    versions: tuple[tuple[str, str], ...]
    runtime: RuntimeInUse | str
    url: str
    report: "Report"
    environment: "EnvironmentReport"
    services: ServicesStatus | str
    plan: tuple[PlanStep, ...] | str
    probes: tuple[tuple[str, ProbeRun], ...]
    log: tuple[LogLine, ...] | str


async def gather(
    stack: Examined, report: "Report", environment: "EnvironmentReport", environ: Mapping[str, str]
) -> Evidence:
    """Ask for everything at once, beside the `report` of the checks and the `environment` that are there already."""
    runtime, services, plan, log, versions = await asyncio.gather(
        _seen(stack.runtime()),
        _seen(_services(stack)),
        _seen(_plan(stack)),
        _seen(_log(stack)),
        _versions(stack, environ),
    )
    engine = services if isinstance(services, str) else services.engine.version or "does not answer"
    return Evidence(
        made=datetime.now(UTC),
        versions=(*versions, ("Engine", engine)),
        runtime=runtime,
        url=_url(stack),
        report=report,
        environment=environment,
        services=services,
        plan=plan,
        probes=() if isinstance(services, str) else await _probes(stack, services),
        log=log,
    )


async def _versions(stack: Examined, environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    postgres, api, compose = await asyncio.gather(
        _seen(_postgres(stack)), _seen(_api(stack)), _seen(_compose_plugin(environ))
    )
    return (
        ("Stackdeck", VERSION),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("System", platform.platform()),
        ("Terminal", f"{environ.get('TERM', 'none')}, {environ.get('LANG', 'no LANG')}"),
        *((name, _installed(name)) for name in LIBRARIES),
        ("PostgreSQL", postgres),
        ("Compose plugin", compose),
        ("Engine API", api),
    )


async def _seen(part: Awaitable[T]) -> T | str:
    try:
        return await asyncio.wait_for(part, PATIENCE)
    except Failure as failure:
        return _words(failure.finding)
    except TimeoutError:
        return f"No answer within {PATIENCE:g} s"
    except OSError as error:
        return error.strerror or type(error).__name__


def _words(finding: Finding) -> str:
    return f"{finding.title}. {finding.cause}"


async def _services(stack: Examined) -> ServicesStatus:
    return await (await stack.services()).status()


async def _plan(stack: Examined) -> tuple[PlanStep, ...]:
    return (await (await stack.services()).plan((), pull=Pull.MISSING)).plan


async def _log(stack: Examined) -> tuple[LogLine, ...]:
    services = await stack.services()
    return tuple([line async for line in services.logs((), tail=LOG_LINES, since=None)])


async def _probes(stack: Examined, status: ServicesStatus) -> tuple[tuple[str, ProbeRun], ...]:
    """Return the last run of each health check."""

    async def last(service: str) -> tuple[ProbeRun, ...]:
        return (await (await stack.services()).probes(service))[-1:]

    names = [service.service for service in status.services if service.container]
    found = await asyncio.gather(*(_seen(last(name)) for name in names))
    return tuple(
        (name, run) for name, runs in zip(names, found, strict=True) if isinstance(runs, tuple) for run in runs
    )


async def _postgres(stack: Examined) -> str:
    return (await (await stack.database()).ping()).server_version


async def _api(stack: Examined) -> str:
    containers = await stack.containers()
    return await containers.api_version() if containers else "no engine is in use"


async def _compose_plugin(environ: Mapping[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *("docker", "compose", "version", "--short"),
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return printed.decode(errors="replace").strip() if process.returncode == os.EX_OK else "not installed"


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _url(stack: Examined) -> str:
    try:
        return stack.address().masked
    except Failure as failure:
        return _words(failure.finding)
