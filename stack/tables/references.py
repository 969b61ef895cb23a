"""Which rows refer to a row, and how many: counted up to a limit and within a time, never by reading it all."""

import time
from dataclasses import dataclass
from enum import Enum
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from stack.tables.catalogue import Table
from stack.tables.conditions import exactly, typed
from stack.tables.description import ForeignKey
from stack.tables.pages import Row
from stack.tables.reading import Reader, sqlstate
from stack.tables.rows import WholeRow

MOST: Final = 1000
"""References that are counted; where there are more, that is all that is said."""

EACH: Final = 2.0
"""Seconds that counting the rows of one table may take."""

ALL: Final = 10.0
"""Seconds that counting those of all tables may take."""


class Uncounted(Enum):
    """Why references were not counted."""

    SLOW = "not counted in time"
    LOCKED = "locked by somebody"
    FORBIDDEN = "not yours to read"
    NULL = "none: the row has NULL there"


_REASONS: Final = {"57014": Uncounted.SLOW, "55P03": Uncounted.LOCKED, "42501": Uncounted.FORBIDDEN}


@dataclass(frozen=True, slots=True)
class Use:
    """A foreign key of another table, or of the same one, to this row.

    `key` is as the table `schema`.`table` that refers has it: its `columns` are there, its `others` here, where the row
    has `values` in them. `rows` is how many rows refer, `MOST` + 1 where there are more than that, or why that is not
    known. `indexed` says whether an index there begins with the key's columns; without one every count reads the whole
    table.
    """

    schema: str
    table: str
    key: ForeignKey
    values: Row
    indexed: bool
    rows: int | Uncounted

    @property
    def identity(self) -> tuple[str, str]:
        """The schema and the name of the table that refers."""
        return self.schema, self.table


# A partition is referred to through the table that it is a part of. What Postgres keeps beside a foreign key for each
# partition has a parent, and would count the same rows again.
_USES: Final = sa.text(
    """
    WITH RECURSIVE target AS (
        SELECT c.oid, c.relispartition
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = :schema AND c.relname = :name
        UNION ALL
        SELECT p.oid, p.relispartition FROM target t
        JOIN pg_catalog.pg_inherits h ON h.inhrelid = t.oid JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
        WHERE t.relispartition
    )
    SELECT n.nspname, c.relname, k.columns, k.others,
           EXISTS (
               SELECT FROM pg_catalog.pg_index i
               WHERE i.indrelid = f.conrelid AND i.indisvalid AND i.indpred IS NULL
                 AND (i.indkey::int2[])[0:cardinality(f.conkey) - 1] @> f.conkey
           )
    FROM target t
    JOIN pg_catalog.pg_constraint f ON f.confrelid = t.oid AND f.contype = 'f' AND f.conparentid = 0
    JOIN pg_catalog.pg_class c ON c.oid = f.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT array_agg(a.attname::text ORDER BY e.position) AS columns,
               array_agg(o.attname::text ORDER BY e.position) AS others
        FROM unnest(f.conkey, f.confkey) WITH ORDINALITY AS e(own, other, position)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = e.own
        JOIN pg_catalog.pg_attribute o ON o.attrelid = f.confrelid AND o.attnum = e.other
    ) k
    ORDER BY NOT pg_table_is_visible(c.oid), n.nspname, c.relname, f.conname
    """
)

_TIMEOUT: Final = sa.text("SELECT set_config('statement_timeout', :timeout, true)")


async def uses(reader: Reader, table: Table, row: WholeRow) -> tuple[Use, ...]:
    """Return every foreign key that can refer to `row` of `table`, with how many rows do.

    Takes one statement for all foreign keys, and one for the rows of each, of which at most `MOST` + 1 are read.
    """
    found = (await reader.execute(_USES, {"schema": table.schema, "name": table.name})).all()
    until = time.monotonic() + ALL
    return tuple(
        [
            Use(
                schema,
                name,
                key := ForeignKey(tuple(columns), table.schema, table.name, tuple(others)),
                row.values(others),
                indexed,
                await _count(reader, (schema, name), key, row, until - time.monotonic()),
            )
            for schema, name, columns, others, indexed in found
        ]
    )


async def _count(
    reader: Reader, identity: tuple[str, str], key: ForeignKey, row: WholeRow, seconds: float
) -> int | Uncounted:
    values = row.values(key.others)
    if None in values:
        return Uncounted.NULL
    if seconds <= 0:
        return Uncounted.SLOW
    schema, name = identity
    source = sa.table(exactly(name), *(sa.column(exactly(each)) for each in key.columns), schema=exactly(schema))
    equal = [
        source.c[column] == typed(value or "", row.column(other))
        for column, other, value in zip(key.columns, key.others, values, strict=True)
    ]
    some = sa.select(sa.literal_column("1")).select_from(source).where(*equal).limit(MOST + 1).subquery()
    try:
        async with reader.begin_nested():
            await reader.execute(_TIMEOUT, {"timeout": f"{round(min(EACH, seconds) * 1000)}ms"})
            return (await reader.execute(sa.select(sa.func.count()).select_from(some))).scalar_one()
    except DBAPIError as error:
        reason = _REASONS.get(sqlstate(error) or "")
        if reason is None:
            raise
        return reason
