"""The names that a statement may use, out of the catalogue: what completion knows."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text

from stack.tables.catalogue import Table, list_tables
from stack.tables.console.completion import Columns, Vocabulary
from stack.tables.reading import Reader

# Without what only the server itself calls: functions of types, which have `internal` or `cstring` in their signature,
# of indexes, and of operators, whose description says so (Postgres' source, ``pg_proc.dat``).
_FUNCTIONS: Final = text(
    """
    SELECT DISTINCT p.proname::text FROM pg_catalog.pg_proc p
    WHERE pg_function_is_visible(p.oid) AND p.prokind IN ('f', 'a', 'w') AND p.proname !~ '^_'
      AND p.prorettype NOT IN ('internal'::regtype, 'cstring'::regtype, 'trigger'::regtype, 'event_trigger'::regtype)
      AND NOT ('internal'::regtype = ANY (p.proargtypes::oid[]) OR 'cstring'::regtype = ANY (p.proargtypes::oid[]))
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_amproc a WHERE a.amproc = p.oid)
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_description d
          WHERE d.objoid = p.oid AND d.classoid = 'pg_proc'::regclass
            AND d.description ~ '^implementation of .* operator$'
      )
    """
)

_COLUMNS: Final = text(
    """
    SELECT n.nspname::text, c.relname::text, array_agg(a.attname::text ORDER BY a.attnum)
    FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[])) AS w(nspname, relname)
    JOIN pg_catalog.pg_namespace n ON n.nspname = w.nspname
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.relname
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    GROUP BY n.nspname, c.relname
    """
)


async def vocabulary(reader: Reader, first: Sequence[str]) -> Vocabulary:
    """Return the names of all tables and functions; `first` are the tables to name before others."""
    tables = await list_tables(reader, first)
    functions = (await reader.execute(_FUNCTIONS)).scalars()
    return Vocabulary(tables, functions)


async def columns(reader: Reader, tables: Sequence[Table]) -> Columns:
    """Return the columns of `tables`, in their order."""
    wanted = {"schemas": [table.schema for table in tables], "names": [table.name for table in tables]}
    found = await reader.execute(_COLUMNS, wanted)
    return {(schema, name): tuple(names) for schema, name, names in found}
