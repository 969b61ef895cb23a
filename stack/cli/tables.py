"""``tables`` and ``rows``: looking at data."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stack.cli.command import add_command
from stack.cli.output import JSON, Console, Outcome, align
from stack.cli.plans import Plan
from stack.cli.rows_wanted import PageWanted, add_page, page_wanted

if TYPE_CHECKING:
    from stack.cli.command import Commands
    from stack.migrations.creation import Creation
    from stack.tables.catalogue import Table
    from stack.tables.description import Column
    from stack.workspace import Workspace

_COUNTED: Final = (
    "by counting: there is no unique key, so that rows which others insert or delete may be skipped or shown twice"
)


@dataclass(frozen=True, slots=True)
class Tables:
    """List the tables, the booking tables first."""

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Read the catalogue."""
        browser = await workspace.tables()
        tables = await browser.list()
        rows = [("TABLE", "KIND", "ROWS (ESTIMATED)", "BYTES")]
        rows += [(t.path, t.kind.value, _count(t.estimated_rows), _count(t.bytes)) for t in tables]
        return Outcome(
            {"tables": [_table_json(t) for t in tables]},
            align(rows),
        )


@dataclass(frozen=True, slots=True)
class TableDetails:
    """Show one table: its columns, constraints, indexes and triggers, what makes it, and which migration did."""

    table: str

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Read its structure."""
        from stack.tables.definition import definition

        found = await (await workspace.tables()).find(self.table)
        details = await workspace.table_details(found)
        structure, creation = details.structure, details.creation
        made = definition(structure)
        by = f"-- {found.kind.value}"
        if creation:
            by += f", made by {creation.path.name}:{creation.line}, revision {creation.revision or 'computed'}"
        return Outcome(
            {
                "table": _table_json(found),
                "comment": structure.comment,
                "columns": [
                    {
                        "name": c.name,
                        "type": c.type,
                        "nullable": c.nullable,
                        "default": c.default,
                        "generated": (c.generated or c.identity).lower() or None,
                        "comment": c.comment,
                    }
                    for c in structure.columns
                ],
                "constraints": [
                    {"name": c.name, "kind": c.kind.value, "definition": c.definition, "validated": c.validated}
                    for c in structure.constraints
                ],
                "indexes": [
                    {"name": i.name, "definition": i.definition, "bytes": i.bytes, "valid": i.valid}
                    for i in structure.indexes
                ],
                "triggers": [
                    {"name": t.name, "definition": t.definition, "enabled": t.enabled} for t in structure.triggers
                ],
                "policies": [{"name": p.name, "definition": p.definition} for p in structure.policies],
                "definition": made,
                "migration": _creation_json(creation) if creation else None,
            },
            f"{by}\n{made}",
        )


def _creation_json(creation: "Creation") -> JSON:
    return {
        "revision": creation.revision,
        "message": creation.message,
        "file": str(creation.path),
        "line": creation.line,
    }


def _table_json(table: "Table") -> JSON:
    return {
        "schema": table.schema,
        "name": table.name,
        "kind": table.kind.value,
        "estimated_rows": table.estimated_rows,
        "bytes": table.bytes,
        "primary_key": list(table.primary_key),
    }


@dataclass(frozen=True, slots=True)
class Rows:
    """Print a page of a table."""

    wanted: PageWanted

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Read the page."""
        from stack.tables.cursors import encode
        from stack.tables.pages import Ordering
        from stack.tables.sql_text import where
        from stack.tables.values import native

        browser = await workspace.tables()
        query = await self.wanted.query(browser)
        page = await browser.page(query)
        head = [column.name for column in page.columns]
        body = [[_shown(cell) for cell in row] for row in page.rows]
        zone = f"\ntimes in {page.time_zone}" if page.time_zone else ""
        counted = f"\n{_COUNTED}" if page.ordering is Ordering.OFFSET and (page.next or page.previous) else ""
        following = encode(page.next) if page.next else None
        previous = encode(page.previous) if page.previous else None
        before = f"\nbefore: --before {previous}" if previous else ""
        more = f"\nmore: --after {following}" if following else ""
        return Outcome(
            {
                "columns": [
                    {"name": c.name, "type": c.type, "nullable": c.nullable, "references": _reference(c)}
                    for c in page.columns
                ],
                "rows": [
                    [native(column, cell) for column, cell in zip(page.columns, row, strict=True)] for row in page.rows
                ],
                "next": following,
                "previous": previous,
                "estimated_rows": page.estimated_rows,
                "ordering": page.ordering.value,
                "time_zone": page.time_zone,
                "seconds": round(page.seconds, 4),
                "where": list(where(page.columns, query.filters)),
            },
            align([head, *body]) + zone + counted + before + more,
        )


def _shown(cell: str | None) -> str:
    """Return a cell for a person; a text that would read as NULL, or as nothing, stands in quotes."""
    if cell is None:
        return "NULL"
    bare = cell.strip("'")
    return f"'{cell}'" if not bare or bare.upper() == "NULL" else cell


def _reference(column: "Column") -> str | None:
    from stack.tables.names import quote_name

    key = column.references
    return ".".join(map(quote_name, (key.schema, key.table, key.other(column.name)))) if key else None


def _count(rows: int | None) -> str:
    return "" if rows is None else f"{rows:,}"


def add_commands(commands: "Commands") -> None:
    """Add the commands of this noun."""
    tables = add_command(
        commands,
        "tables",
        "list the tables, the booking tables first, or show one closely",
        lambda a: TableDetails(a.table) if a.table else Tables(),
    )
    tables.add_argument("table", nargs="?", metavar="TABLE", help="its columns, constraints, indexes and definition")
    rows = add_command(
        commands, "rows", "print a page of a table", lambda a: (Plan if a.plan else Rows)(page_wanted(a))
    )
    add_page(rows)
    rows.add_argument("--plan", action="store_true", help="how the server would read the page, in place of its rows")
