"""An open log of a container: its bytes as the engine sends them."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, Final, cast

from docker.types import CancellableStream

if TYPE_CHECKING:
    from requests import Response

_CHUNK: Final = 1 << 16


class LogStream:
    """The bytes of a log, with a head before each message where it is `framed`.

    Iterating blocks, and ends where the log does; a connection that is lost raises.
    """

    def __init__(self, response: "Response", *, framed: bool) -> None:
        """Take the engine's answer, of which nothing has been read."""
        self.framed = framed
        self._response = response

    @property
    def ahead(self) -> float:
        """By how many seconds, roughly, the engine's clock is before ours; 0.0 where its answer has no date."""
        date = self._response.headers.get("Date")
        return parsedate_to_datetime(date).timestamp() - time() if date else 0.0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes as the engine sends them."""
        return cast("Iterator[bytes]", self._response.raw.stream(_CHUNK))

    def close(self) -> None:
        """End the iteration, from another thread."""
        CancellableStream(iter(()), self._response).close()
