"""How much of the engine's disk the volumes take."""

import asyncio
from collections.abc import Mapping
from typing import Final

from docker.errors import APIError

from stack.findings import Failure
from stack.services.engine.connection import Engine

_SECONDS: Final = 5.0
"""How long the engine may take to add them up; with many large volumes it takes longer than anybody waits."""


async def volume_sizes(engine: Engine) -> Mapping[str, int]:
    """Return the size in bytes of each volume, by its name; nothing where the engine does not say it soon."""
    try:
        return await asyncio.wait_for(engine.call(lambda client: client.volume_sizes()), _SECONDS)
    except (TimeoutError, APIError, Failure):
        return {}
