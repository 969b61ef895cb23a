"""Whether a database answers now, found out without its driver: for a server that most likely does."""

import asyncio
from typing import Final

from stack.database.addresses import resolve
from stack.database.wire import answers_query
from stack.environment.url import DatabaseURL

_PATIENCE: Final = 2.0
"""Seconds."""


async def answers_now(url: DatabaseURL) -> bool:
    """Return whether `url` has a query answered within two seconds.

    False is no finding: whoever gets it asks properly, by `stack.database.probe`, which says what is wrong.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            for address in await resolve(url) or (url.host,):
                try:
                    return await answers_query(url, address)
                except ConnectionRefusedError:
                    continue  # the next address of the name may be the server's
    except (OSError, ValueError):  # a TimeoutError is an OSError, and so is what does not speak Postgres's protocol
        return False
    return False
