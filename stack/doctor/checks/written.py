"""Is what is written in `.env` what the services get, what they run with, and safe where they can be reached?"""

from collections.abc import Iterator, Sequence
from typing import Final

from stack.doctor.examination import Check, Passed
from stack.doctor.facts import Examined, Facts
from stack.doctor.stages import ENVIRONMENT, SERVICES
from stack.environment.assignments import Source
from stack.environment.files import describe
from stack.environment.report import EnvironmentReport, Variable, plain
from stack.environment.secrecy import is_own_secret, is_weak
from stack.environment.url import LOOPBACK
from stack.findings import Code, Failure, Finding, Fix, Progress, Severity
from stack.project import Project
from stack.services.compose.model import ComposeProject, Service
from stack.services.control import Pull
from stack.services.in_use import StaleUse

UP_TIMEOUT: Final = 120.0
"""Seconds in which a service that has run before is to be recreated."""

_NO_COMPOSE: Final = "There is no Compose file to compare with"


# The pure part: what is written and what is there, in; findings out.


def files_differ(project: Project, report: EnvironmentReport, compose: ComposeProject) -> Finding | None:
    """Say which variables Compose reads from another file than the application does."""
    known = {variable.name: variable for variable in report.variables}
    names = [
        name
        for name, value in {use.name: use.value for use in compose.uses}.items()
        if (variable := known.get(name)) is not None and _is_elsewhere(variable, value)
    ]
    if not names:
        return None
    listed, ours = ", ".join(names), describe(project, project.env_file)
    theirs = [describe(project, file) for file in compose.env_files or (compose.directory / ".env",)]
    if compose.env_files:
        theirs_in_words = f"{', '.join(theirs)}: COMPOSE_ENV_FILES in the shell says so"
    elif ours in theirs:
        theirs_in_words = "no file: COMPOSE_DISABLE_ENV_FILE in the shell says so"
    else:
        theirs_in_words = f"{theirs[0]} too, since it is beside the Compose file"
    return Finding(
        Code.ENV_FILES_DIFFER,
        f"Compose and the application read {listed} from different files",
        f"Compose reads {theirs_in_words}; the application reads {ours}",
        Severity.WARNING,
        fixes=(Fix(f"Write {listed} alike in both, or let both read {ours}"),),
    )


def _is_elsewhere(variable: Variable, read_by_compose: str | None) -> bool:
    # What is empty is not set to the application, and no other file is the reason.
    if variable.source is Source.SHELL or (not read_by_compose and variable.source is Source.DEFAULT):
        return False
    return read_by_compose not in (plain(variable.as_compose), plain(variable.value))


def exposed(project: Project, report: EnvironmentReport, compose: ComposeProject) -> Iterator[Finding]:
    """Say which service everybody on the network can sign in to, with a password that they would find."""
    known = {variable.name: variable for variable in report.variables}
    for service in compose.services.values():
        open_port = next((it.published for it in service.ports if it.published and not _is_loopback(it.host_ip)), None)
        if open_port is None:
            continue
        for key, value in service.environment.items():
            if not (value and is_own_secret(key)):
                continue
            uses = [use.name for use in compose.uses if (use.service, use.key) == (service.name, f"environment.{key}")]
            variable = next((known[name] for name in uses if name in known), None)
            if flaw := _flaw(value, variable):
                password = _password(project, service, key, variable)
                yield _exposed(project, service, open_port, f"{password} {flaw}", variable)


def _password(project: Project, service: Service, key: str, variable: Variable | None) -> str:
    if variable is None:
        return f"{key} of {service.name}"
    if variable.line is None or variable.source is not Source.FILE:
        return variable.name
    return f"{describe(project, project.env_file)}, line {variable.line}: {variable.name}"


def _exposed(project: Project, service: Service, port: str, flaw: str, variable: Variable | None) -> Finding:
    position = service.position
    file = describe(project, position.file) if position else "the Compose file"
    where = f"{file}, line {position.line}" if position else file
    own = "Set a password of its own; the server, which keeps the old one, needs it too"
    return Finding(
        Code.ENV_PASSWORD_EXPOSED,
        f"{service.name} is open to the network with a password that others know",
        f"{flaw}, and {where}: port {port} is published on every address of this machine",
        Severity.WARNING,
        fixes=(
            Fix(f"Write 127.0.0.1: before the port of {service.name} in {file}, so that it is this machine's"),
            Fix(own, command=f"stackdeck env set {variable.name}" if variable else None),
        ),
    )


