"""One table in all detail, as the catalogue has it and as Postgres itself prints it.

Every definition is a statement that makes what it is of, with all names in full, so that it can be run anywhere.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from stack.tables.catalogue import Table, gone
from stack.tables.reading import Reader

if TYPE_CHECKING:
    from stack.migrations.creation import Creation


@dataclass(frozen=True, slots=True)
class Sequence:
    """The sequence that a column takes its numbers from, and that goes with it; `path` is its name in SQL."""

    path: str
    type: str
    start: int
    increment: int
    least: int
    most: int
    cache: int
    cycles: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A column; `quoted` is its name in SQL. `default` is an expression, of a generated column how it is generated.

    `identity` is empty, or when its numbers are generated: ``ALWAYS`` or ``BY DEFAULT``; `generated` is empty,
    ``STORED`` or ``VIRTUAL``. `local` says that it is not only inherited. `options` are a foreign table's, in SQL.
    """

    sequence: Sequence | None
    name: str
    quoted: str
    type: str
    nullable: bool
    default: str | None
    collation: str | None
    identity: str
    generated: str
    local: bool
    comment: str | None
    options: str


class ConstraintKind(StrEnum):
    """What a constraint demands."""

    PRIMARY = "primary key"
    UNIQUE = "unique"
    CHECK = "check"
    EXCLUSION = "exclusion"
    FOREIGN = "foreign key"
    TRIGGER = "constraint trigger"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint; `definition` is a clause with its name. Not `validated`, old rows may be against it."""

    name: str
    kind: ConstraintKind
    definition: str
    validated: bool
    local: bool


@dataclass(frozen=True, slots=True)
class Index:
    """An index of so many `bytes`, perhaps a `constraint`'s. Where it is not `valid`, it is of no use."""

    name: str
    definition: str
    bytes: int
    valid: bool
    constraint: bool


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger."""

    name: str
    definition: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy of row security."""

    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Structure:
    """A table with all that belongs to it.

    `path` is its name in SQL. `view` is the query of a view; `partition_key` how a partitioned table is divided,
    `partition_bound` which rows a partition takes. `parents` are the tables that it inherits from, or is a partition
    of, in SQL. `options` and `server`, a foreign table's, are in SQL.
    """

    table: Table
    path: str
    owner: str
    comment: str | None
    columns: tuple[Field, ...]
    constraints: tuple[Constraint, ...]
    indexes: tuple[Index, ...]
    triggers: tuple[Trigger, ...]
    policies: tuple[Policy, ...]
    view: str | None
    partition_key: str | None
    partition_bound: str | None
    parents: tuple[str, ...]
    options: str
    server: str | None
    unlogged: bool
    populated: bool
    row_security: bool
    row_security_forced: bool


@dataclass(frozen=True, slots=True)
class Details:
    """A table's structure, and the revision that made it where one is known."""

    structure: Structure
    creation: "Creation | None"


# With an empty search path every name is printed in full.
_NO_PATH: Final = text("SELECT set_config('search_path', '', true)")

_RELATION: Final = text(
    """
    SELECT c.oid, format('%I.%I', n.nspname, c.relname), pg_get_userbyid(c.relowner),
           obj_description(c.oid, 'pg_class'),
           CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
           CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
           pg_get_expr(c.relpartbound, c.oid),
           ARRAY(
               SELECT format('%I.%I', pn.nspname, p.relname)
               FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
               JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
               WHERE h.inhrelid = c.oid ORDER BY h.inhseqno
           ),
           coalesce(array_to_string(c.reloptions, ', '), ''),
           (
               SELECT format('SERVER %I', s.srvname)
                   || coalesce((
                       SELECT ' OPTIONS (' || string_agg(format('%I %L', o.option_name, o.option_value), ', ') || ')'
                       FROM pg_options_to_table(f.ftoptions) o
                   ), '')
               FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
               WHERE f.ftrelid = c.oid
           ),
           c.relpersistence = 'u', c.relispopulated, c.relrowsecurity, c.relforcerowsecurity
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    """
)

_OF_FIELD: Final = 11
"""Values of a column in `_COLUMNS` before those of its sequence."""

_COLUMNS: Final = text(
    """
    SELECT a.attname, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
           pg_get_expr(d.adbin, d.adrelid),
           CASE WHEN a.attcollation <> t.typcollation THEN format('%I.%I', cn.nspname, co.collname) END,
           CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' ELSE '' END,
           CASE a.attgenerated WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' ELSE '' END,
           a.attislocal, col_description(a.attrelid, a.attnum),
           coalesce((
               SELECT 'OPTIONS (' || string_agg(format('%I %L', o.option_name, o.option_value), ', ') || ')'
               FROM pg_options_to_table(a.attfdwoptions) o
           ), ''),
           quote_ident(sn.nspname) || '.' || quote_ident(sc.relname), format_type(s.seqtypid, NULL),
           s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
    LEFT JOIN LATERAL (
        SELECT sd.objid FROM pg_catalog.pg_depend sd
        WHERE sd.classid = 'pg_catalog.pg_class'::regclass AND sd.refclassid = 'pg_catalog.pg_class'::regclass
          AND sd.refobjid = a.attrelid AND sd.refobjsubid = a.attnum AND sd.deptype IN ('a', 'i')
          AND EXISTS (SELECT FROM pg_catalog.pg_sequence q WHERE q.seqrelid = sd.objid)
        LIMIT 1
    ) owned ON true
    LEFT JOIN pg_catalog.pg_sequence s ON s.seqrelid = owned.objid
    LEFT JOIN pg_catalog.pg_class sc ON sc.oid = s.seqrelid
    LEFT JOIN pg_catalog.pg_namespace sn ON sn.oid = sc.relnamespace
    WHERE a.attrelid = :oid AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
    """
)

