"""What the catalogue knows of the tables that statements are about: their size, their columns, their constraints."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from stack.migrations.risks.operations import AddColumn, Name, Operation, Transaction, Type


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is there; `never_null` where a valid constraint says so."""

    type: Type
    never_null: bool


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns of `table` that point at columns of `target`."""

    name: str
    table: Name
    columns: tuple[str, ...]
    target: Name
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is there, with all its partitions. Its `name` has a schema only where the search path needs it.

    `rows` is the estimate of the last ANALYZE or VACUUM, None before the first; `bytes` are those of the table, its
    indexes and what is stored beside it; `is_empty` is no estimate. `foreign_keys` are its own and those of others
    that point at it.
    """

    name: Name
    rows: int | None
    bytes: int
    is_empty: bool = False
    columns: Mapping[str, Column] = field(default_factory=dict)
    foreign_keys: tuple[ForeignKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is known of a database: its tables by the names that statements use, an index standing for its table.

    `volatile` are the functions whose value may differ from row to row.
    """

    tables: Mapping[Name, Table] = field(default_factory=dict)
    volatile: frozenset[str] = frozenset()


_TABLES: Final = sa.text(
    """
    SELECT w.place, t.oid::bigint, CASE WHEN NOT pg_catalog.pg_table_is_visible(t.oid) THEN n.nspname END, t.relname,
      coalesce((SELECT sum(p.reltuples) FILTER (WHERE p.reltuples >= 0)
                FROM pg_catalog.pg_partition_tree(t.oid) x JOIN pg_catalog.pg_class p ON p.oid = x.relid AND x.isleaf),
               nullif(t.reltuples, -1))::bigint,
      coalesce((SELECT sum(pg_catalog.pg_total_relation_size(x.relid)) FROM pg_catalog.pg_partition_tree(t.oid) x),
               pg_catalog.pg_total_relation_size(t.oid))::bigint,
      coalesce((SELECT sum(pg_catalog.pg_relation_size(x.relid)) FROM pg_catalog.pg_partition_tree(t.oid) x),
               pg_catalog.pg_relation_size(t.oid)) = 0
    FROM unnest(CAST(:names AS text[])) WITH ORDINALITY w (name, place)
      JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(w.name)
      LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
      JOIN pg_catalog.pg_class t ON t.oid = coalesce(i.indrelid, c.oid)
      JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
    """
)
_COLUMNS: Final = sa.text(
    """
    SELECT a.attrelid::bigint, a.attname, b.typname, pg_catalog.format_type(a.atttypid, a.atttypmod),
      a.attnotnull OR EXISTS (
        SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND k.convalidated
          AND pg_catalog.pg_get_expr(k.conbin, k.conrelid) = '(' || quote_ident(a.attname) || ' IS NOT NULL)')
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type b ON b.oid = a.atttypid
    WHERE a.attrelid = ANY (CAST(:tables AS oid[])) AND a.attnum > 0 AND NOT a.attisdropped
    """
)
_FOREIGN_KEYS: Final = sa.text(
    """
    SELECT k.conname, k.conrelid::bigint, k.confrelid::bigint, k.conrelid::regclass::text, k.confrelid::regclass::text,
      (SELECT array_agg(a.attname::text) FROM pg_catalog.pg_attribute a
       WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)),
      (SELECT array_agg(a.attname::text) FROM pg_catalog.pg_attribute a
       WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey))
    FROM pg_catalog.pg_constraint k
    WHERE k.contype = 'f' AND k.conparentid = 0
      AND (k.conrelid = ANY (CAST(:tables AS oid[])) OR k.confrelid = ANY (CAST(:tables AS oid[])))
    """
)
_VOLATILE: Final = sa.text(
    "SELECT DISTINCT p.proname FROM pg_catalog.pg_proc p WHERE p.proname = ANY (:names) AND p.provolatile = 'v'"
)
_PART: Final = re.compile(r'"(?:[^"]|"")*"|[^".]+')
_MODIFIERS: Final = re.compile(r"\((\d+)(?:,(\d+))?\)")


async def read_catalogue(connection: AsyncConnection, operations: Iterable[Operation]) -> Catalogue:
    """Look up what `operations` are about, with at most five statements however many there are."""
    operations = list(operations)
    names = list(dict.fromkeys(name for operation in operations for name in _names(operation)))
    functions = {
        function.rpartition(".")[2]
        for operation in operations
        if isinstance(operation, AddColumn)
        for function in operation.functions
    }
    found = await _look_up(connection, names)
    tables = {"tables": [each.oid for each in found.values()]}
    columns: dict[int, dict[str, Column]] = {}
    for oid, column, type_, written, never_null in await connection.execute(_COLUMNS, tables):
        columns.setdefault(oid, {})[column] = Column(_type(type_, written), never_null)
    keys: dict[int, list[ForeignKey]] = {}
    for name, oid, target_oid, table, target, own, others in await connection.execute(_FOREIGN_KEYS, tables):
        key = ForeignKey(name, _name(table), tuple(own), _name(target), tuple(others))
        for each in {oid, target_oid}:
            keys.setdefault(each, []).append(key)
    beyond = {name for held in keys.values() for key in held for name in (key.table, key.target)} - found.keys()
    found |= await _look_up(connection, list(beyond)) if beyond else {}
    volatile = (await connection.execute(_VOLATILE, {"names": list(functions)})).scalars()
    return Catalogue(
        {
            name: Table(
                each.name, each.rows, each.size, each.empty, columns.get(each.oid, {}), tuple(keys.get(each.oid, ()))
            )
            for name, each in found.items()
        },
        frozenset(volatile),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    oid: int
    name: Name
    rows: int | None
    size: int
    empty: bool


async def _look_up(connection: AsyncConnection, names: Sequence[Name]) -> dict[Name, _Found]:
    quoted = [".".join(f'"{part.replace(chr(34), chr(34) * 2)}"' for part in (n.schema, n.name) if part) for n in names]
    return {
        names[place - 1]: _Found(oid, Name(schema, name), rows, size, empty)
        for place, oid, schema, name, rows, size, empty in await connection.execute(_TABLES, {"names": quoted})
    }


def _name(written: str) -> Name:
    """Return the name that the catalogue writes, with a schema where the search path needs it."""
    parts = [part.strip('"').replace('""', '"') for part in _PART.findall(written)]
    return Name(parts[-2] if len(parts) > 1 else None, parts[-1])


def _names(operation: Operation) -> Iterable[Name]:
    if isinstance(operation, Transaction):
        return
    for each in fields(operation):
        value: object = getattr(operation, each.name)
        if isinstance(value, Name):
            yield value
        elif isinstance(value, tuple):
            yield from (part for part in value if isinstance(part, Name))


def _type(name: str, written: str) -> Type:
    modifiers = _MODIFIERS.search(written)
    numbers = tuple(int(number) for number in modifiers.groups() if number) if modifiers else ()
    # The catalogue writes int4[] as _int4.
    return Type(f"{name[1:]}[]" if written.endswith("[]") else name, numbers)
