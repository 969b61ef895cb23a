"""Long actions: one at a time, with progress on every screen, stopped by Esc."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from textual.message import Message

from stack.findings import Finding, Gauge, Progress
from tui.requests import Request

if TYPE_CHECKING:
    from textual.dom import DOMNode

T = TypeVar("T")

LINES: Final = 200
"""Progress lines that are kept; the newest are shown."""


class Stage(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Job:
    """A long action as it stands. Times are seconds of the monotonic clock.

    `lines` are clean, the newest last; `gauges` are what can be measured now. `command` does the same from a shell.
    """

    title: str
    started: float
    command: str | None = None
    stage: Stage = Stage.RUNNING
    lines: tuple[str, ...] = ()
    gauges: tuple[Gauge, ...] = ()
    ended: float | None = None

    @property
    def running(self) -> bool:
        """Whether it is still under way."""
        return self.stage is Stage.RUNNING

    def seconds(self, now: float) -> float:
        """Return how long it has been running at `now`, or ran."""
        return (self.ended if self.ended is not None else now) - self.started


@dataclass
class Progressed(Message, bubble=False):
    """One line of a running job's progress, with what can be measured now."""

    job: int
    line: str
    gauges: tuple[Gauge, ...]


class Jobs:
    """Runs one long action at a time and tells `show` how it stands, each time that changes."""

    def __init__(
        self, owner: "DOMNode", show: Callable[[Job], None], refuse: Callable[[tuple[Finding, ...]], None]
    ) -> None:
        """Work for `owner`, which is `Asking` and gives each `Progressed` to `take`. Failures go to `refuse`."""
        self._owner = owner
        self._show = show
        self._refuse = refuse
        self._job: Job | None = None
        self._number = 0
        self._cancel: Callable[[], None] | None = None

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return self._job is not None and self._job.running

    def start(
        self,
        title: str,
        call: Callable[[Progress], Awaitable[T]],
        done: Callable[[T], None],
        *,
        command: str | None = None,
    ) -> None:
        """Start `call` and give `done` what it returns; does nothing while another job is under way."""
        if self.running:
            return
        self._number += 1
        number = self._number

        def receive(value: T) -> None:
            if self._runs(number):
                self._end(Stage.DONE)
                done(value)

        def refuse(findings: tuple[Finding, ...]) -> None:
            # Also of a job that was stopped, which says what of it could not be undone.
            if self._runs(number):
                self._end(Stage.FAILED)
            self._refuse(findings)

        request = Request[T](self._owner, title, receive=receive, refuse=refuse)
        self._cancel = request.stop
        self._set(Job(title, time.monotonic(), command))
        request.ask(partial(call, partial(self._report, self._number)))

    def stop(self) -> None:
        """Stop the job that is under way, if one is; what it did so far stays."""
        if self.running and self._cancel:
            self._cancel()
            self._end(Stage.STOPPED)

    def report(self, line: str, gauges: Sequence[Gauge] = ()) -> None:
        """Be the `Progress` of the job that is under way."""
        self._report(self._number, line, gauges)

    def _report(self, number: int, line: str, gauges: Sequence[Gauge] = ()) -> None:
        self._owner.post_message(Progressed(number, line, tuple(gauges)))

    def take(self, progressed: Progressed) -> None:
        """Add a line of progress to the job that it is of, if that one still runs."""
        if self._job and self._runs(progressed.job):
            lines = (*self._job.lines, progressed.line)[-LINES:]
            self._set(replace(self._job, lines=lines, gauges=progressed.gauges))

    def _runs(self, number: int) -> bool:
        return self.running and number == self._number

    def _end(self, stage: Stage) -> None:
        if self._job:
            self._set(replace(self._job, stage=stage, ended=time.monotonic()))

    def _set(self, job: Job) -> None:
        self._job = job
        self._show(job)
