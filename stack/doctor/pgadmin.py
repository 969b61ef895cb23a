"""What is wrong with pgAdmin: pure, from its container, its log and its files to the cause.

Nothing else of the stack needs it, so all of it is a warning.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stack.findings import Code, Finding, Fix, Severity
from stack.services.control import State
from stack.services.engine.inspection import Inspection
from stack.services.engine.pgadmin import Accounts
from stack.text import SecretStr, clean

ACCOUNT: Final = 5050
"""The user and group that pgAdmin is in its image."""

EMAIL: Final = "PGADMIN_DEFAULT_EMAIL"
PASSWORD: Final = "PGADMIN_DEFAULT_PASSWORD"  # noqa: S105 - the name of a variable

_STORAGE: Final = "/var/lib/pgadmin"
_EMAIL: Final = re.compile(r"'([^'\n]*)' does not appear to be a valid email address")
_DENIED: Final = re.compile(r"\[Errno 13\] Permission denied: '([^']*)'|(?:mkdir|chown):.*Permission denied")
_RESTRICTED: Final = "Restricted security context detected"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SHOWN_LINES: Final = 5
_STOPPED_BY_SIGNAL: Final = frozenset({0, 137, 143})
"""Exit statuses of what was stopped on purpose: SIGKILL and SIGTERM leave 128 and their numbers."""


@dataclass(frozen=True, slots=True)
class Where:
    """How a pgAdmin is called: its service, the database's service, and the file of the settings."""

    service: str
    database: str
    env_file: str


@dataclass(frozen=True, slots=True)
class PgAdminFixes:
    """What can be done about a pgAdmin here: give it an `account` that it takes, where variables hold one; start it."""

    account: tuple[Fix, ...]
    start: Fix


def is_broken(container: Inspection) -> bool:
    """Return whether it ended by itself, once or again and again: not whether somebody stopped it."""
    if container.state is State.RESTARTING:
        return True
    return container.state in {State.EXITED, State.DEAD} and container.exit_code not in _STOPPED_BY_SIGNAL


def judge_log(log: str, container: Inspection, where: Where, fixes: PgAdminFixes) -> Finding:
    """Return why a broken pgAdmin ends again and again, from the end of its log."""
    evidence = clean("\n".join(log.strip().splitlines()[-_SHOWN_LINES:])) or None
    if found := _EMAIL.search(log):
        return unusable_email(clean(found[1]), where, fixes, evidence)
    if "You need to define the PGADMIN_DEFAULT_EMAIL" in log:
        return missing_account(where, fixes, evidence)
    if found := _DENIED.search(log):
        return _permission(found[1] or _STORAGE, container, where, evidence)
    status = f"status {container.exit_code}" + (f", {container.restarts} times" if container.restarts else "")
    return _warning(
        Code.SERVICE_EXITED,
        f"{where.service} ends by itself",
        f"{container.name} ended with {status}; the end of its log says why.",
        Fix("Read its log", f"stackdeck logs {where.service} --tail 50"),
        fixes.start,
        evidence=evidence,
    )


def unusable_email(email: str, where: Where, fixes: PgAdminFixes, evidence: str | None = None) -> Finding:
    """Return the finding of an address that pgAdmin refuses."""
    return _warning(
        Code.SETTING_INVALID,
        "pgAdmin refuses its e-mail address",
        f"{where.service} is given {email}, and pgAdmin ends at once unless the domain could be a public one.",
        *(fixes.account or (Fix(f"Write another one under environment: of {where.service} in the Compose file"),)),
        Fix("Keep it, and write under environment: PGADMIN_CONFIG_ALLOW_SPECIAL_EMAIL_DOMAINS: \"['local']\""),
        evidence=evidence,
    )


def missing_account(where: Where, fixes: PgAdminFixes, evidence: str | None = None) -> Finding:
    """Return the finding of a pgAdmin that is told nobody to make an account for."""
    return _warning(
        Code.SETTING_MISSING,
        "pgAdmin is given no e-mail address or no password",
        f"{where.service} needs PGADMIN_DEFAULT_EMAIL and PGADMIN_DEFAULT_PASSWORD at its first start, and ends at "
        "once without them.",
        *(
            fixes.account
            or (Fix(f"Set both under environment: of {where.service} in the Compose file, from {where.env_file}"),)
        ),
        evidence=evidence,
    )


def _permission(path: str, container: Inspection, where: Where, evidence: str | None) -> Finding:
    bound = next((mount for mount in container.mounts if mount.target == _STORAGE and mount.source), None)
    place = f"the directory {bound.source} of this machine" if bound else f"{_STORAGE} in {container.name}"
    owner = Fix(
        f"Give it to pgAdmin's account, {ACCOUNT}",
        f"sudo chown -R {ACCOUNT}:{ACCOUNT} {bound.source}" if bound else None,
    )
    return _warning(
        Code.PGADMIN_PERMISSION,
        "pgAdmin may not write to its own directory",
        f"It is the account {ACCOUNT} in its container, and may not write {clean(path)}, which is on {place}.",
        owner,
        Fix(f"Or mount a named volume at {_STORAGE}, which belongs to it by itself"),
        Fix("Then start it again", f"stackdeck restart {where.service}"),
        evidence=evidence,
    )


