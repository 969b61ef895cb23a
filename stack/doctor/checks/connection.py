"""Does the server let the application in, and is it the project's own?"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from stack.background import in_thread
from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Facts
from stack.doctor.stages import DATABASE
from stack.environment.assignments import Source
from stack.findings import Code, Failure, Finding
from stack.project import Project, RuntimeName
from stack.text import SecretStr

if TYPE_CHECKING:
    from stack.doctor.login import Listener, Server, Written
    from stack.doctor.login_fixes import LoginFixes
    from stack.environment.report import EnvironmentReport
    from stack.environment.url import DatabaseURL
    from stack.services.engine.inspection import Inspection

_FORWARDERS: Final = frozenset({"docker-proxy", "rootlesskit", "com.docker.backend", "ssh", "limactl"})
"""Programs that listen on a published port for an engine."""


async def _database(facts: Facts) -> Passed:
    try:
        ping = await facts.login()
    except Failure as failure:
        raise Failure(await _cause(facts, failure.finding)) from None
    return Passed(f"PostgreSQL {ping.server_version} answers in {ping.latency_ms:.1f} ms")


async def _cause(facts: Facts, refused: Finding) -> Finding:
    """Return why the log-in was refused, from what the runtime in use lets us see."""
    # Elsewhere the way to the doctor is good advice.
    refused = replace(refused, fixes=tuple(fix for fix in refused.fixes if fix.command != "stackdeck doctor"))
    match (await facts.runtime()).name:
        case RuntimeName.DOCKER:
            from stack.doctor.login import judge

            container = await facts.server()
            if container is None:
                return refused
            server, fixes = await _server(facts, container)
            return judge(refused, server, fixes)
        case RuntimeName.EMBEDDED:
            return await _embedded_cause(facts, refused)
        case RuntimeName.EXTERNAL:
            from stack.doctor.by_hand import by_hand

            return by_hand(refused, (await facts.stack.database()).url, _published(facts))


def _published(facts: Facts) -> "DatabaseURL | None":
    from stack.services.compose.postgres import published_url

    try:
        return published_url(facts.stack.compose(), facts.database_service())
    except Failure:
        return None


async def _embedded_cause(facts: Facts, refused: Finding) -> Finding:
    from stack.services.embedded.control import EmbeddedServices
    from stack.services.embedded.problems import wrong_password

    services = await facts.stack.services()
    if refused.code is not Code.DATABASE_PASSWORD or not isinstance(services, EmbeddedServices):
        return refused
    url = (await facts.stack.database()).url
    return wrong_password(url, refused.evidence or "", services.adopt_password).finding


async def _own_server(facts: Facts) -> Passed:
    """Compare the cluster that answers with the one in the container."""
    from stack.database.identity import identifier_in, system_identifier
    from stack.services.engine.superuser import data_directory

    containers, container = await facts.containers(), await facts.server()
    if containers is None or container is None:
        return Passed("The server is no container of this project")
    control = await containers.read_file(container.id, f"{data_directory(container)}/global/pg_control")
    if control is None:
        return Passed("The container does not show its data directory")
    try:
        answered, ours = await system_identifier(await facts.stack.database()), identifier_in(control)
    except Failure as failure:
        if failure.finding.code is Code.DATABASE_PERMISSION:
            return Passed("The server does not tell this role which one it is")
        raise
    if answered == ours:
        return Passed(f"{container.name} is the server that answers")
    from stack.doctor.login import other_server

    server, fixes = await _server(facts, container)
    raise Failure(other_server(server, fixes, f"system identifier {answered} answers, the container's is {ours}"))


async def _server(facts: Facts, container: "Inspection") -> "tuple[Server, LoginFixes]":
    """Look at the server from inside of its container, and at what the settings say about it."""
    from stack.doctor.login import Server, published_ports
    from stack.doctor.login_fixes import LoginFixes

    stack = facts.stack
    service = stack.database_service()
    url = (await stack.database()).url
    inventory = await facts.inventory()
    status = next((it for it in (await facts.services()).services if it.service == service), None)
    server = Server(
        url=url,
        container=container,
        inventory=inventory,
        backends=() if inventory else await facts.backends(),
        written=_written(stack.project, await facts.environment()),
        published=published_ports(status.ports if status else ()),
        listener=await in_thread(lambda: _listener(facts, url.port)),
    )
    return server, LoginFixes(stack, url, service, container)


def _listener(facts: Facts, port: int) -> "Listener":
    from stack.doctor.login import Listener
    from stack.services.compose.postgres import PORT
    from stack.services.engine.ports import next_free, port_variable, process_on

    holder = process_on(port)
    return Listener(
        name=f"{holder.name} (pid {holder.process})" if holder and holder.name not in _FORWARDERS else None,
        variable=port_variable(facts.stack.compose().files, PORT),
        free_port=next_free("127.0.0.1", port),
    )


def _written(project: Project, report: "EnvironmentReport") -> "Written":
    from stack.doctor.login import Written

    variables = {variable.name: variable for variable in report.variables}
    password, url = variables.get("APP_DB_PASSWORD"), variables.get("APP_DB_URL")
    in_file = password is not None and password.line is not None
    as_python, as_compose = (password.as_python, password.as_compose) if password else (None, None)
    return Written(
        file=project.env_file.name,
        at=_written_at(project),
        hidden=in_file and password is not None and password.source is Source.SHELL,
        pieces=in_file and (url is None or url.value is None),
        file_password=as_python if isinstance(as_python, SecretStr) else None,
        compose_password=as_compose if isinstance(as_compose, SecretStr) else None,
    )


def _written_at(project: Project) -> datetime | None:
    try:
        return datetime.fromtimestamp(project.env_file.stat().st_mtime, UTC)
    except OSError:
        return None


CHECKS: Final[tuple[Check[Facts], ...]] = (
    Check("database", DATABASE, "Connection", ("services", "env-in-use"), _database),
    Check("own-server", DATABASE, "The server that answers", ("database",), _own_server),
)
