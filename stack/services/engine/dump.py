"""A dump of the database in a container, by its own pg_dump over its local socket, which asks for no password."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from docker.errors import APIError

from stack.background import in_thread
from stack.findings import Code, Failure, Finding, Fix, Progress
from stack.services.control import State
from stack.services.dump_file import Draft, draft, failed, told
from stack.services.engine.connection import Engine
from stack.services.engine.errors import refused
from stack.services.engine.json_types import Json
from stack.services.engine.observe import ObservedContainer
from stack.services.engine.sdk import Client
from stack.services.pg_dump import arguments
from stack.text import clean

_SAID_BYTES: Final = 4_000

_SCRIPT: Final = 'echo $$ >&2; exec pg_dump "$@"'
"""The shell says its process id and becomes pg_dump, so that whoever cancels can end it in the container too."""


@dataclass(slots=True)
class _Run:
    """One run of pg_dump: its process id in the container, once it is known, and the beginning of what it said."""

    process: str = ""
    said: bytearray = field(default_factory=bytearray)

    def hear(self, data: bytes) -> None:
        self.said += data
        if not self.process and b"\n" in self.said:
            first, _, self.said = self.said.partition(b"\n")
            self.process = first.decode(errors="replace").strip()
        del self.said[_SAID_BYTES:]


async def dump(
    engine: Engine, container: ObservedContainer, database: str | None, file: Path, progress: Progress
) -> int:
    """Write `database` in `container`, or the one that it was made with, to `file`; return its size in bytes.

    Cancelling ends pg_dump in the container too, and leaves nothing.

    Raises:
        Failure: the container does not run, pg_dump fails, or the file cannot be written.
    """
    if container.state is not State.RUNNING:
        raise Failure(_at_rest(container))
    run = _Run()
    with draft(file) as unfinished:
        try:
            dumping = engine.call(lambda client: _pg_dump(client, container, database, unfinished, run))
            status = await told(dumping, unfinished, progress)
        except APIError as error:
            raise refused(f"running pg_dump in {container.name}", error) from None
        except (asyncio.CancelledError, Failure):
            await _end(engine, container, run.process)
            raise
        if status != 0:
            said = clean(run.said.decode(errors="replace").strip())
            cause = f"pg_dump in {container.name} ended with status {status}."
            raise failed(cause, said or None, Fix("Read its log", f"stackdeck logs {container.service}"))
        return await in_thread(unfinished.publish)


def _pg_dump(client: Client, container: ObservedContainer, database: str | None, unfinished: Draft, run: _Run) -> int:
    """Run pg_dump into `unfinished` and return its exit status; blocking."""
    variables = _variables(client.container(container.id)["Config"].get("Env"))
    user = variables.get("POSTGRES_USER") or "postgres"
    name = database or variables.get("POSTGRES_DB") or user
    options = arguments((("user", user), ("dbname", name)))

    def hear(output: bytes | None, said: bytes | None) -> None:
        if output:
            unfinished.write(output)
        if said:
            run.hear(said)

    return client.run(container.id, ["sh", "-c", _SCRIPT, "sh", *options], hear)


async def _end(engine: Engine, container: ObservedContainer, process: str) -> None:
    """End pg_dump, which would go on in the container; an engine that is gone has ended it."""
    if not process:
        return

    try:
        await engine.call(lambda client: client.run(container.id, ["kill", process], lambda *_: None))
    except (APIError, Failure):
        return


def _variables(entries: Json) -> dict[str, str]:
    texts = (entry for entry in entries if isinstance(entry, str)) if isinstance(entries, list) else ()
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def _at_rest(container: ObservedContainer) -> Finding:
    return Finding(
        Code.SERVICE_NOT_RUNNING,
        f"{container.service} does not run, so its database cannot be dumped",
        f"{container.name} is {container.state.value}; pg_dump asks the running server.",
        fixes=(Fix("Start it as it is, then try again", f"docker start {container.name}"),),
    )


def no_container(service: str) -> Finding:
    """Return the finding of a database that has no container, and so nothing to dump."""
    return Finding(
        Code.SERVICE_NOT_RUNNING,
        f"{service} has no container, so there is no database to dump",
        "pg_dump asks the running server, and there is none.",
        fixes=(Fix("Go on without --dump"),),
    )
