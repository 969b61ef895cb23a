"""The process: it gets ready, is told its job, does it, and tells what comes of it.

It gets ready, by importing what any job needs and then all of the project's revisions, before it is told its job: that
may take as long as the process that started it takes to plan the job. For the project's code standard output leads to
standard error, and standard input is empty.

It interrupts itself when its standard input closes: that is how it is cancelled, and how it never outlives the process
that started it. An interrupt reaches the driver, which cancels the statement on the server.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import signal
import threading
from typing import TYPE_CHECKING, TextIO

from .applying import Run, Stamping
from .failures import Refused, told
from .loading import load, read
from .planning import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from stack.migrations.protocol import Event, Job

    Task = Callable[[Config], None]

PATIENCE = 5.0
"""Seconds that an interrupt has to be heeded before the process ends anyway."""


class Teller:
    """Writes events to the process that started this one."""

    def __init__(self, stream: TextIO) -> None:
        """Take the pipe."""
        self._stream = stream

    def __call__(self, event: Event) -> None:
        """Send one event, after those that were kept."""
        self.keep(event)
        self._stream.flush()

    def keep(self, event: Event) -> None:
        """Take an event that another follows at once: whoever hears of both wakes up only once."""
        self._stream.write(json.dumps(event) + "\n")


def main() -> int:
    """Do one job, and return the exit status."""
    tell = Teller(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(2, 1)
    with open(os.devnull) as nothing:  # noqa: PTH123 - a descriptor is wanted, not a path
        os.dup2(nothing.fileno(), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    task: Task | None = None
    try:
        threading.Thread(target=_listen, args=(orders, lines), daemon=True).start()
        config, script = load(json.loads(lines.get()), tell)
        gc.freeze()  # all of it stays until the end, which need not be looked for then
        gc.enable()
        asked = json.loads(lines.get())
        while "target" in asked:
            plan(asked, config, script, tell)
            asked = json.loads(lines.get())
        job: Job = asked
        if job["command"] == "read":
            read(job, tell)
        else:
            task = _make(job, tell, script)
            task(config)
    except KeyboardInterrupt:
        return 130
    except Refused as refused:
        tell({"event": "failed", "reason": refused.reason, "text": refused.text, "path": refused.path})
        return 1
    except (Exception, SystemExit) as error:  # noqa: BLE001 - all that a project's code can do is told
        tell(_failed(error, task))
        return 1
    tell({"event": "done"})
    return 0


def _make(job: Job, tell: Teller, script: ScriptDirectory) -> Task:
    """Return what does the job; what only some jobs need is imported for them."""
    command = job["command"]
    if command in {"upgrade", "downgrade"}:
        return Run(job, tell, script)
    if command == "stamp":
        return Stamping(job, script)
    if command == "render":
        from .rendering import Rendering

        return Rendering(job, tell, script)
    if command in {"rehearse", "rehearse-copy"}:
        from .rehearsal import CopyRehearsal, Rehearsal

        return (Rehearsal if command == "rehearse" else CopyRehearsal)(job, tell, script)
    from .autogeneration import Comparison, Generation

    return (Comparison if command == "compare" else Generation)(job, tell, script)


def _failed(error: BaseException, task: Task | None) -> Event:
    step = getattr(task, "step", None)
    return told(error, "step" if step else "environment" if task else "history", step)


def _listen(orders: TextIO, lines: queue.SimpleQueue[str]) -> None:
    for line in orders:
        lines.put(line)
    main_thread = threading.main_thread()
    if main_thread.ident is not None:
        signal.pthread_kill(main_thread.ident, signal.SIGINT)
    main_thread.join(PATIENCE)
    os._exit(130)
