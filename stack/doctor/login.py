"""Why the server of a container does not let the application in: pure, from what is known to the cause."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from stack.database.scram import is_of
from stack.doctor.login_fixes import LoginFixes, named
from stack.environment.url import DatabaseURL
from stack.findings import Code, Finding, Fix
from stack.services.engine.backends import Backend
from stack.services.engine.inspection import Inspection
from stack.services.engine.inventory import Client, Inventory, Role
from stack.services.engine.superuser import data_mount
from stack.text import SecretStr

_SHOWN_CLIENTS: Final = 3
_POOL_FEWER: Final = Fix("Let the applications pool fewer: lower APP_DB_POOL_SIZE and APP_DB_MAX_OVERFLOW")
_SHELLS_OWN: Final = "The password in the shell is not the server's"
_HIDES: Final = "The shell sets APP_DB_PASSWORD, which hides the one of"
_EVERYWHERE: Final = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, never bound


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """Where a port of the container is reached on this machine."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Written:
    """What the settings' own place says about the log-in, and when it was last written.

    `hidden` is whether the shell's password hides the file's, `pieces` whether user, password and database are
    variables of their own in the file, `file_password` the password in the file, `compose_password` the one that
    Compose reads there.
    """

    file: str
    at: datetime | None
    hidden: bool
    pieces: bool
    file_password: SecretStr | None
    compose_password: SecretStr | None


@dataclass(frozen=True, slots=True)
class Listener:
    """A server that may have answered in place of the container: who it is, and a free port to avoid it by."""

    name: str | None
    variable: str | None
    free_port: int | None


@dataclass(frozen=True, slots=True)
class Server:
    """The server that the log-in was meant for, seen from inside.

    `inventory` is None where it let nobody look; `backends` are its processes then.
    """

    url: DatabaseURL
    container: Inspection
    inventory: Inventory | None
    backends: tuple[Backend, ...]
    written: Written
    published: tuple[PublishedPort, ...]
    listener: Listener


def judge(refused: Finding, server: Server, fixes: LoginFixes) -> Finding:
    """Return why the log-in failed that ended with `refused`: the same finding where nothing more is known."""
    rule = _RULES.get(refused.code)
    return rule(refused, server, fixes) if rule else refused


def other_server(server: Server, fixes: LoginFixes, evidence: str | None) -> Finding:
    """Return the finding of another Postgres that answered at the address of the settings."""
    url, listener = server.url, server.listener
    who = f": {listener.name} listens there as well" if listener.name else ""
    move = (
        (fixes.publish_on(listener.variable, listener.free_port),) if listener.variable and listener.free_port else ()
    )
    ours = next((at.host for at in server.published if at.port == url.port), "")
    # An address of its own cannot be another server's: on Linux, localhost means ::1 before 127.0.0.1.
    address = (
        (fixes.set_variable("APP_DB_HOST", ours, f"Use the address that {server.container.name} is published on"),)
        if server.written.pieces and ours not in {url.host, *_EVERYWHERE}
        else ()
    )
    stop = Fix(f"Stop the other server on port {url.port}, if it is not needed")
    return Finding(
        Code.DATABASE_OTHER_SERVER,
        f"The server that answers at {url.host}:{url.port} is not this project's container",
        f"Another Postgres of this machine has port {url.port} too, on an address that comes before that of "
        f"{server.container.name}{who}",
        evidence=evidence,
        fixes=(*address, *move, stop),
    )


def _password(refused: Finding, server: Server, fixes: LoginFixes) -> Finding:
    inventory, url = server.inventory, server.url
    if inventory is None:
        return refused
    role = inventory.roles.get(url.user)
    if role is None:
        return _role_missing(refused, server, inventory, fixes)
    if url.password is None:
        return _no_password(refused, server)
    if not role.may_log_in:
        return _no_login(refused, server, fixes)
    if role.verifier and not role.expired and is_of(role.verifier, url.password):
        # The container's own server would have let it in.
        return other_server(server, fixes, refused.evidence)
    of_the_file = server.written.file_password if server.written.hidden and not role.expired else None
    if role.verifier and of_the_file and is_of(role.verifier, of_the_file):
        return _hidden_password(refused, server)
    title, cause, first = _wrong_password(server, role, inventory)
    return Finding(
        Code.DATABASE_PASSWORD,
        title,
        cause,
        evidence=refused.evidence,
        fixes=(
            *first,
            fixes.give_password(Code.DATABASE_PASSWORD),
            *_restore(server, role, fixes),
            *fixes.begin_anew(inventory),
        ),
    )


