"""Running `stack.migrations.worker`: start it, tell it its job, hear its events, and never leave it behind."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.background import in_thread
from stack.migrations.configuration import Configuration, broken
from stack.migrations.interpreter import Interpreter, find_interpreter
from stack.migrations.limits import Limits
from stack.migrations.protocol import Command, Direction, Event, Job
from stack.migrations.script import Script, first_paragraph

_WORKER: Final = Path(__file__).with_name("worker.py")
_GRACE: Final = 6.0
"""Seconds for the worker to cancel its statement and end; it gives up by itself a little sooner."""
_EVENT_LIMIT: Final = 1 << 20
_OUTPUT_KEPT: Final = 8_000


@dataclass(frozen=True, slots=True)
class Ended:
    """How the worker ended: its exit status, negative for a signal, and the last of what the project's code printed.

    `interpreter` is the one that it ran with.
    """

    status: int
    output: str
    interpreter: Interpreter


def make_job(
    configuration: Configuration,
    command: Command,
    *,
    url: str | None = None,
    files: Sequence[Path] = (),
    revisions: Sequence[str] = (),
    heads: Mapping[Direction, Sequence[str]] | None = None,
    current: Sequence[str] = (),
    limits: Limits = Limits(),  # noqa: B008 - it cannot change
    message: str = "",
    drafts: Path | None = None,
) -> Job:
    """Return the job of doing `command` with the project's configuration."""
    return {
        "command": command.value,
        "ini": str(configuration.ini) if configuration.ini else None,
        "toml": str(configuration.toml) if configuration.toml else None,
        "url": url,
        "files": [str(path) for path in files],
        "revisions": list(revisions),
        "heads": {direction.value: list(names) for direction, names in heads.items()} if heads else None,
        "current": list(current),
        "lock_timeout": round(limits.lock_timeout * 1000),
        "statement_timeout": round(limits.statement_timeout * 1000),
        "message": message,
        "drafts": str(drafts or ""),
    }


async def run_worker(job: Job, directory: Path, hear: Callable[[Event], None]) -> Ended:
    """Run `job` in `directory` and call `hear` with each event.

    The job goes over a pipe, since arguments and the initial environment of a process can be read by others. Cancelling
    ends the worker before this returns, and with it whatever it does on the server.
    """
    interpreter = await in_thread(lambda: find_interpreter(directory, os.environ))
    process = await asyncio.create_subprocess_exec(
        interpreter.path,
        str(_WORKER),
        cwd=directory,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_EVENT_LIMIT,
        start_new_session=True,  # Ctrl-C in a terminal is for this process, which then ends the worker
    )
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise RuntimeError("the worker has no pipes")
    printed = asyncio.create_task(_tail(process.stderr))
    try:
        process.stdin.write(json.dumps(job).encode() + b"\n")
        async for line in process.stdout:
            event: Event = json.loads(line)
            hear(event)
        status = await process.wait()
        # What the project's code left running may hold the pipe open.
        await asyncio.wait([printed], timeout=1)
        return Ended(status, printed.result() if printed.done() else "", interpreter)
    finally:
        printed.cancel()
        await _end(process, process.stdin)


async def _tail(stream: asyncio.StreamReader) -> str:
    kept = b""
    while chunk := await stream.read(1 << 16):
        kept = (kept + chunk)[-_OUTPUT_KEPT:]
    return kept.decode("utf-8", "replace")


async def _end(process: asyncio.subprocess.Process, orders: asyncio.StreamWriter) -> None:
    orders.close()
    try:
        async with asyncio.timeout(_GRACE):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def import_scripts(configuration: Configuration, paths: Sequence[Path]) -> dict[Path, Script]:
    """Let the worker import the revisions' files that compute what they say.

    Raises:
        Failure: one of them cannot be imported, or does not say what a revision must (`Code.MIGRATIONS_BROKEN`).
    """
    events: list[Event] = []
    job = make_job(configuration, Command.READ, files=paths)
    ended = await run_worker(job, configuration.directory, events.append)
    for event in events:
        if event["event"] == "failed":
            at = Path(event.get("path") or paths[0])
            raise broken(at, event.get("line"), event["text"], ended.output.strip() or None)
    if len(events) != len(paths) + 1:
        raise broken(paths[0], None, f"importing it ended the program with status {ended.status}")
    return {
        Path(event["path"] or ""): Script(
            path=Path(event["path"] or ""),
            revision=event["revision"] or "",
            down_revisions=tuple(event["down_revisions"]),
            depends_on=tuple(event["depends_on"]),
            branch_labels=tuple(event["branch_labels"]),
            message=first_paragraph(event["docstring"]),
        )
        for event in events
        if event["event"] == "read"
    }
