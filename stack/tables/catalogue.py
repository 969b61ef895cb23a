"""Which tables there are, out of Postgres' own catalogue, in one statement however many they are."""

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import text

from stack.findings import Code, Failure, Finding, Fix
from stack.tables.names import near, quote_name, take_path
from stack.tables.reading import Reader


class Kind(StrEnum):
    """What holds the rows."""

    TABLE = "table"
    PARTITIONED = "partitioned table"
    VIEW = "view"
    MATERIALISED = "materialised view"
    FOREIGN = "foreign table"


# pg_class.relkind, https://www.postgresql.org/docs/current/catalog-pg-class.html
_KINDS: Final = {
    "r": Kind.TABLE,
    "p": Kind.PARTITIONED,
    "v": Kind.VIEW,
    "m": Kind.MATERIALISED,
    "f": Kind.FOREIGN,
}


_ALIKE: Final = 3

_AT_ONCE: Final = 1000
"""Tables that are taken from an answer before anything else may happen."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table or what looks like one.

    `estimated_rows` is the planner's estimate, None for views and where nothing is known yet. `bytes` is what its rows,
    indexes and long values take on disk, None for what has no storage of its own, and while somebody locks it. Both
    are the sum of its partitions for a partitioned table. `visible` says that its name alone finds it, without the
    schema's. `partition_of` is the schema and the name of the table that it is a partition of.
    """

    schema: str
    name: str
    kind: Kind
    estimated_rows: int | None = None
    bytes: int | None = None
    primary_key: tuple[str, ...] = ()
    visible: bool = True
    partition_of: tuple[str, str] | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """Its schema and its name, which tell it from every other."""
        return self.schema, self.name

    @property
    def path(self) -> str:
        """The name to type: with its schema where it needs that, in quotes where it needs those."""
        name = quote_name(self.name)
        return name if self.visible else f"{quote_name(self.schema)}.{name}"


# A table that was never analysed has reltuples -1 (0 before Postgres 14); the statistics collector still knows.
ESTIMATE: Final = """
    CASE WHEN c.relkind IN ('v', 'p') THEN NULL
         WHEN c.reltuples < 0 OR (c.reltuples = 0 AND c.relpages = 0)
         THEN CASE WHEN c.relkind = 'f' THEN NULL ELSE pg_stat_get_live_tuples(c.oid) END
         ELSE c.reltuples::bigint END
"""

# pg_total_relation_size takes a lock on the table and on its indexes, and would wait behind an ALTER TABLE.
_TABLES: Final = text(
    f"""
    WITH RECURSIVE locked AS MATERIALIZED (
        SELECT DISTINCT coalesce(i.indrelid, l.relation) AS oid
        FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = l.relation
        WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
    ), relation AS MATERIALIZED (
        SELECT c.oid, n.nspname, c.relname, c.relkind, c.relispartition, pg_table_is_visible(c.oid) AS visible,
               {ESTIMATE} AS estimate,
               CASE WHEN c.relkind IN ('r', 'm') AND c.oid NOT IN (SELECT l.oid FROM locked l)
                    THEN pg_total_relation_size(c.oid) END AS size
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    ), member AS (
        SELECT r.oid AS root, r.oid FROM relation r WHERE r.relkind = 'p'
        UNION ALL
        SELECT m.root, h.inhrelid FROM member m JOIN pg_catalog.pg_inherits h ON h.inhparent = m.oid
    ), total AS (
        SELECT m.root, sum(r.estimate)::bigint AS estimate, sum(r.size)::bigint AS size
        FROM member m JOIN relation r ON r.oid = m.oid GROUP BY m.root
    ), primary_key AS (
        SELECT i.indrelid AS oid, array_agg(a.attname::text ORDER BY k.position) AS columns
        FROM pg_catalog.pg_index i
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, position)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indisprimary AND k.position <= i.indnkeyatts
        GROUP BY i.indrelid
    )
    SELECT r.nspname, r.relname, r.relkind::text, r.visible,
           coalesce(r.estimate, t.estimate), coalesce(r.size, t.size), p.columns, o.nspname, o.relname
    FROM relation r LEFT JOIN total t ON t.root = r.oid LEFT JOIN primary_key p ON p.oid = r.oid
    LEFT JOIN pg_catalog.pg_inherits h ON r.relispartition AND h.inhrelid = r.oid
    LEFT JOIN relation o ON o.oid = h.inhparent
    """  # noqa: S608 - put together from constants
)


