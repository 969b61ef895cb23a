"""One table closely: its columns, and the key that tells its rows apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sqlalchemy import text

from stack.findings import Code, Failure, Finding, Fix
from stack.tables.catalogue import ESTIMATE, Table, gone
from stack.tables.names import Name, near
from stack.tables.reading import Reader


class Family(Enum):
    """What a column's values are to whoever shows them."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    COMPOSITE = "composite"
    ARRAY = "array"
    RANGE = "range"
    JSON = "json"
    BYTES = "bytes"
    OTHER = "other"


class Generated(Enum):
    """Whether the server makes a column's values: never, where nobody gives one, or always."""

    NEVER = ""
    IDENTITY = "identity"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference to another table: the values of `columns` here are those of `others` in one row there."""

    columns: tuple[str, ...]
    schema: str
    table: str
    others: tuple[str, ...]

    def other(self, column: str) -> str:
        """Return the column there that `column` here is equal to."""
        return self.others[self.columns.index(column)]


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    `type` is as Postgres declares it; `base_type` is the type that its values have, without a length and below any
    domain, so that casting to it changes nothing. `default` is an expression in SQL. `references` is the foreign key
    that it is part of; of several the one with the fewest columns. `readable` says whether the role may select it.
    """

    name: str
    type: str
    base_type: str
    family: Family
    nullable: bool
    default: str | None
    references: ForeignKey | None
    readable: bool
    generated: Generated = Generated.NEVER


@dataclass(frozen=True, slots=True)
class Description:
    """A table's columns in their order.

    `key` holds the columns of its primary key, or else of the smallest unique key without NULLs; it is empty where
    nothing tells two rows apart. `estimated_rows` is as in `Table`. `time_zone` is the one that the server prints times
    in, where it says so with each; it is the session's, which the server, the database or the role sets.
    """

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    estimated_rows: int | None
    time_zone: str

    def column(self, name: Name) -> Column:
        """Return the column that a person means by `name`.

        Raises:
            Failure: there is none (`Code.COLUMN_MISSING`).
        """
        names = [column.name for column in self.columns]
        found = name.among(names)
        if found is None:
            raise _missing(name.text, names)
        return self.columns[names.index(found)]


