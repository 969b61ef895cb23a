"""The terminal and its signals, lent to another program and taken back as they were."""

import asyncio
import contextlib
import os
import signal
import termios
import tty
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2

_DEADLY: Final = (signal.SIGTERM, signal.SIGHUP)


def is_terminal() -> bool:
    """Whether a person sits before this process: both its input and its output are a terminal."""
    return os.isatty(STDIN) and os.isatty(STDOUT)


@contextlib.contextmanager
def handling(handlers: Mapping[signal.Signals, Callable[[], None]]) -> Iterator[None]:
    """Call `handlers` on the event loop when their signals come; afterwards whoever handled them before does again."""
    loop = asyncio.get_running_loop()
    before = {each: signal.getsignal(each) for each in handlers}
    try:
        for each, handler in handlers.items():
            loop.add_signal_handler(each, handler)
        yield
    finally:
        for each, handler_before in before.items():
            loop.remove_signal_handler(each)
            signal.signal(each, handler_before if handler_before is not None else signal.SIG_DFL)


@contextlib.contextmanager
def raw_terminal() -> Iterator[None]:
    """Pass every key on as it is, Ctrl-C too, to what this program relays to; the terminal's modes are put back.

    They are put back before a deadly signal takes its course, too.
    """
    modes = termios.tcgetattr(STDIN)

    def restore() -> None:
        termios.tcsetattr(STDIN, termios.TCSADRAIN, modes)

    def die(cause: signal.Signals) -> None:
        restore()
        signal.signal(cause, signal.SIG_DFL)
        os.kill(os.getpid(), cause)

    with handling({each: partial(die, each) for each in _DEADLY}):
        tty.setraw(STDIN)
        try:
            yield
        finally:
            restore()
