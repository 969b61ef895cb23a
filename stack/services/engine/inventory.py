"""Roles, databases and clients of the Postgres in a container, as its superuser sees them: one query."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypedDict, cast

from stack.services.engine.superuser import Superuser
from stack.text import SecretStr

# What can be connected to, without the templates; a role that begins with pg_ is the server's own.
_QUERY: Final = """\
SET statement_timeout = '5s'; SET datestyle = 'ISO';
SELECT json_build_object(
    'superuser', session_user,
    'initialised_at', to_char((pg_stat_file('PG_VERSION')).modification AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS'),
    'hba_file', current_setting('hba_file'),
    'max_connections', current_setting('max_connections')::int,
    'roles', (
        SELECT coalesce(json_agg(json_build_object(
            'name', rolname, 'may_log_in', rolcanlogin, 'verifier', rolpassword, 'limit', rolconnlimit,
            'expired', coalesce(rolvaliduntil < now(), false)
        ) ORDER BY oid), '[]') FROM pg_authid WHERE rolname !~ '^pg_'
    ),
    'databases', (
        SELECT coalesce(json_agg(json_build_object(
            'name', datname, 'owner', pg_get_userbyid(datdba), 'size', pg_database_size(oid), 'limit', datconnlimit
        ) ORDER BY oid), '[]') FROM pg_database WHERE datallowconn AND NOT datistemplate
    ),
    'clients', (
        SELECT coalesce(json_agg(json_build_object(
            'application', application, 'address', address, 'sessions', sessions, 'idle', idle
        ) ORDER BY sessions DESC, application), '[]') FROM (
            SELECT coalesce(application_name, '') AS application, host(client_addr) AS address,
                   count(*) AS sessions, count(*) FILTER (WHERE state = 'idle') AS idle
            FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
            GROUP BY 1, 2
        ) AS grouped
    )
);
"""


@dataclass(frozen=True, slots=True)
class Role:
    """A role; `verifier` is what the server checks its password against, None where it has none."""

    name: str
    may_log_in: bool
    expired: bool
    verifier: SecretStr | None
    limit: int


@dataclass(frozen=True, slots=True)
class HeldDatabase:
    """A database; `size` is in bytes, `limit` how many connections it allows, -1 for any number."""

    name: str
    owner: str
    size: int
    limit: int


@dataclass(frozen=True, slots=True)
class Client:
    """The sessions of one application from one address, which is None for the container's own; `idle` of them rest."""

    application: str
    address: str | None
    sessions: int
    idle: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """One look at a server; `initialised_at` is when its data directory was made."""

    superuser: str
    initialised_at: datetime
    hba_file: str
    max_connections: int
    roles: Mapping[str, Role]
    databases: Mapping[str, HeldDatabase]
    clients: tuple[Client, ...]

    @property
    def size(self) -> int:
        """How many bytes all databases take."""
        return sum(database.size for database in self.databases.values())


class _Role(TypedDict):
    name: str
    may_log_in: bool
    expired: bool
    verifier: str | None
    limit: int


class _Database(TypedDict):
    name: str
    owner: str
    size: int
    limit: int


class _Client(TypedDict):
    application: str
    address: str | None
    sessions: int
    idle: int


class _Answer(TypedDict):
    superuser: str
    initialised_at: str
    hba_file: str
    max_connections: int
    roles: list[_Role]
    databases: list[_Database]
    clients: list[_Client]


async def take_inventory(superuser: Superuser) -> Inventory:
    """Ask for all of it.

    Raises:
        SqlRefusedError: the server does not answer.
        Failure: the engine does not.
    """
    answer = cast("_Answer", json.loads(await superuser.run(_QUERY)))
    return Inventory(
        superuser=answer["superuser"],
        initialised_at=datetime.fromisoformat(f"{answer['initialised_at']}+00:00"),
        hba_file=answer["hba_file"],
        max_connections=answer["max_connections"],
        roles={role["name"]: _role(role) for role in answer["roles"]},
        databases={database["name"]: HeldDatabase(**database) for database in answer["databases"]},
        clients=tuple(Client(**client) for client in answer["clients"]),
    )


def _role(role: _Role) -> Role:
    verifier = SecretStr(role["verifier"]) if role["verifier"] else None
    return Role(role["name"], role["may_log_in"], role["expired"], verifier, role["limit"])