def _is_loopback(address: str | None) -> bool:
    return address is not None and (address in LOOPBACK or address.startswith("127."))


def _flaw(password: str, variable: Variable | None) -> str | None:
    if variable and password == plain(variable.template_value):
        return "is still the template's"
    return "is one that anybody would try, or too short" if is_weak(password) else None


def stale(stack: Examined, report: EnvironmentReport, uses: Sequence[StaleUse]) -> Iterator[Finding]:
    """Say which service runs with other values than are written, where a new container would have them."""
    known = {variable.name: variable for variable in report.variables}
    found: dict[str, list[StaleUse]] = {}
    for use in uses:
        if not use.in_volume:
            found.setdefault(use.service, []).append(use)
    for service, changed in found.items():
        yield _stale(stack, service, changed, known)


def _stale(stack: Examined, service: str, uses: Sequence[StaleUse], known: dict[str, Variable]) -> Finding:
    async def recreate(progress: Progress) -> None:
        await stack.up((service,), pull=Pull.MISSING, timeout=UP_TIMEOUT, progress=progress)

    # The application looks for the database where the port is written, and nobody is there yet.
    unreachable = any(use.key == "ports" for use in uses) and service == _database_service(stack)
    names = ", ".join(dict.fromkeys(use.name for use in uses))
    changes = "; ".join(dict.fromkeys(f"{use.key} {use.change}" for use in uses))
    return Finding(
        Code.ENV_VARIABLE_STALE,
        f"{service} still runs with another {names} than is written",
        f"{_places(stack.project, uses, known)} changed since the container of {service} was made: {changes}",
        Severity.ERROR if unreachable else Severity.WARNING,
        fixes=(
            Fix(
                f"Recreate {service} with what is written; its volumes stay", f"stackdeck up {service}", apply=recreate
            ),
        ),
    )


def _database_service(stack: Examined) -> str | None:
    try:
        return stack.database_service()
    except Failure:
        return None


def _places(project: Project, uses: Sequence[StaleUse], known: dict[str, Variable]) -> str:
    lines = sorted({line for use in uses if use.name in known and (line := known[use.name].line)})
    if not lines:
        return "The shell's value, or the default,"
    listed = f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines))}"
    return f"{describe(project, project.env_file)}, {listed}:"


# The checks


async def _files(facts: Facts) -> Passed:
    try:
        compose = facts.stack.compose()
    except Failure:
        return Passed(_NO_COMPOSE)
    finding = files_differ(facts.stack.project, await facts.environment(), compose)
    if finding:
        raise Failure(finding)
    return Passed("Compose and the application read the same file")


async def _exposure(facts: Facts) -> Passed:
    try:
        compose = facts.stack.compose()
    except Failure:
        return Passed(_NO_COMPOSE)
    if findings := list(exposed(facts.stack.project, await facts.environment(), compose)):
        raise Failure(*findings)
    return Passed("No weak password stands behind an open port")


async def _in_use(facts: Facts) -> Passed:
    from stack.services.in_use import stale_uses

    if not await facts.is_docker():
        return Passed("No container of this project runs here")
    report, status = await facts.environment(), await facts.services()
    secrets = {variable.name for variable in report.variables if variable.secret}
    uses = stale_uses(facts.stack.compose(), status, secrets.__contains__)
    if await _cannot_be_recreated(facts):
        database = _database_service(facts.stack)
        uses = tuple(use for use in uses if use.service != database)
    if findings := list(stale(facts.stack, report, uses)):
        raise Failure(*findings)
    return Passed("The containers have what is written")


async def _cannot_be_recreated(facts: Facts) -> bool:
    """Return whether a new container of the database could not read its data, which `volume-version` is about."""
    storage, found = await facts.storage(), await facts.data()
    return storage is not None and found is not None and found.major != storage.major


CHECKS: Final[tuple[Check[Facts], ...]] = (
    Check("env-files", ENVIRONMENT, "One file for all", ("env-file",), _files),
    Check("env-exposure", ENVIRONMENT, "Weak passwords", ("environment",), _exposure),
    Check("env-in-use", SERVICES, "In use and written", ("services",), _in_use),
)
