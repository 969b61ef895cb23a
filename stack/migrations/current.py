"""Where a database is, by the mark that Alembic keeps in it."""

from typing import TYPE_CHECKING, Final

from psycopg import sql

from stack.database.asking import Ask, ask_on
from stack.findings import Code, Finding, Fix
from stack.migrations.configuration import VersionTable

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

# Where nobody says in which schema it is, it is the one that would be found, or else any.
_SCHEMA: Final = sql.SQL(
    """
    SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = %(name)s AND c.relkind IN ('r', 'p') AND n.nspname = coalesce(%(schema)s, n.nspname)
    ORDER BY pg_catalog.pg_table_is_visible(c.oid) DESC, n.nspname LIMIT 1
    """
).format()


async def read_current(connection: "AsyncConnection", version_table: VersionTable) -> tuple[str, ...]:
    """Return the revisions that the database is at, sorted; nothing where Alembic never ran."""
    return await ask_current(ask_on(connection), version_table)


async def ask_current(ask: Ask, version_table: VersionTable) -> tuple[str, ...]:
    """Ask what `read_current` returns."""
    found = await ask(_SCHEMA, {"name": version_table.name, "schema": version_table.schema})
    if not found:
        return ()
    names = (str(found[0][0]).replace("%", "%%"), version_table.name.replace("%", "%%"))
    marks = await ask(sql.SQL("SELECT version_num FROM {}").format(sql.Identifier(*names)), {})
    return tuple(sorted(str(mark) for (mark,) in marks))


def unknown_revision(revision: str) -> Finding:
    """Return the finding of a database at a revision that no file is."""
    return Finding(
        Code.MIGRATION_UNKNOWN_REVISION,
        f"The database is at revision {revision}, which no file here is",
        "It was migrated from another branch or checkout, or the revision's file was deleted or renamed since.",
        fixes=(
            Fix(f"Check out the branch that has {revision}; git log --all -S{revision} finds it"),
            Fix(
                "Say which revision here has the same tables; nothing but the mark is changed",
                "stackdeck migrate stamp REVISION",
            ),
        ),
    )
