"""Blocking calls beside an event loop, without ever holding up the end of the program.

`asyncio.to_thread` uses a pool whose threads the interpreter joins at exit: one socket that never answers would keep a
program from quitting. The threads here are daemons, so an abandoned call ends with the process.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[[], T], /, *, name: str = "stackdeck") -> T:
    """Run `call` in a daemon thread of its own and return what it returns, or raise what it raises.

    Cancelling the awaiting task abandons the thread: its result is dropped when it comes. Whoever starts a call that
    can be interrupted (a stream) closes it when cancelled.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(outcome: Callable[[asyncio.Future[T]], None]) -> None:
        if not future.done():
            outcome(future)

    def report(outcome: Callable[[asyncio.Future[T]], None]) -> None:
        # The loop may have closed while the call ran; then nobody waits for the outcome any more.
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, outcome)

    def run() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the call is awaited
            failure = error
            report(lambda waiting: waiting.set_exception(failure))
        else:
            report(lambda waiting: waiting.set_result(result))

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future
