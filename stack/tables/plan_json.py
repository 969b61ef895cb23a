"""What the server explains of a statement, without the most of values that have millions of characters.

psycopg would read the JSON where the event loop runs, and a thread is no help: while Python's reader goes through a
long text no other thread runs. So the text is shortened first, which takes a moment.
"""

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from psycopg.types.json import JsonLoader
from psycopg.types.string import TextLoader

from stack.background import in_thread
from stack.tables.reading import Reader

if TYPE_CHECKING:
    import psycopg

LONGEST: Final = 100_000
"""Characters of a condition that are read."""

_CONDITION: Final = re.compile(r'\s*"[^"]*": "')

_ESCAPE: Final = len(r"\u0000")


async def explained(reader: Reader, statement: str, parameters: Mapping[str, object]) -> object:
    """Return what the server answers to `statement`, an EXPLAIN in JSON, taken out of that.

    Raises:
        DBAPIError: the server refuses.
    """
    raw = await reader.get_raw_connection()
    adapters = cast("psycopg.AsyncConnection", raw.driver_connection).adapters
    adapters.register_loader("json", TextLoader)
    try:
        answer = await reader.exec_driver_sql(statement, dict(parameters))
    finally:
        adapters.register_loader("json", JsonLoader)
    return await in_thread(partial(read, answer.scalar_one()))


def read(text: str) -> object:
    """Take out of its JSON what the server explained: a property a line, of which conditions may be long."""
    return json.loads("\n".join(map(_shortened, text.split("\n"))))


def _shortened(line: str) -> str:
    if len(line) <= LONGEST or not _CONDITION.match(line):
        return line
    # What begins with the last backslash may be half of an escape.
    end = line.rfind("\\", LONGEST - _ESCAPE, LONGEST)
    kept = line[:LONGEST] if end < 0 else line[:end].rstrip("\\")
    return f'{kept}…"{"," if line.endswith(",") else ""}'
