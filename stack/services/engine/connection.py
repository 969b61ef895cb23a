"""A connection to the engine: its calls beside the event loop, by one SDK client for one role.

The SDK is imported when it is first called for; looking at a local engine does without it.
"""

import asyncio
import math
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from stack.background import in_thread
from stack.findings import Failure
from stack.services.engine.endpoint import Endpoint
from stack.services.engine.local import LocalReader
from stack.services.engine.reader import Reader, TooOldError
from stack.services.engine.unreachable import too_old, unreachable

if TYPE_CHECKING:
    from stack.services.engine.sdk import Client

T = TypeVar("T")

REQUEST_SECONDS: Final = 15
"""How long the engine may take to answer; it does so within milliseconds, except under heavy load."""

PATIENT: Final = 24 * 60 * 60
"""For streams: engines before 26 answer a request for a log only when there is a line."""

_CUT_SECONDS: Final = 0.01


@dataclass(slots=True)
class Engine:
    """The engine at one endpoint, by a client of its own that connects when first used.

    `seconds` is how long the engine may take to answer; streams are `PATIENT`.
    """

    endpoint: Endpoint
    environ: Mapping[str, str]
    seconds: float = REQUEST_SECONDS
    _connected: "Client | None" = None
    _connecting: threading.Lock = field(default_factory=threading.Lock)

    async def look(self, operation: Callable[[Reader], T]) -> T:
        """Run `operation`, which changes nothing, in a daemon thread: on a local socket without the SDK.

        Raises:
            Failure: the engine cannot be reached. What the engine itself refuses stays a `Refusal`, which only the
                caller can explain.
        """
        return await in_thread(lambda: self._look(operation), name="stackdeck-engine")

    async def call(self, operation: "Callable[[Client], T]") -> T:
        """Run `operation` with the SDK's client in a daemon thread.

        Raises:
            Failure: the engine cannot be reached. What the engine itself answers stays an `APIError`, which only the
                caller can explain.
        """
        return await in_thread(lambda: self.blocking(operation), name="stackdeck-engine")

    async def call_alone(self, operation: "Callable[[Client], T]") -> T:
        """Run `operation`, which takes long to answer, with a client of its own.

        Cancelling cuts its connection, which ends both what the engine does for it and the thread, before this returns.

        Raises:
            Failure: as `call` does.
        """
        from stack.services.engine.clients import CONNECTION_ERRORS, open_alone, reaching

        client = await self.call(lambda shared: open_alone(self.endpoint, shared.api_version))
        ended = threading.Event()

        def run() -> T:
            try:
                with reaching(self.endpoint, self.environ), closing(client):
                    try:
                        return operation(client)
                    except CONNECTION_ERRORS:
                        if client.is_cut:
                            raise asyncio.CancelledError from None
                        raise
            finally:
                ended.set()

        try:
            return await in_thread(run, name="stackdeck-engine")
        except asyncio.CancelledError:
            # More than once: it may be connecting at this very moment.
            while not ended.is_set():
                client.cut()
                await asyncio.sleep(_CUT_SECONDS)
            raise

    def blocking(self, operation: "Callable[[Client], T]") -> T:
        """Run `operation` with the SDK's client here and now; for threads. Raises as `call` does."""
        from stack.services.engine.clients import reaching

        with reaching(self.endpoint, self.environ):
            return operation(self._client())

    def close(self) -> None:
        """Let go of the connections; a later call connects anew."""
        client, self._connected = self._connected, None
        if client is not None:
            client.close()

    def _look(self, operation: Callable[[Reader], T]) -> T:
        if path := self.endpoint.socket_path:
            try:
                with closing(LocalReader(path, self.seconds)) as reader:
                    return operation(reader)
            except TooOldError as error:
                raise Failure(too_old(self.endpoint, error.version)) from None
            except OSError as error:
                raise Failure(unreachable(self.endpoint, self.environ, error)) from None
        from stack.services.engine.clients import refusals

        with refusals():
            return self.blocking(operation)

    def _client(self) -> "Client":
        from stack.services.engine.clients import open_client

        with self._connecting:
            if self._connected is None:
                self._connected = open_client(self.endpoint, math.ceil(self.seconds))
            return self._connected
