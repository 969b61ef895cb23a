"""One row, whole: what a grid reads only the first part of, read by the row's key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stack.findings import Code, Failure, Finding, Fix
from stack.tables.catalogue import Table
from stack.tables.description import Column
from stack.tables.filters import Filter, Operator
from stack.tables.names import Name
from stack.tables.pages import Page, Row, page
from stack.tables.query import PageQuery
from stack.tables.reading import Reader

WHOLE: Final = 16_000_000
"""Characters of a value that are read at most; Postgres holds values of up to a gigabyte."""


@dataclass(frozen=True, slots=True)
class WholeRow:
    """A row. `cut` are the cells, by column, of which only the first part is here.

    `key` are the columns that it was read by, anew; it is empty where nothing tells rows apart, and the cells then are
    what the page had.
    """

    columns: tuple[Column, ...]
    cells: Row
    cut: frozenset[int]
    key: tuple[str, ...]

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return self.columns[self._place(name)]

    def values(self, names: Sequence[str]) -> Row:
        """Return the cells of the columns `names`; NULL for one that the role may not read."""
        readable = {column.name for column in self.columns}
        return tuple(self.cells[self._place(name)] if name in readable else None for name in names)

    def _place(self, name: str) -> int:
        return next(place for place, column in enumerate(self.columns) if column.name == name)


def equal(columns: Sequence[str], values: Row) -> tuple[Filter, ...]:
    """Return the filters for rows that have `values` in `columns`."""
    return tuple(
        Filter(Name(column, quoted=True), Operator.NULL if value is None else Operator.EQUAL, value)
        for column, value in zip(columns, values, strict=True)
    )


def unequal(column: str, value: str | None) -> Filter:
    """Return the filter for all rows that `equal` leaves out, those that have NULL in `column` among them."""
    return Filter(Name(column, quoted=True), Operator.NOT_NULL if value is None else Operator.DISTINCT, value)


async def whole_row(reader: Reader, table: Table, shown: Page, index: int) -> WholeRow:
    """Return row `index` of the page `shown` of `table`: read anew by its key, or else as far as the page has it.

    Raises:
        Failure: the row is not there any more (`Code.ROW_GONE`).
    """
    if not shown.key:
        cut = frozenset(place for row, place in shown.cut if row == index)
        return WholeRow(shown.columns, shown.rows[index], cut, ())
    values = shown.keys[index]
    found = await page(reader, PageQuery(table, equal(shown.key, values), limit=1, longest=WHOLE))
    if not found.rows:
        raise _gone(table, shown.key, values)
    return WholeRow(found.columns, found.rows[0], frozenset(place for _, place in found.cut), shown.key)


def _gone(table: Table, key: Sequence[str], values: Row) -> Failure:
    which = ", ".join(f"{column} = {value}" for column, value in zip(key, values, strict=True))
    return Failure(
        Finding(
            Code.ROW_GONE,
            f"The row of {table.path} with {which} is gone",
            "It was deleted, or its key changed, since the page was read.",
            fixes=(Fix("Read the page again"),),
        )
    )
