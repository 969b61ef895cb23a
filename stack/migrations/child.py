"""Running `stack.migrations.worker`: start it, have it plan, tell it its job, hear its events, never leave it behind.

A `Standby` is started before its job is known, so that what it imports is imported beside what we do; for that, this
module imports nothing that takes long.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.background import in_thread
from stack.migrations.interpreter import Interpreter, find_interpreter
from stack.migrations.limits import Limits
from stack.migrations.protocol import Command, Direction, Event, Job, Preparation, Question
from stack.project import Project

Files = tuple[Path | None, Path | None]
"""An ``alembic.ini`` and a ``pyproject.toml``, as `Project.alembic_files` has them."""

_WORKER: Final = Path(__file__).parent / "worker" / "__main__.py"
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


class WorkerFailed(Exception):  # noqa: N818 - what it met is told by its event
    """It ended before it had planned anything; `failed` is what it told of that, if anything."""

    def __init__(self, failed: Event | None, ended: Ended) -> None:
        """Take both."""
        super().__init__(f"the worker ended with {ended.status}")
        self.failed = failed
        self.ended = ended


def make_preparation(files: Files, url: str | None) -> Preparation:
    """Return what the worker gets ready for: the project that `files` configure, on the database at `url`."""
    ini, toml = files
    return {"ini": str(ini) if ini else None, "toml": str(toml) if toml else None, "url": url}


def make_job(
    configured: Files,
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
    """Return the job of doing `command` with the migrations that `configured` configure."""
    return {
        **make_preparation(configured, url),
        "command": command.value,
        "files": [str(path) for path in files],
        "revisions": list(revisions),
        "heads": {direction.value: list(names) for direction, names in heads.items()} if heads else None,
        "current": list(current),
        "lock_timeout": round(limits.lock_timeout * 1000),
        "statement_timeout": round(limits.statement_timeout * 1000),
        "message": message,
        "drafts": str(drafts or ""),
    }


@dataclass(slots=True)
class Worker:
    """A process of `stack.migrations.worker`, which does one job.

    What it is told goes over a pipe, since arguments and the initial environment of a process can be read by others.
    """

    interpreter: Interpreter
    _process: asyncio.subprocess.Process
    _orders: asyncio.StreamWriter
    _events: asyncio.StreamReader
    _printed: "asyncio.Task[str]"
    _prepared: Preparation | None = None
    _environment: Path | None = None

    @classmethod
    async def start(cls, directory: Path) -> "Worker":
        """Start it in `directory`; whoever does this ends it."""
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
        return cls(interpreter, process, process.stdin, process.stdout, printed)

    def prepare(self, preparation: Preparation) -> None:
        """Let it get ready for a job that begins with `preparation`."""
        if self._prepared is None:
            self._prepared = preparation
            self._tell(preparation)
        elif self._prepared != preparation:
            raise ValueError("the worker is ready for another job")

    async def locate(self) -> Path:
        """Return where ``env.py`` is, which it knows before it has imported the revisions.

        Raises:
            WorkerFailed: it could not read the configuration.
        """
        if self._environment is None:
            (located,) = [event async for event in self._until("located")]
            self._environment = Path(located["path"] or "")
        return self._environment

    async def plan(self, question: Question) -> list[Event]:
        """Return its answer: the files of the steps, and in the end an event that says whether that is a plan.

        Raises:
            WorkerFailed: it could not import the revisions.
        """
        self._tell(question)
        return [event async for event in self._until("planned", "unreachable", "unknown")]

    async def run(self, job: Job, hear: Callable[[Event], None]) -> Ended:
        """Let it do `job`, and call `hear` with each event; if this is cancelled, with all until it has ended."""
        self.prepare({"ini": job["ini"], "toml": job["toml"], "url": job["url"]})
        self._tell(job)
        try:
            await self._hear(hear)
        except asyncio.CancelledError:
            await self.end()
            await self._hear(hear)
            raise
        return await self._ended()

    async def _hear(self, hear: Callable[[Event], None]) -> None:
        async for event in self._told():
            if event["event"] != "located":
                hear(event)

    async def _until(self, *last: str) -> AsyncIterator[Event]:
        async for event in self._told():
            if event["event"] == "failed":
                raise WorkerFailed(event, await self._ended())
            yield event
            if event["event"] in last:
                return
        raise WorkerFailed(None, await self._ended())

    async def _told(self) -> AsyncIterator[Event]:
        async for line in self._events:
            if line.endswith(b"\n"):  # else it was killed in the middle of it
                event: Event = json.loads(line)
                yield event

    async def _ended(self) -> Ended:
        status = await self._process.wait()
        # What the project's code left running may hold the pipe open.
        await asyncio.wait([self._printed], timeout=1)
        return Ended(status, self._printed.result() if self._printed.done() else "", self.interpreter)

    async def end(self) -> None:
        """End it, and with it whatever it does on the server."""
        self._printed.cancel()
        self._orders.close()
        try:
            async with asyncio.timeout(_GRACE):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            await self.kill()

    async def kill(self) -> None:
        """End it at once; whatever it does on the server goes on until the server notices."""
        self._printed.cancel()
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _tell(self, orders: Preparation | Question) -> None:
        self._orders.write(json.dumps(orders).encode() + b"\n")


@dataclass(slots=True)
class Standby:
    """A worker that waits for its job, for whoever needs one first."""

    _worker: Worker | None = None

    def prepare(self, preparation: Preparation) -> None:
        """Let it get ready for a job that begins with `preparation`."""
        if self._worker is not None:
            self._worker.prepare(preparation)

    def take(self) -> Worker | None:
        """Return the worker, which whoever takes it ends; None where it was taken before."""
        worker, self._worker = self._worker, None
        return worker


@asynccontextmanager
async def standing_by(project: Project) -> AsyncIterator[Standby]:
    """Start a worker for the migrations of `project`, where it has some; it is gone when left, needed or not."""
    if project.alembic is None:
        yield Standby()
        return
    standby = Standby(await Worker.start(project.alembic.parent))
    try:
        yield standby
    finally:
        if worker := standby.take():
            await worker.kill()  # nothing of it is on the server


@asynccontextmanager
async def ready_worker(standby: Standby, directory: Path, preparation: Preparation) -> AsyncIterator[Worker]:
    """Lend the worker of `standby`, or else one that is started in `directory`; it is gone when left."""
    worker = standby.take() or await Worker.start(directory)
    try:
        worker.prepare(preparation)
        yield worker
    finally:
        await worker.kill()  # whoever ran a job has ended it


async def run_worker(job: Job, directory: Path, hear: Callable[[Event], None], worker: Worker | None = None) -> Ended:
    """Run `job` in `directory` and call `hear` with each event, with `worker` where there is one.

    Cancelling ends the worker before this returns, and with it whatever it does on the server.
    """
    worker = worker or await Worker.start(directory)
    try:
        return await worker.run(job, hear)
    finally:
        await worker.end()


async def _tail(stream: asyncio.StreamReader) -> str:
    kept = b""
    while chunk := await stream.read(1 << 16):
        kept = (kept + chunk)[-_OUTPUT_KEPT:]
    return kept.decode("utf-8", "replace")