def _no_password(refused: Finding, server: Server) -> Finding:
    """Return the finding of settings that have no password: there is none to give to the role, which keeps its own."""
    url = server.url
    address = f"postgresql://{url.user}:PASSWORD@{url.host}:{url.port}/{url.database}"
    return Finding(
        Code.DATABASE_PASSWORD,
        f"No password is known for {url.user}, and the server asks for one",
        f"Neither {server.written.file} and the shell nor POSTGRES_PASSWORD in the Compose file say it.",
        evidence=refused.evidence,
        fixes=(Fix(f"Write the address with its password to {server.written.file}: APP_DB_URL={address}"),),
    )


def _hidden_password(refused: Finding, server: Server) -> Finding:
    """Return the finding of a right password that the shell hides: nothing at the server is to be changed for that."""
    file = server.written.file
    return Finding(
        Code.DATABASE_PASSWORD,
        _SHELLS_OWN,
        f"{_HIDES} {file}, which the server has.",
        evidence=refused.evidence,
        fixes=(Fix(f"Use the one of {file}, which is right", "unset APP_DB_PASSWORD"),),
    )


def _wrong_password(server: Server, role: Role, inventory: Inventory) -> tuple[str, str, tuple[Fix, ...]]:
    """Return title and cause, and what is tried before all else."""
    written, url, user = server.written, server.url, role.name
    if role.verifier is None:
        return f"The role {user} has no password", "So nobody logs in as it from outside of the container.", ()
    if role.expired:
        return f"The password of {user} has expired", "The role's VALID UNTIL has passed.", ()
    if written.hidden:
        return _SHELLS_OWN, f"{_HIDES} {written.file}; the server has neither.", ()
    if written.compose_password and is_of(role.verifier, written.compose_password):
        return (
            f"Compose and the application read different passwords in {written.file}",
            f"{_where(server)[0].upper()}{_where(server)[1:]} was created with what Compose reads as APP_DB_PASSWORD.",
            (Fix("Spell it so that both read the same", f"stackdeck doctor --fix {Code.ENV_GRAMMARS_DIFFER.value}"),),
        )
    title = f"The password in {written.file} is not the one {_where(server)} was created with"
    given = server.container.environment.get("POSTGRES_PASSWORD")
    made = f"{_where(server)[0].upper()}{_where(server)[1:]} was made {_day(inventory.initialised_at)}"
    if given and url.password and given == url.password.get_secret_value():
        cause = (
            f"{made} and keeps the password of then. {server.container.name} has been given the new one, which "
            "Postgres reads only while there is no data."
        )
    else:
        since = f", {_day(written.at)}," if written.at else ""
        cause = (
            f"{made}, and {written.file} has been given another password since{since} which Postgres reads only "
            "while there is no data."
        )
    return title, cause, ()


def _restore(server: Server, role: Role, fixes: LoginFixes) -> tuple[Fix, ...]:
    """Return the fix that writes back the password of the container, where that is the one that the server has."""
    written, given = server.written, server.container.environment.get("POSTGRES_PASSWORD")
    if given and role.verifier and is_of(role.verifier, SecretStr(given)):
        title = f"Put the earlier password back into {written.file}; {server.container.name} still has it"
        if written.pieces and not written.hidden:
            return (fixes.set_variable("APP_DB_PASSWORD", given, title),)
    return (Fix(f"Put the earlier password back into {written.file}, if you still have it"),)


def _role(refused: Finding, server: Server, fixes: LoginFixes) -> Finding:
    inventory = server.inventory
    if inventory is None:
        return refused
    role = inventory.roles.get(server.url.user)
    if role is None:
        return _role_missing(refused, server, inventory, fixes)
    return refused if role.may_log_in else _no_login(refused, server, fixes)


