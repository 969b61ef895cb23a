"""Does pgAdmin come up, and let in who may? A project without it, or one that has stopped it, hears nothing of it."""

import re
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from stack.background import in_thread
from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Examined, Facts
from stack.doctor.fixes import bring_up, replacing, restart, weighed
from stack.doctor.stages import SERVICES
from stack.environment.edit import set_value
from stack.findings import Code, Failure, Finding, Fix, Progress
from stack.services.control import Health, State

if TYPE_CHECKING:
    from stack.doctor.pgadmin import PgAdminFixes, Where
    from stack.services.compose.model import Service

_ANY_EMAIL: Final = "admin@example.com"
"""An address that pgAdmin takes, on a domain that is nobody's (RFC 2606)."""

_AT_REST: Final = Passed("pgAdmin does not run")
_TARGET: Final = re.compile(r"->([0-9]+)/tcp")


async def _settings(facts: Facts) -> Passed:
    """Before it starts: what it would end of at once."""
    name = await facts.pgadmin_service()
    service = facts.stack.compose().services.get(name) if name else None
    if name is None or service is None:
        return Passed("No pgAdmin is to be started")
    from stack.doctor.pgadmin import judge_settings

    # What has started already tells in its log what it ended of.
    if await facts.pgadmin() is None and not await _is_said(facts):
        _raise(judge_settings(service.environment, _where(facts, name), await _fixes(facts, service)))
    return Passed("pgAdmin is given an account")


async def _runs(facts: Facts) -> Passed:
    name, container = await facts.pgadmin_service(), await facts.pgadmin()
    if name is None or container is None:
        return _AT_REST
    from stack.doctor.pgadmin import is_broken, judge_log

    if is_broken(container):
        fixes = await _fixes(facts, facts.service(name))
        finding = judge_log(await facts.pgadmin_log(), container, _where(facts, name), fixes)
        if finding.code is Code.SETTING_INVALID and await _is_said(facts):
            return Passed(f"{name} ended: the settings say why")
        raise Failure(finding)
    return Passed(f"{name} is running") if container.state is State.RUNNING else _AT_REST


async def _account(facts: Facts) -> Passed:
    name, container, containers = await facts.pgadmin_service(), await facts.pgadmin(), await facts.containers()
    if name is None or containers is None or container is None or container.state is not State.RUNNING:
        return _AT_REST
    from stack.doctor.pgadmin import EMAIL, judge_servers, knows_account, strange_account
    from stack.services.engine.pgadmin import DATABASE, LONGEST_DATABASE, read_accounts, server_hosts

    where = _where(facts, name)
    written = await containers.read_file(container.id, DATABASE, LONGEST_DATABASE)
    if accounts := read_accounts(written) if written else None:
        volume = next((mount.volume for mount in container.mounts if DATABASE.startswith(mount.target)), None)
        # In a thread, since deriving a hash takes a while, on purpose.
        if not await in_thread(lambda: knows_account(accounts, container.environment)):
            anew = (await _begin_anew(facts, name, volume),) if volume else ()
            raise Failure(strange_account(accounts, container.environment[EMAIL], where, volume, anew))
    file = container.environment.get("PGADMIN_SERVER_JSON_FILE") or "/pgadmin4/servers.json"
    if servers := await containers.read_file(container.id, file):
        _raise(judge_servers(server_hosts(servers), where))
    return Passed("pgAdmin knows its account and its servers")


async def _answers(facts: Facts) -> Passed:
    name, container = await facts.pgadmin_service(), await facts.pgadmin()
    if name is None or container is None or container.state is not State.RUNNING:
        return _AT_REST
    from stack.doctor.pgadmin import judge_port, no_answer
    from stack.services.web import pings, web_addresses

    services = await facts.services()
    status = next((it for it in services.services if it.service == name), None)
    if status is None or not (addresses := web_addresses(status, services.engine)):
        return Passed(f"{name} is published nowhere")
    if container.health is Health.STARTING or await pings(addresses[0]):
        return Passed(f"{name} is at {addresses[0]}")
    targets = tuple(int(found[1]) for port in status.ports if (found := _TARGET.search(port)))
    _raise(judge_port(targets, container, await facts.pgadmin_log(), _where(facts, name)))
    raise Failure(no_answer(addresses[0], container, _where(facts, name), restart(facts, name)))


async def _is_said(facts: Facts) -> bool:
    """Return whether the checks of the settings say already what is wrong with pgAdmin's address."""
    return any(it.name == "PGADMIN_EMAIL" and it.problem for it in (await facts.environment()).variables)


def _raise(finding: Finding | None) -> None:
    if finding:
        raise Failure(finding)


async def _fixes(facts: Facts, service: "Service") -> "PgAdminFixes":
    from stack.doctor.pgadmin import PgAdminFixes

    up = bring_up(facts.stack, service.name)
    account = _give_account(facts.stack, service, up if await facts.pgadmin() else None)
    return PgAdminFixes(tuple(account), Fix(f"Start {service.name} again", f"stackdeck up {service.name}", apply=up))


def _give_account(
    stack: Examined, service: "Service", up: Callable[[Progress], Awaitable[None]] | None
) -> Iterator[Fix]:
    """Yield the fix that writes what pgAdmin would not take of its account; what has ended by it is brought `up`."""
    from stack.doctor.pgadmin import EMAIL, PASSWORD, has_password, takes_email
    from stack.environment.template import generate_password
    from stack.services.compose.written import variable_of

    wanted: dict[str | None, str] = {}
    if not takes_email(service.environment):
        wanted[variable_of(service, EMAIL)] = _ANY_EMAIL
    if not has_password(service.environment):
        wanted[variable_of(service, PASSWORD)] = generate_password()
    written = {name: value for name, value in wanted.items() if name}
    # A value that is in no variable is in the Compose file, which is a person's.
    if len(written) < len(wanted):
        return
    file = stack.project.env_file.name

    async def apply(progress: Progress) -> None:
        for name, value in written.items():
            await in_thread(partial(set_value, stack.project, name, value))
            progress(f"wrote {name} to {file}")
        if up:
            await stack.reload()
            await up(progress)

    shown = [f"{name}={value}" if value == _ANY_EMAIL else f"a generated {name}" for name, value in written.items()]
    title = f"Write {' and '.join(shown)} to {file}" if shown else f"Take what {file} says now"
    yield Fix(f"{title}, and start {service.name} with it" if up else title, apply=apply)


async def _begin_anew(facts: Facts, name: str, volume: str) -> Fix:
    weight = await weighed(facts, volume)
    title = f"Delete the volume {volume}: pgAdmin begins anew, without its preferences and saved queries"
    return replacing(facts.stack, name, volume, weight, f"{title}; the database is not touched")


def _where(facts: Facts, name: str) -> "Where":
    from stack.doctor.pgadmin import Where

    return Where(name, facts.stack.database_service(), facts.stack.project.env_file.name)


CHECKS: Final[tuple[Check[Facts], ...]] = (
    Check("pgadmin-settings", SERVICES, "pgAdmin's account", ("compose-file", "environment"), _settings),
    Check("pgadmin", SERVICES, "pgAdmin", ("pgadmin-settings",), _runs),
    Check("pgadmin-account", SERVICES, "Signing in to pgAdmin", ("pgadmin",), _account),
    Check("pgadmin-answers", SERVICES, "pgAdmin's page", ("pgadmin",), _answers),
)
