"""A value that is not on the command line: asked for on the terminal, or read from a pipe."""

import contextlib
import getpass
import signal
import sys
from collections.abc import Iterator

from stack.findings import Code, Failure, Finding, Fix


def ask_value(name: str) -> str:
    """Return the value of the variable `name` from the terminal, without echo where it is a secret, or from a pipe.

    The line end that an editor or `echo` adds is no part of it.

    Raises:
        Failure: there is none: the pipe is empty, or the terminal is closed.
    """
    from stack.environment.secrecy import is_secret

    if not sys.stdin.isatty():
        given = sys.stdin.read()
        if not given:
            raise _nothing(name)
        return given.removesuffix("\n").removesuffix("\r")
    try:
        with _interruptible():
            if is_secret(name):
                return getpass.getpass(f"{name} (not shown): ", stream=sys.stderr)
            sys.stderr.write(f"{name}: ")
            sys.stderr.flush()
            return input()
    except EOFError:
        raise _nothing(name) from None


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    # The event loop would only take note of Ctrl-C, and the reading would go on.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _nothing(name: str) -> Failure:
    return Failure(
        Finding(
            Code.SETTING_INVALID,
            f"There is no value for {name}",
            "Standard input is empty.",
            fixes=(Fix("Give one, or write the empty text", f"stackdeck env set {name}="),),
        )
    )