# A key of a table with children by inheritance holds for its own rows alone, not for the children's that are read with
# them; an index with an expression or a condition is no key of the table.
_DESCRIBE: Final = text(
    f"""
    WITH RECURSIVE relation AS MATERIALIZED (
        SELECT c.oid, c.relkind, {ESTIMATE} AS estimate
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = :schema AND c.relname = :name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ), attribute AS MATERIALIZED (
        SELECT a.*, d.adbin FROM relation r
        JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    ), layer AS (
        SELECT a.attnum, t.oid AS type, t.typtype, t.typbasetype, t.typcategory
        FROM attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        UNION ALL
        SELECT l.attnum, t.oid, t.typtype, t.typbasetype, t.typcategory
        FROM layer l JOIN pg_catalog.pg_type t ON t.oid = l.typbasetype WHERE l.typtype = 'd'
    ), reference AS (
        SELECT DISTINCT ON (own) k.own, n.nspname, c.relname, p.columns, p.others
        FROM relation r JOIN pg_catalog.pg_constraint f ON f.conrelid = r.oid AND f.contype = 'f'
        CROSS JOIN LATERAL unnest(f.conkey) AS k(own)
        CROSS JOIN LATERAL (
            SELECT array_agg(a.attname::text ORDER BY e.position) AS columns,
                   array_agg(o.attname::text ORDER BY e.position) AS others
            FROM unnest(f.conkey, f.confkey) WITH ORDINALITY AS e(own, other, position)
            JOIN attribute a ON a.attnum = e.own
            JOIN pg_catalog.pg_attribute o ON o.attrelid = f.confrelid AND o.attnum = e.other
        ) p
        JOIN pg_catalog.pg_class c ON c.oid = f.confrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        ORDER BY own, cardinality(f.conkey), f.conparentid <> 0, f.oid
    ), unique_key AS (
        SELECT i.indrelid, array_agg(a.attname::text ORDER BY k.position) AS columns
        FROM (
            SELECT i.* FROM relation r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid
            WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND 0 <> ALL (i.indkey::int2[])
              AND NOT EXISTS (SELECT FROM attribute a WHERE a.attnum = ANY (i.indkey::int2[]) AND NOT a.attnotnull)
              AND NOT (r.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = r.oid))
            ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1
        ) i
        CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, position)
        JOIN attribute a ON a.attnum = k.attnum
        WHERE k.position <= i.indnkeyatts GROUP BY i.indrelid
    )
    SELECT r.estimate, current_setting('TimeZone'), u.columns,
           a.attname, format_type(a.atttypid, a.atttypmod), format_type(l.type, -1),
           l.type::int, l.typcategory::text, NOT a.attnotnull,
           CASE WHEN a.attidentity <> '' THEN 'generated as identity' ELSE pg_get_expr(a.adbin, r.oid) END,
           f.nspname, f.relname, f.columns, f.others, has_column_privilege(r.oid, a.attnum, 'SELECT'),
           CASE WHEN a.attidentity <> '' THEN 'identity' WHEN a.attgenerated <> '' THEN 'computed' ELSE '' END
    FROM relation r LEFT JOIN unique_key u ON u.indrelid = r.oid
    LEFT JOIN attribute a ON true
    LEFT JOIN layer l ON l.attnum = a.attnum AND l.typtype <> 'd'
    LEFT JOIN reference f ON f.own = a.attnum
    ORDER BY a.attnum
    """  # noqa: S608 - put together from constants
)

# int8, int2, int4, oid; bytea, json, jsonb: pg_type.dat of Postgres' source
_INTEGERS: Final = (20, 21, 23, 26)
_FAMILIES: Final = {
    **dict.fromkeys(_INTEGERS, Family.INTEGER),
    17: Family.BYTES,
    114: Family.JSON,
    3802: Family.JSON,
}
_CATEGORIES: Final = {
    "A": Family.ARRAY,
    "B": Family.BOOLEAN,
    "C": Family.COMPOSITE,
    "N": Family.NUMBER,
    "R": Family.RANGE,
}


async def describe(reader: Reader, table: Table) -> Description:
    """Return the columns and the key of `table`, in one statement.

    Raises:
        Failure: the table is gone (`Code.TABLE_MISSING`).
    """
    rows = (await reader.execute(_DESCRIBE, {"schema": table.schema, "name": table.name})).all()
    if not rows:
        raise gone(table)
    estimate, zone, key, *_ = rows[0]
    columns = tuple(
        Column(
            name=name,
            type=declared,
            base_type=base,
            family=family(oid, kind),
            nullable=nullable,
            default=default,
            references=ForeignKey(tuple(own), schema, other, tuple(others)) if schema is not None else None,
            readable=readable,
            generated=Generated(generated),
        )
        for name, declared, base, oid, kind, nullable, default, schema, other, own, others, readable, generated in (
            row[3:] for row in rows
        )
        if name is not None
    )
    return Description(columns, tuple(key or ()), estimate, zone)


def family(oid: int, category: str) -> Family:
    """Return what the values of the type `oid` are, which is of that `category` (``pg_type.typcategory``)."""
    return _FAMILIES.get(oid) or _CATEGORIES.get(category, Family.OTHER)


def _missing(name: str, names: Sequence[str]) -> Failure:
    likely = near(name, names)
    return Failure(
        Finding(
            Code.COLUMN_MISSING,
            f"There is no column {name!r}",
            f"The columns are {', '.join(names)}." if names else "The table has no columns.",
            fixes=tuple(Fix(f"Use the column {each}") for each in likely),
        )
    )
