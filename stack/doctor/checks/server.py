"""Does the project's own server run, and well?"""

from typing import Final

from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Examined, Facts
from stack.doctor.stages import SERVICES
from stack.findings import Code, Failure, Finding, Fix, Progress
from stack.project import RuntimeName
from stack.services.control import Health, Pull, ServiceStatus, State

UP_TIMEOUT: Final = 300.0
"""Seconds; a first start may pull an image."""


async def _services(facts: Facts) -> Passed:
    runtime = await facts.runtime()
    if runtime.name is RuntimeName.EXTERNAL:
        return Passed(f"Nothing to start: {runtime.reason}")
    name = facts.stack.database_service()
    status = await facts.services()
    service = next((service for service in status.services if service.service == name), None)
    if service and service.state is State.RUNNING and service.health in {Health.HEALTHY, Health.NONE}:
        return Passed(f"{name} is running{', healthy' if service.health is Health.HEALTHY else ''}")
    raise Failure(_not_running(facts.stack, name, service))


def _not_running(stack: Examined, name: str, service: ServiceStatus | None) -> Finding:
    async def start(progress: Progress) -> None:
        await stack.up((name,), pull=Pull.MISSING, timeout=UP_TIMEOUT, progress=progress)

    fix = Fix(f"Start {name} and wait until it answers", f"stackdeck up {name}", apply=start)
    read_log = Fix(f"Read the log of {name}", f"stackdeck logs {name} --tail 50")
    if service is None or service.state is State.ABSENT:
        return Finding(
            Code.SERVICE_NOT_RUNNING, f"{name} has no container yet", "The database does not run.", fixes=(fix,)
        )
    if service.state is not State.RUNNING:
        return Finding(
            Code.SERVICE_NOT_RUNNING, f"{name} is {service.state.value}", "The database does not run.", fixes=(fix,)
        )
    if service.health is Health.STARTING:
        return Finding(
            Code.DATABASE_STARTING, f"{name} is still starting", "Its health check has not passed yet.", fixes=(fix,)
        )
    cause = "It runs, but its health check fails; its log says why."
    return Finding(Code.SERVICE_UNHEALTHY, f"{name} is unhealthy", cause, fixes=(read_log, fix))


CHECKS: Final[tuple[Check[Facts], ...]] = (
    Check("services", SERVICES, "Database server", ("runtime", "environment"), _services),
)