def judge_settings(environment: Mapping[str, str | None], where: Where, fixes: PgAdminFixes) -> Finding | None:
    """Return what a pgAdmin that starts for the first time with `environment` would end of."""
    email = environment.get(EMAIL)
    if not email or not has_password(environment):
        return missing_account(where, fixes)
    return None if takes_email(environment) else unusable_email(email, where, fixes)


def has_password(environment: Mapping[str, str | None]) -> bool:
    """Return whether pgAdmin is given a password for its account."""
    return bool(environment.get(PASSWORD) or environment.get(f"{PASSWORD}_FILE"))


def takes_email(environment: Mapping[str, str | None]) -> bool:
    """Return whether pgAdmin would take the address that it is given."""
    name, _, domain = (environment.get(EMAIL) or "").rpartition("@")
    return bool(name) and ("PGADMIN_CONFIG_ALLOW_SPECIAL_EMAIL_DOMAINS" in environment or _could_be_public(domain))


def _could_be_public(domain: str) -> bool:
    # The special-use names of RFC 6761 and 6762 and their like, as the e-mail check of pgAdmin has them.
    last = domain.rpartition(".")[2].lower()
    return "." in domain.strip(".") and last not in {
        "arpa",
        "internal",
        "invalid",
        "local",
        "localhost",
        "onion",
        "test",
    }


def knows_account(accounts: Accounts, environment: Mapping[str, str]) -> bool:
    """Return whether the account of the settings is not one that pgAdmin is known to refuse."""
    email, password = environment.get(EMAIL), environment.get(PASSWORD)
    if not email or not password:
        return True
    return accounts.has(email) and accounts.accepts(email, SecretStr(password)) is not False


def strange_account(accounts: Accounts, email: str, where: Where, volume: str | None, anew: tuple[Fix, ...]) -> Finding:
    """Return the finding of settings whose account pgAdmin, which makes one at its first start only, does not know.

    `anew` are the fixes that replace its `volume`, where it has one.
    """
    known = accounts.has(email)
    what = f"the password of {email} was another" if known else f"it had another address than {email}"
    return _warning(
        Code.PGADMIN_ACCOUNT,
        "pgAdmin does not let in who the settings say",
        f"At its first start {what}, or it has been changed in pgAdmin since. What {where.env_file} says later "
        f"does not reach {f'the volume {volume}' if volume else 'its data'}.",
        Fix("Sign in as before, or put the earlier values back"),
        *(anew or (Fix(f"Or remove what pgAdmin keeps at {_STORAGE}, and let it begin anew"),)),
    )


def judge_servers(hosts: Mapping[str, str], where: Where) -> Finding | None:
    """Return whether a server that pgAdmin was told of is pgAdmin's own container."""
    wrong = [name for name, host in hosts.items() if host in _LOOPBACK]
    if not wrong:
        return None
    return _warning(
        Code.PGADMIN_SERVERS,
        f"pgAdmin looks for {', '.join(map(clean, wrong))} in its own container",
        "Its servers.json says localhost, which within a container is the container itself.",
        Fix(f'Write "Host": "{where.database}" and "Port": 5432 there: the name of the service, and its own port'),
        Fix("So that pgAdmin reads it again: set PGADMIN_REPLACE_SERVERS_ON_STARTUP to True, as a string"),
    )


def judge_port(published: tuple[int, ...], container: Inspection, log: str, where: Where) -> Finding | None:
    """Return whether pgAdmin listens on one of the ports of its container that are `published`."""
    tls = container.environment.get("PGADMIN_ENABLE_TLS")
    restricted = _RESTRICTED in log
    wanted = container.environment.get("PGADMIN_LISTEN_PORT") or ("8080" if restricted else "443" if tls else "80")
    if not published or not wanted.isdecimal() or int(wanted) in published:
        return None
    why = ", since it may not listen on port 80 there" if restricted else ""
    return _warning(
        Code.PGADMIN_PORT,
        f"pgAdmin listens on port {wanted}, and {published[0]} is published",
        f"In {container.name} it listens on {wanted}{why}; the Compose file leads to {published[0]}.",
        Fix(f"Write {wanted} after the colon under ports: of {where.service}"),
        Fix(f'Or set PGADMIN_LISTEN_PORT: "{published[0]}" under its environment:'),
    )


def no_answer(address: str, container: Inspection, where: Where, restart: Fix) -> Finding:
    """Return the finding of a pgAdmin that runs and says nothing."""
    return _warning(
        Code.SERVICE_UNHEALTHY,
        f"{where.service} does not answer at {address}",
        f"{container.name} runs, and nothing comes back from {address}/misc/ping; its log says why.",
        Fix("Read its log", f"stackdeck logs {where.service} --tail 50"),
        restart,
    )


def _warning(code: Code, title: str, cause: str, *fixes: Fix, evidence: str | None = None) -> Finding:
    return Finding(code, title, cause, Severity.WARNING, evidence=evidence, fixes=fixes)
