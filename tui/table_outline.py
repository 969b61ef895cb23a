"""The tables as the lines of a tree: schemas, their tables, and below a partitioned table its partitions."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stack.tables.catalogue import Table

Key = tuple[str, ...]
"""What a line is about: a schema, or a table by its schema and name."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One line. `table` is None where it is a schema; `below` is how many lines it holds, shown or not."""

    key: Key
    name: str
    depth: int
    below: int
    table: "Table | None" = None


class Outline:
    """The tables of a database, put into a tree once; what is shown of it depends on what is open.

    A database with one schema has no line for it: whoever does not know schemas need not learn of them here.
    """

    def __init__(self, tables: "Sequence[Table]" = ()) -> None:
        """Put `tables` in order, each schema where its first table stands."""
        there = {table.identity for table in tables}
        self.tables = tuple(tables)
        self._partitions: dict[tuple[str, str], list[Table]] = {}
        self._schemas: dict[str, list[Table]] = {}
        for table in tables:
            if table.partition_of in there:
                self._partitions.setdefault(table.partition_of, []).append(table)
            else:
                self._schemas.setdefault(table.schema, []).append(table)
        self._parents = {table.identity: table.partition_of for table in tables if table.partition_of in there}

    @property
    def begins_open(self) -> set[Key]:
        """The schemas whose tables are found by their names alone, or if there are none, all."""
        visible: set[Key] = {(table.schema,) for table in self.tables if table.visible}
        return visible or {(schema,) for schema in self._schemas}

    @property
    def nested(self) -> bool:
        """Whether there is anything to open."""
        return len(self._schemas) > 1 or bool(self._partitions)

    def shown(self, opened: Collection[Key]) -> list[Branch]:
        """Return the lines where what is in `opened` is open."""
        lines: list[Branch] = []
        nested = len(self._schemas) > 1
        for schema, tables in self._schemas.items():
            if nested:
                lines.append(Branch((schema,), schema, 0, len(tables)))
            if not nested or (schema,) in opened:
                for table in tables:
                    self._add(lines, table, int(nested), opened)
        return lines

    def found(self, text: str) -> list[Branch]:
        """Return a line for each table whose name has `text` in it, in any case, the names that begin so first."""
        wanted = text.casefold()
        matches = [table for table in self.tables if wanted in table.name.casefold()]
        matches.sort(key=lambda table: not table.name.casefold().startswith(wanted))
        return [Branch(table.identity, table.path, 0, 0, table) for table in matches]

    def above(self, key: Key) -> list[Key]:
        """Return what has to be open for the line of `key` to be shown."""
        if len(key) == 1:
            return []
        schema, name = key
        parent = self._parents.get((schema, name))
        return [(schema,)] if parent is None else [*self.above(parent), parent]

    def _add(self, lines: list[Branch], table: "Table", depth: int, opened: Collection[Key]) -> None:
        partitions = self._partitions.get(table.identity, ())
        lines.append(Branch(table.identity, table.name, depth, len(partitions), table))
        if table.identity in opened:
            for partition in partitions:
                self._add(lines, partition, depth + 1, opened)
