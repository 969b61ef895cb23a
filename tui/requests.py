"""The one way in which the deck asks for anything that takes time.

A worker awaits the call and posts a message; the handler, which runs where the state lives, takes the answer. Every
message carries the generation of its request: once something newer was asked, an older answer is dropped. What goes
wrong comes back as findings, an unexpected exception too, so no failure is swallowed and none ends the deck.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from textual import on
from textual.message import Message
from textual.message_pump import MessagePump

from stack.crash import internal_finding
from stack.findings import Failure, Finding

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.worker import Worker

T = TypeVar("T")

BATCH: Final = 1000
"""Items that one message brings at most."""

BATCH_EVERY: Final = 0.05
"""Seconds for which items are gathered."""


class Request(Generic[T]):
    """One question that is asked again and again; only the newest answer counts.

    `receive` gets the answer and `refuse` the findings where there is none, both in `owner`'s own message loop.
    """

    def __init__(
        self,
        owner: "DOMNode",
        name: str,
        *,
        receive: Callable[[T], None],
        refuse: Callable[[tuple[Finding, ...]], None],
    ) -> None:
        """Prepare to ask on behalf of `owner`, which must be `Asking`. `name` says what, in a log of workers."""
        self._owner = owner
        self._name = name
        self._receive = receive
        self._refuse = refuse
        self._generation = 0
        self._worker: Worker[None] | None = None
        self._asked = 0.0

    @property
    def pending(self) -> bool:
        """Whether an answer is awaited."""
        return self._worker is not None

    def seconds(self, now: float) -> float:
        """Return how long an answer has been awaited at `now` of the monotonic clock; 0 where none is."""
        return now - self._asked if self.pending else 0.0

    def ask(self, call: Callable[[], Awaitable[T]]) -> None:
        """Ask; whatever was asked before is cancelled, and its answer dropped should it still come."""
        self.ask_with(lambda _generation: call())

    def ask_with(self, call: Callable[[int], Awaitable[T]]) -> None:
        """Ask as `ask` does, with a call that is told its generation."""
        self.cancel()
        self._asked = time.monotonic()
        # Not a coroutine, which nobody would await where the worker is cancelled before it begins.
        work = partial(self._await, call, self._generation)
        self._worker = self._owner.run_worker(work, name=self._name, exit_on_error=False)

    def poll(self, call: Callable[[], Awaitable[T]]) -> None:
        """Ask, unless an answer is still awaited: a slow server gets no queue of the same question."""
        if not self.pending:
            self.ask(call)

    def cancel(self) -> None:
        """Stop asking."""
        self._generation += 1
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None

    def stop(self) -> None:
        """Have the call end; what it says of that, if anything, is its answer."""
        if self._worker is not None:
            self._worker.cancel()

    async def _await(self, call: Callable[[int], Awaitable[T]], generation: int) -> None:
        try:
            message: Message = Answered(self, generation, await call(generation))
        except Failure as failure:
            message = Refused(self, generation, failure.findings)
        except Exception as error:  # noqa: BLE001 - an error of our own is shown like any other, and reported
            message = Refused(self, generation, (internal_finding(error),))
        self._owner.post_message(message)

    def settle(self, message: "Answered[T] | Refused[T]") -> None:
        """Take the outcome that `message` brings, unless it is stale."""
        if message.generation != self._generation:
            return
        if isinstance(message, Answered):
            self._worker = None if message.last else self._worker
            self._receive(message.value)
        else:
            self._worker = None
            self._refuse(message.findings)


class Feed(Generic[T]):
    """Something that is followed: items as they come, in batches, from the newest source only.

    A source that is faster than the deck can draw loses its oldest items of a batch; `receive` is told how many.
    """

    def __init__(
        self,
        owner: "DOMNode",
        name: str,
        *,
        receive: Callable[[tuple[T, ...], int], None],
        refuse: Callable[[tuple[Finding, ...]], None],
    ) -> None:
        """Prepare to follow on behalf of `owner`, which must be `Asking`."""
        self._owner = owner
        self._request = Request["_Batch[T]"](
            owner, name, receive=lambda batch: receive(batch.items, batch.dropped), refuse=refuse
        )

    def follow(self, source: Callable[[], AsyncGenerator[T, None]]) -> None:
        """Follow `source` in place of whatever was followed before, which is closed."""
        self._request.ask_with(lambda generation: self._drain(source, generation))

    def cancel(self) -> None:
        """Follow nothing."""
        self._request.cancel()

    async def _drain(self, source: Callable[[], AsyncGenerator[T, None]], generation: int) -> "_Batch[T]":
        loop = asyncio.get_running_loop()
        waiting: deque[T] = deque(maxlen=BATCH)
        seen = 0
        timer: asyncio.TimerHandle | None = None

        def take() -> _Batch[T]:
            nonlocal seen
            batch = _Batch(tuple(waiting), seen - len(waiting))
            waiting.clear()
            seen = 0
            return batch

        def flush() -> None:
            self._owner.post_message(Answered(self._request, generation, take(), last=False))

        async with contextlib.aclosing(source()) as items:
            async for item in items:
                if not seen:
                    timer = loop.call_later(BATCH_EVERY, flush)
                waiting.append(item)
                seen += 1
                if seen % BATCH == 0:
                    # An iterator that never has to wait would never let anything be drawn.
                    await asyncio.sleep(0)
        if timer:
            timer.cancel()
        return take()


@dataclass(frozen=True, slots=True)
class _Batch(Generic[T]):
    items: tuple[T, ...]
    dropped: int


@dataclass
class Answered(Message, Generic[T], bubble=False):
    """A request's answer; of something that is followed, one of several until the `last`."""

    request: Request[T]
    generation: int
    value: T
    last: bool = True


@dataclass
class Refused(Message, Generic[T], bubble=False):
    """Why a request got no answer."""

    request: Request[T]
    generation: int
    findings: tuple[Finding, ...]


class Asking(MessagePump):
    """What a screen or an app is in order to own requests: it hands each outcome to the request that awaits it."""

    @on(Answered)
    @on(Refused)
    def _settle(self, message: Answered[T] | Refused[T]) -> None:
        # While the deck is being left there are no screens any more, and nobody to show an answer to.
        if self.app.is_running:
            message.request.settle(message)