def _role_missing(refused: Finding, server: Server, inventory: Inventory, fixes: LoginFixes) -> Finding:
    user, written = server.url.user, server.written
    there = [role.name for role in inventory.roles.values() if role.may_log_in]
    take = (
        (fixes.set_variable("APP_DB_USER", there[0], f"Use the role that is there: {there[0]}"),)
        if written.pieces and there
        else (Fix(f"Name a role that is there in {written.file}"),)
    )
    return Finding(
        Code.DATABASE_ROLE_MISSING,
        f"The server has no role {user}",
        f"{_made_with(server, inventory)} the role {_listed(there)}; {written.file} says {user} now.",
        evidence=refused.evidence,
        fixes=(fixes.create_role(inventory), *take, *fixes.begin_anew(inventory)),
    )


def _no_login(refused: Finding, server: Server, fixes: LoginFixes) -> Finding:
    return Finding(
        Code.DATABASE_ROLE_MISSING,
        f"The role {server.url.user} may not log in",
        "The server has it without the right LOGIN, as a group has it.",
        evidence=refused.evidence,
        fixes=(fixes.give_password(Code.DATABASE_ROLE_MISSING) if server.url.password else fixes.let_log_in(),),
    )


def _database(refused: Finding, server: Server, fixes: LoginFixes) -> Finding:
    inventory, name = server.inventory, server.url.database
    if inventory is None:
        return refused
    if name in inventory.databases:
        return other_server(server, fixes, refused.evidence)
    there = [known for known in inventory.databases if known != "postgres"]
    take = (
        (fixes.set_variable("APP_DB_NAME", there[0], f"Use the database that is there: {there[0]}"),)
        if server.written.pieces and there
        else ()
    )
    return Finding(
        Code.DATABASE_MISSING,
        f"The server has no database {name}",
        f"{_made_with(server, inventory)} the database {_listed(there or ['postgres'])}; "
        f"{server.written.file} says {name} now.",
        evidence=refused.evidence,
        fixes=(fixes.create_database(), *take),
    )


def _too_many(refused: Finding, server: Server, fixes: LoginFixes) -> Finding:
    inventory, url = server.inventory, server.url
    if inventory is None:
        return _nobody_can_ask(refused, server, fixes)
    role, database = inventory.roles.get(url.user), inventory.databases.get(url.database)
    limit = f"all {inventory.max_connections} connections of the server are taken"
    used = sum(client.sessions for client in inventory.clients)
    if role and 0 <= role.limit <= used:
        limit = f"the role {role.name} may have {role.limit} connections"
    elif database and 0 <= database.limit <= used:
        limit = f"the database {database.name} may have {database.limit} connections"
    resting = max(inventory.clients, key=lambda client: client.idle, default=None)
    end = (fixes.end_idle(resting.application, resting.idle),) if resting and resting.idle else ()
    holders = "; ".join(map(_holder, inventory.clients[:_SHOWN_CLIENTS])) or "nobody is connected any more"
    return Finding(
        Code.DATABASE_TOO_MANY_CONNECTIONS,
        f"The server has no connection left for {url.user}",
        f"{limit[0].upper()}{limit[1:]}: {holders}.",
        evidence=refused.evidence,
        fixes=(*end, _POOL_FEWER, Fix("See who is connected", "stackdeck db activity")),
    )


def _nobody_can_ask(refused: Finding, server: Server, fixes: LoginFixes) -> Finding:
    """Judge by the server's processes: its superuser's own connections are taken too."""
    if not server.backends:
        return refused
    addresses = Counter(backend.address or "the container itself" for backend in server.backends)
    holders = ", ".join(f"{count} from {address}" for address, count in addresses.most_common(_SHOWN_CLIENTS))
    idle = sum(backend.is_idle for backend in server.backends)
    return Finding(
        Code.DATABASE_TOO_MANY_CONNECTIONS,
        f"The server has no connection left for {server.url.user}",
        f"All {len(server.backends)} connections are taken, those that are kept for a superuser too: {holders}; "
        f"{idle} of them idle.",
        evidence=refused.evidence,
        fixes=(*((fixes.end_idle_processes(idle),) if idle else ()), _POOL_FEWER),
    )


