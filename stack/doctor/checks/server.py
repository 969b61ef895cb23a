"""Does the project's own server run, and well?"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from stack.doctor.endings import ended, failed_script, out_of_memory, shared_memory
from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Facts
from stack.doctor.fixes import begin_anew, read_log, restart, start
from stack.doctor.stages import SERVICES
from stack.findings import Code, Failure, Finding, Fix, Severity
from stack.project import RuntimeName
from stack.services.compose.model import Service
from stack.services.compose.written import place
from stack.services.control import Health, State
from stack.services.engine.inspection import Inspection
from stack.text import clean, clean_line

_RESTARTS: Final = 2
_MOMENT: Final = timedelta(seconds=10)
_PROBE_LENGTH: Final = 200
_NAMED: Final = re.compile(r"(?:\s-(?P<short>[Ud])\s*|--(?P<long>username|dbname)[= ])[\"']?(?P<name>[\w$.-]+)")
_ENDED: Final = frozenset({State.EXITED, State.RESTARTING, State.DEAD})


def strangers_named(test: tuple[str, ...], environment: dict[str, str]) -> tuple[str, ...]:
    """Return the users and databases that a health check names and the image has not made by its variables."""
    user = environment.get("POSTGRES_USER") or "postgres"
    made = {user, "postgres", environment.get("POSTGRES_DB") or user}
    named = (found["name"] for found in _NAMED.finditer(f" {' '.join(test)}"))
    return tuple(dict.fromkeys(name for name in named if "$" not in name and name not in made))


def unhealthy(service: Service, server: Inspection, *, changed: bool, fixes: tuple[Fix, ...]) -> Finding:
    """Say why the health check fails: what it says, and whom it asks for; `changed` is whether the file has another."""
    last = server.probes[-1] if server.probes else None
    output = clean_line(last.output.strip())[:_PROBE_LENGTH] if last else ""
    status = f"It ends with status {last.exit_code}." if last else "It has not run yet."
    said = f"It says «{output}»." if output else status
    strangers = strangers_named(server.health_test, dict(server.environment))
    whom = f" It names {', '.join(strangers)}, which this database was not made with." if strangers else ""
    correct = (Fix(f"Correct the test in {place(service, strangers[0])}, then `stackdeck up`"),) if strangers else ()
    stale = " The Compose file says something else now: a container keeps the check that it was made with." * changed
    return Finding(
        Code.SERVICE_UNHEALTHY,
        f"{service.name} runs, but its health check fails",
        f"{said}{whom}{stale}",
        evidence=clean(last.output.strip()) or None if last else None,
        fixes=(*(() if changed else correct), *fixes),
    )


def is_looping(server: Inspection) -> bool:
    """Return whether the container runs only for the moment between two of its ends."""
    if server.restarts < _RESTARTS or server.state is not State.RUNNING or server.started_at is None:
        return False
    just_begun = datetime.now(UTC) - server.started_at < _MOMENT
    return server.health is Health.STARTING or (server.health is Health.NONE and just_begun)


async def _services(facts: Facts) -> Passed:
    runtime = await facts.runtime()
    if runtime.name is RuntimeName.EXTERNAL:
        return Passed(f"Nothing to start: {runtime.reason}")
    name, server = facts.stack.database_service(), await facts.server()
    if server is not None:
        state, health = server.state, server.health
    else:
        status = await facts.services()
        found = next((service for service in status.services if service.service == name), None)
        state, health = (found.state, found.health) if found else (State.ABSENT, Health.NONE)
    if state is State.RUNNING and health in {Health.HEALTHY, Health.NONE} and not (server and is_looping(server)):
        return Passed(f"{name} is running{', healthy' if health is Health.HEALTHY else ''}")
    raise Failure(await _not_well(facts, server, state))


async def _not_well(facts: Facts, server: Inspection | None, state: State) -> Finding:
    name = facts.stack.database_service()
    up = start(facts)
    if server is None:
        title = f"{name} has no container yet" if state is State.ABSENT else f"{name} is {state.value}"
        return Finding(Code.SERVICE_NOT_RUNNING, title, "The database does not run.", fixes=(up,))
    service = facts.database_service()
    match server.state:
        case State.EXITED | State.RESTARTING | State.DEAD if server.exit_code or server.state is not State.EXITED:
            return ended(service, server, await facts.last_run(), (up, read_log(name)))
        case State.RUNNING if is_looping(server):
            return ended(service, server, await facts.last_run(), (up, read_log(name)))
        case State.CREATED if server.error:
            cause = f"Its last start failed: {clean_line(server.error)}"
            return Finding(Code.SERVICE_NOT_RUNNING, f"{name} was created and never started", cause, fixes=(up,))
        case State.RUNNING if server.health is Health.STARTING:
            cause = "Its health check has not passed yet."
            return Finding(Code.DATABASE_STARTING, f"{name} is still starting", cause, fixes=(up,))
        case State.RUNNING:
            status = await facts.services()
            changed = any(it.outdated for it in status.services if it.service == name)
            recreate = start(facts, f"Recreate {name} as the Compose file says now")
            fixes = (recreate if changed else restart(facts, name), read_log(name))
            return unhealthy(service, server, changed=changed, fixes=fixes)
        case _:
            cause = "The database does not run."
            return Finding(Code.SERVICE_NOT_RUNNING, f"{name} is {server.state.value}", cause, fixes=(up,))


async def _scripts(facts: Facts) -> Passed:
    server, storage = await facts.server(), await facts.storage()
    if server is None:
        return Passed("Nothing has been initialised yet")
    name, log = facts.stack.database_service(), await facts.server_log()
    is_over = server.state in _ENDED
    if failed_script(name, log, (), is_over=is_over) is None:
        return Passed("No script of a first start has failed")
    # Only now, since weighing what would be lost takes the engine a while.
    anew = (await begin_anew(facts, storage.volume),) if storage and storage.volume else ()
    if finding := failed_script(name, log, anew, is_over=is_over):
        raise Failure(finding)
    return Passed("No script of a first start has failed")


async def _memory(facts: Facts) -> Passed:
    server = await facts.server()
    if server is None:
        return Passed("There is no container that could run out of memory")
    service = facts.database_service()
    if server.out_of_memory:
        raise Failure(
            replace(out_of_memory(service, server, (restart(facts, service.name),)), severity=Severity.WARNING)
        )
    if finding := shared_memory(service, server, await facts.server_log()):
        raise Failure(finding)
    return Passed(f"{service.name} has the memory that it needs")


CHECKS: Final[tuple[Check[Facts], ...]] = (
    Check("init-scripts", SERVICES, "Scripts of the first start", ("compose-file",), _scripts),
    Check(
        "services",
        SERVICES,
        "Database server",
        (
            "runtime",
            "environment",
            "engine-disk",
            "image",
            "container-name",
            "volume-mount",
            "superuser-password",
            "init-scripts",
            "ports",
        ),
        _services,
    ),
    Check("memory", SERVICES, "Memory", ("services",), _memory),
)
