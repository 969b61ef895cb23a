"""The console of one database: runs statements, knows the names for completion, keeps the history."""

from collections.abc import Sequence
from functools import partial

from stack.background import in_thread
from stack.booking.models import TABLES
from stack.database.access import Database
from stack.tables.catalogue import Table
from stack.tables.console import names
from stack.tables.console.completion import Columns, Vocabulary
from stack.tables.console.history import add_to_history, history_file, read_history
from stack.tables.console.refusals import Refusal
from stack.tables.console.running import Answer, run
from stack.tables.reading import reading


class Console:
    """Runs one statement at a time; every method raises `Failure` where the database is not there."""

    def __init__(self, database: Database) -> None:
        """Work on `database`, connecting only when asked something."""
        self._database = database

    async def run(self, statement: str) -> Answer | Refusal:
        """Write `statement` down and carry it out, read-only; cancelling the call cancels it on the server."""
        await in_thread(partial(add_to_history, history_file(), statement))
        return await run(self._database.url, statement)

    async def history(self) -> tuple[str, ...]:
        """Return the statements of this session and earlier ones, the newest last."""
        return await in_thread(partial(read_history, history_file()))

    async def vocabulary(self) -> Vocabulary:
        """Return what names there are, without columns."""
        async with reading(self._database.engine, self._database.url) as reader:
            return await names.vocabulary(reader, TABLES)

    async def columns(self, tables: Sequence[Table]) -> Columns:
        """Return the columns of `tables`."""
        async with reading(self._database.engine, self._database.url) as reader:
            return await names.columns(reader, tables)