def _holder(client: Client) -> str:
    place = f" from {client.address}" if client.address else ""
    return f"{client.sessions} by {named(client.application)}{place}, {client.idle} of them idle"


def _starting(refused: Finding, server: Server, fixes: LoginFixes) -> Finding:  # noqa: ARG001 - it is a rule
    return replace(refused, fixes=(fixes.wait(), *(fix for fix in refused.fixes if fix.command)))


def _refused_login(refused: Finding, server: Server, fixes: LoginFixes) -> Finding:
    words, inventory = refused.evidence or "", server.inventory
    if inventory is None or "pg_hba.conf" not in words:
        return refused
    where = f"{inventory.hba_file} in {server.container.name}"
    if "no pg_hba.conf entry" in words:
        cause = f"No line of {where} allows {server.url.user} from outside of the container."
        return replace(refused, cause=cause, fixes=(fixes.admit(inventory.hba_file), *refused.fixes))
    return replace(refused, cause=f"A line of {where} rejects it.")


def _unreachable(refused: Finding, server: Server, fixes: LoginFixes) -> Finding:
    url, container = server.url, server.container
    if any(port.port == url.port for port in server.published):
        # The port is the container's: within, nobody takes the connection, or not yet.
        return replace(refused, fixes=(fixes.wait(), Fix("Read its log", f"stackdeck logs {fixes.service}")))
    if not server.published:
        return Finding(
            Code.DATABASE_UNREACHABLE,
            f"{container.name} publishes no port",
            f"The server runs, and nothing of this machine leads to it; the settings say {url.host}:{url.port}.",
            evidence=refused.evidence,
            fixes=(
                fixes.recreate("Create the container anew, where the Compose file publishes a port"),
                Fix(f'Write under ports: of {fixes.service} in the Compose file: "127.0.0.1:{url.port}:5432"'),
            ),
        )
    at = server.published[0]
    return Finding(
        Code.DATABASE_UNREACHABLE,
        f"{container.name} is published on port {at.port}, and the settings say {url.port}",
        f"The container was made before {server.written.file} was given the port {url.port}.",
        evidence=refused.evidence,
        fixes=(fixes.recreate(f"Create the container anew, on port {url.port}; the data stay"),),
    )


_RULES: Final[Mapping[Code, Callable[[Finding, Server, LoginFixes], Finding]]] = {
    Code.DATABASE_PASSWORD: _password,
    Code.DATABASE_ROLE_MISSING: _role,
    Code.DATABASE_MISSING: _database,
    Code.DATABASE_TOO_MANY_CONNECTIONS: _too_many,
    Code.DATABASE_STARTING: _starting,
    Code.DATABASE_REFUSED_LOGIN: _refused_login,
    Code.DATABASE_UNREACHABLE: _unreachable,
    Code.DATABASE_LOST: _unreachable,
}


def _where(server: Server) -> str:
    """Return what the server's data are on."""
    held = data_mount(server.container)
    if held and held.volume:
        return f"the volume {held.volume}"
    return f"the directory {held.source}" if held and held.source else "the container's data"


def _made_with(server: Server, inventory: Inventory) -> str:
    where = _where(server)
    return f"{where[0].upper()}{where[1:]} was made {_day(inventory.initialised_at)}, and has"


def _day(moment: datetime) -> str:
    return f"on {moment.astimezone():%Y-%m-%d at %H:%M}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "of no name"


_PUBLISHED: Final = re.compile(r"(?:(.*):)?([0-9]+)->5432/tcp")


def published_ports(ports: tuple[str, ...]) -> tuple[PublishedPort, ...]:
    """Return where `ports`, as a service's status has them, publish the database."""
    found = (_PUBLISHED.fullmatch(port) for port in ports)
    return tuple(PublishedPort((match[1] or "").strip("[]"), int(match[2])) for match in found if match)
