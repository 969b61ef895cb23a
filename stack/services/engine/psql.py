"""psql in a container, on our own standard streams: with a terminal of its own where we have one, else as a filter."""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from docker.errors import APIError

from stack.background import in_thread
from stack.findings import Code, Failure, Finding, Fix
from stack.services.control import State
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.observe import ObservedContainer, list_project
from stack.services.engine.reader import Refusal
from stack.services.engine.relay import Frames, OutputError, as_it_is, relay
from stack.services.engine.sdk import Client
from stack.services.handover import STDOUT, handling, is_terminal, raw_terminal

_SCRIPT: Final = """\
read_file() { if [ -r "$1" ]; then cat "$1"; fi; }
PGUSER=${POSTGRES_USER:-$(read_file "$POSTGRES_USER_FILE")}
PGDATABASE=${POSTGRES_DB:-$(read_file "$POSTGRES_DB_FILE")}
export PGUSER="${PGUSER:-postgres}"
export PGDATABASE="${PGDATABASE:-$PGUSER}"
exec psql "$@"
"""
"""The user and the database as the image's own entry point takes them. Over the container's socket, which trusts."""

_END_SESSION: Final = """\
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()
"""

_DETACH_KEYS: Final = "ctrl-^,ctrl-^,ctrl-^,ctrl-@"
"""What nobody types: the engine's own keys to detach begin with Ctrl-P, which is psql's way to the line before."""

_LOOKS: Final = 20
_LOOK_SECONDS: Final = 0.05
_FAREWELL_SECONDS: Final = 5


async def run_psql(engine: Engine, project: str, service: str, arguments: Sequence[str]) -> int:
    """Run psql with `arguments` in the container of `service`, and return its exit status.

    Cancelling ends its session on the server as well.

    Raises:
        Failure: the service does not run, or the engine cannot be reached any more.
        OSError: nobody takes our output any more.
    """
    container = await _container(engine, project, service)
    session = _Session(engine, container, f"psql (stackdeck {secrets.token_hex(4)})", is_terminal())
    try:
        return await session.run(arguments)
    except APIError as error:
        raise refused(f"running psql in {container.name}", error) from None
    except OutputError as error:
        raise error.error from None


async def _container(engine: Engine, project: str, service: str) -> ObservedContainer:
    try:
        listed = await engine.look(lambda reader: list_project(reader, project))
    except Refusal as error:
        raise refused("listing the containers", error) from None
    containers = [container for container in listed if container.service == service]
    for container in containers:
        if container.state is State.RUNNING:
            return container
    states = ", ".join(f"{container.name} is {container.state}" for container in containers)
    raise Failure(
        Finding(
            Code.SERVICE_NOT_RUNNING,
            f"{service} does not run",
            f"psql runs in its container: {states or 'there is none yet'}.",
            fixes=(Fix("Start it", f"stackdeck up {service}"),),
        )
    )


@dataclass(frozen=True, slots=True)
class _Session:
    """One psql in `container`; `name` is how the server knows its session, `interactive` whether it has a terminal."""

    engine: Engine
    container: ObservedContainer
    name: str
    interactive: bool

    async def run(self, arguments: Sequence[str]) -> int:
        """Run it to its end, and return its exit status."""
        identity = await self.engine.call(partial(self._create, arguments))
        stop, stopping = socket.socketpair()
        resizes: set[asyncio.Task[None]] = set()

        def resize() -> None:
            resizes.add(task := asyncio.ensure_future(self._resize(identity)))
            task.add_done_callback(resizes.discard)

        finished = False
        with closing(stop), closing(stopping):
            try:
                with (
                    raw_terminal() if self.interactive else nullcontext(),
                    handling({signal.SIGWINCH: resize} if self.interactive else {}),
                ):
                    if self.interactive:
                        resize()
                    finished = await in_thread(
                        lambda: self.engine.blocking(partial(self._relay, identity, stop)), name="stackdeck-psql"
                    )
            finally:
                stopping.send(b"\0")
                for task in list(resizes):
                    task.cancel()
                if not finished:
                    await self._end_session()
        return await self._status(identity)

    def _create(self, arguments: Sequence[str], client: Client) -> str:
        terminal = {"TERM": os.environ.get("TERM", "xterm")} if self.interactive else {}
        return client.prepare(
            self.container.id,
            ("sh", "-c", _SCRIPT, "psql", *arguments),
            environment={"PGAPPNAME": self.name, **terminal},
            tty=self.interactive,
            detach_keys=_DETACH_KEYS,
        )

    def _relay(self, identity: str, stop: socket.socket, client: Client) -> bool:
        with client.run_prepared(identity, tty=self.interactive) as attached:
            unpack = as_it_is if self.interactive else Frames().feed
            return relay(attached.connection, attached.received, unpack, stop)

    async def _resize(self, identity: str) -> None:
        """Tell how large our terminal is, as soon as the program has begun."""
        for _ in range(_LOOKS):
            size = os.get_terminal_size(STDOUT)
            try:
                await self.engine.call(partial(_fit, identity, size))
            except APIError:
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                return

    async def _status(self, identity: str) -> int:
        while True:
            details = await self.engine.call(lambda client: client.execution(identity))
            if not details["Running"]:
                return details["ExitCode"] or 0
            await asyncio.sleep(_LOOK_SECONDS)

    async def _end_session(self) -> None:
        """End what psql left behind is doing: the engine does not tell a program that nobody listens any more."""
        command = ("sh", "-c", _SCRIPT, "psql", "-XqAt", "-c", _END_SESSION)

        def execute(client: Client) -> None:
            identity = client.prepare(
                self.container.id, command, environment={"PGAPPNAME": self.name}, tty=False, detach_keys=""
            )
            client.exec_start(identity)

        with suppress(APIError, Failure, TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await self.engine.call(execute)


def _fit(identity: str, size: os.terminal_size, client: Client) -> None:
    client.exec_resize(identity, size.lines, size.columns)
