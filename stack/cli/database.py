"""``db ping``, ``db pool`` and ``db activity``: the server behind the URL."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.cli.command import add_command
from stack.cli.output import Console, Outcome, align

if TYPE_CHECKING:
    from stack.cli.command import Commands
    from stack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask the database a question and time the answer."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Ask."""
        database = await workspace.database()
        ping = await database.ping()
        return Outcome(
            {
                "url": database.url.masked,
                "latency_ms": round(ping.latency_ms, 2),
                "server_version": ping.server_version,
                "postmaster_started_at": ping.postmaster_started_at.isoformat(),
            },
            f"{database.url.masked}: PostgreSQL {ping.server_version}, {ping.latency_ms:.1f} ms, "
            f"up since {ping.postmaster_started_at:%Y-%m-%d %H:%M:%S %Z}",
        )


@dataclass(frozen=True, slots=True)
class Pool:
    """Compare the pool that the settings ask for with what the server can give."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Ask the server for its limits."""
        database = await workspace.database()
        wanted = database.pool
        server = (await database.status()).capacity
        return Outcome(
            {
                "configured": {
                    "size": wanted.size,
                    "max_overflow": wanted.max_overflow,
                    "timeout": wanted.timeout,
                    "recycle": wanted.recycle,
                    "pre_ping": wanted.pre_ping,
                },
                "server": {
                    "max_connections": server.max_connections,
                    "reserved": server.reserved,
                    "used": server.used,
                    "available": server.available,
                },
            },
            f"pool    {wanted.size} and {wanted.max_overflow} more, {wanted.timeout:g} s to wait for one\n"
            f"server  {server.max_connections} connections, {server.reserved} reserved, {server.used} in use, "
            f"{server.available} free",
        )


@dataclass(frozen=True, slots=True)
class Activity:
    """List who is connected, and what they do."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """List the server's sessions."""
        database = await workspace.database()
        sessions = (await database.status()).sessions
        rows = [("PID", "USER", "DATABASE", "APPLICATION", "CLIENT", "STATE", "QUERY")]
        rows += [
            (
                str(s.pid),
                s.user or "",
                s.database or "",
                s.application or "",
                s.client or "",
                s.state or "",
                " ".join((s.query or "").split())[:60],
            )
            for s in sessions
        ]
        return Outcome(
            {
                "sessions": [
                    {
                        "pid": s.pid,
                        "user": s.user,
                        "database": s.database,
                        "application": s.application,
                        "client": s.client,
                        "state": s.state,
                        "query": s.query,
                    }
                    for s in sessions
                ]
            },
            align(rows),
        )


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    noun = commands.add_parser("db", help="the server behind the URL", allow_abbrev=False)
    verbs = noun.add_subparsers(required=True, metavar="VERB")
    add_command(verbs, "ping", "ask the database a question and time the answer", lambda _: Ping())
    add_command(verbs, "pool", "the configured pool beside the server's limits", lambda _: Pool())
    add_command(verbs, "activity", "who is connected, and what they do", lambda _: Activity())