# What follows from a partitioned table's foreign key for one partition of what it refers to is not shown.
_CONSTRAINTS: Final = text(
    """
    SELECT conname, contype::text, format('CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)),
           convalidated, conislocal
    FROM pg_catalog.pg_constraint c
    WHERE conrelid = :oid AND contype IN ('p', 'u', 'c', 'x', 'f', 't')
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_constraint p
          WHERE p.oid = c.conparentid AND p.conrelid = c.conrelid
      )
    ORDER BY array_position('{p,u,x,c,f,t}'::"char"[], contype), conname
    """
)

_INDEXES: Final = text(
    """
    SELECT c.relname, pg_get_indexdef(i.indexrelid),
           pg_relation_size(i.indexrelid), i.indisvalid,
           EXISTS (
               SELECT FROM pg_catalog.pg_constraint k
               WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
           )
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = :oid ORDER BY i.indisprimary DESC, c.relname
    """
)

_TRIGGERS: Final = text(
    """
    SELECT tgname,
           pg_get_triggerdef(oid) || CASE WHEN tgenabled <> 'D' THEN '' ELSE
               format(E';\\nALTER TABLE %s DISABLE TRIGGER %I', tgrelid::regclass, tgname) END,
           tgenabled <> 'D'
    FROM pg_catalog.pg_trigger
    WHERE tgrelid = :oid AND NOT tgisinternal ORDER BY tgname
    """
)

_POLICIES: Final = text(
    """
    SELECT p.polname,
           format('CREATE POLICY %I ON %I.%I AS %s FOR %s TO %s', p.polname, n.nspname, c.relname,
                  CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                  CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                  coalesce((
                      SELECT string_agg(quote_ident(r.rolname), ', ' ORDER BY r.rolname)
                      FROM pg_catalog.pg_roles r WHERE r.oid = ANY (p.polroles)
                  ), 'PUBLIC'))
           || coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
           || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '')
    FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE p.polrelid = :oid ORDER BY p.polname
    """
)

# pg_constraint.contype, https://www.postgresql.org/docs/current/catalog-pg-constraint.html
_KINDS: Final = {
    "p": ConstraintKind.PRIMARY,
    "u": ConstraintKind.UNIQUE,
    "c": ConstraintKind.CHECK,
    "x": ConstraintKind.EXCLUSION,
    "f": ConstraintKind.FOREIGN,
    "t": ConstraintKind.TRIGGER,
}


async def structure(reader: Reader, table: Table) -> Structure:
    """Return `table` in all detail, in seven statements. Whoever may connect may ask; no right on the table is needed.

    Raises:
        Failure: the table is gone (`Code.TABLE_MISSING`), or somebody keeps it locked (`Code.DATABASE_TIMEOUT`):
            Postgres prints no definition of what is just being changed.
    """
    await reader.execute(_NO_PATH)
    relation = (await reader.execute(_RELATION, {"schema": table.schema, "name": table.name})).one_or_none()
    if relation is None:
        raise gone(table)
    oid, path, owner, comment, view, key, bound, parents, options, server, unlogged, populated, security, forced = (
        relation
    )
    found = {"oid": oid}
    return Structure(
        table=table,
        path=path,
        owner=owner,
        comment=comment,
        columns=await _fields(reader, oid),
        constraints=tuple(
            Constraint(name, _KINDS[kind], definition, validated, local)
            for name, kind, definition, validated, local in await reader.execute(_CONSTRAINTS, found)
        ),
        indexes=tuple([Index(*row) for row in await reader.execute(_INDEXES, found)]),
        triggers=tuple([Trigger(*row) for row in await reader.execute(_TRIGGERS, found)]),
        policies=tuple([Policy(*row) for row in await reader.execute(_POLICIES, found)]),
        view=view,
        partition_key=key,
        partition_bound=bound,
        parents=tuple(parents),
        options=options,
        server=server,
        unlogged=unlogged,
        populated=populated,
        row_security=security,
        row_security_forced=forced,
    )


async def _fields(reader: Reader, oid: int) -> tuple[Field, ...]:
    fields: list[Field] = []
    for row in await reader.execute(_COLUMNS, {"oid": oid}):
        described, sequence = row[:_OF_FIELD], row[_OF_FIELD:]
        fields.append(Field(Sequence(*sequence) if sequence[0] is not None else None, *described))
    return tuple(fields)