async def list_tables(reader: Reader, first: Sequence[str] = ()) -> tuple[Table, ...]:
    """Return every table that is not the server's own: those named in `first` in that order, then by schema and name.

    What the role may not read is listed all the same; the catalogue is open to everybody.
    """
    found = await reader.execute(_TABLES)
    tables: list[Table] = []
    for part in found.partitions(_AT_ONCE):
        tables += [
            Table(
                schema,
                name,
                _KINDS[kind],
                estimate,
                size,
                tuple(key or ()),
                visible,
                None if parent is None else (parent_schema, parent),
            )
            for schema, name, kind, visible, estimate, size, key, parent_schema, parent in part
        ]
        # Whatever else the loop has to do, keys for one, need not wait for ten thousand tables.
        await asyncio.sleep(0)
    place = {name: index for index, name in enumerate(first)}

    def order(table: Table) -> tuple[int, bool, str, str]:
        preferred = place.get(table.name, len(place)) if table.visible else len(place)
        return preferred, not table.visible, table.schema, table.name

    return tuple(sorted(tables, key=order))


def find_table(tables: Sequence[Table], name: str) -> Table:
    """Return the table that a person means by `name`: with or without its schema, quoted or not.

    Raises:
        Failure: there is none, or it is in several schemas and not found by its name alone (`Code.TABLE_MISSING`).
    """
    exact = [table for table in tables if table.name == name]
    match exact or _matches(tables, name):
        case []:
            raise _missing(tables, name)
        case [table]:
            return table
        case several:
            visible = [table for table in several if table.visible]
            if len(visible) == 1:
                return visible[0]
            raise _ambiguous(several, name)


def gone(table: Table) -> Failure:
    """Return the failure of a table that is not there any more."""
    return Failure(
        Finding(
            Code.TABLE_MISSING,
            f"The table {table.path} is gone",
            "It was dropped or renamed since the tables were listed.",
            fixes=(Fix("List the tables", "stackdeck tables"),),
        )
    )


def _matches(tables: Sequence[Table], name: str) -> list[Table]:
    match take_path(name):
        case (table,):
            found = table.among(each.name for each in tables)
            return [each for each in tables if each.name == found]
        case (schema, table):
            inside = schema.among(each.schema for each in tables)
            found = table.among(each.name for each in tables if each.schema == inside)
            return [each for each in tables if each.schema == inside and each.name == found]
        case _:
            return []


def _missing(tables: Sequence[Table], name: str) -> Failure:
    title = f"There is no table {name!r}"
    if not tables:
        return Failure(
            Finding(
                Code.TABLE_MISSING,
                title,
                "The database has no tables at all.",
                fixes=(Fix("Apply the migrations", "stackdeck migrate up"),),
            )
        )
    likely = near(name.rpartition(".")[2].strip('"'), [table.name for table in tables])
    alike = [table for each in likely for table in tables if table.name == each][:_ALIKE]
    cause = f"The database has {len(tables)} tables and views, none of that name."
    return Failure(
        Finding(
            Code.TABLE_MISSING,
            title,
            f"{cause} Near it: {', '.join(table.path for table in alike)}." if alike else cause,
            fixes=(*map(_look_at, alike), Fix("List the tables", "stackdeck tables")),
        )
    )


def _ambiguous(several: Sequence[Table], name: str) -> Failure:
    return Failure(
        Finding(
            Code.TABLE_MISSING,
            f"{name!r} could be several tables",
            f"The search path has none of its schemas: {', '.join(table.schema for table in several)}.",
            fixes=tuple(_look_at(table) for table in several),
        )
    )


def _look_at(table: Table) -> Fix:
    return Fix(f"Look at {table.path}", f"stackdeck rows {shlex.quote(table.path)}")
