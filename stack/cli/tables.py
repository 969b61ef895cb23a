"""``tables`` and ``rows``: looking at data."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stack.cli.command import add_command
from stack.cli.output import JSON, Console, Outcome, align
from stack.cli.plans import Plan

if TYPE_CHECKING:
    from stack.cli.command import Commands
    from stack.migrations.creation import Creation
    from stack.tables.catalogue import Table
    from stack.tables.description import Column
    from stack.workspace import Workspace

DEFAULT_LIMIT: Final = 50


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

    table: str
    where: tuple[str, ...]
    sort: tuple[str, ...]
    limit: int
    after: str | None

    async def run(self, workspace: "Workspace", console: Console) -> Outcome:  # noqa: ARG002 - it is a `Command`
        """Read the page."""
        from stack.tables.filters import parse_filter
        from stack.tables.pages import After, Edge
        from stack.tables.sorting import parse_sort
        from stack.tables.sql_text import where
        from stack.tables.values import native

        filters = [parse_filter(text) for text in self.where]
        sort = [parse_sort(text) for text in self.sort]
        browser = await workspace.tables()
        page = await browser.page(
            await browser.find(self.table),
            filters=filters,
            sort=sort,
            limit=self.limit,
            position=After(self.after) if self.after else Edge.FIRST,
        )
        head = [column.name for column in page.columns]
        body = [["NULL" if cell is None else cell for cell in row] for row in page.rows]
        zone = f"\ntimes in {page.time_zone}" if page.time_zone else ""
        more = f"\nmore: --after {page.next}" if page.next else ""
        return Outcome(
            {
                "columns": [
                    {"name": c.name, "type": c.type, "nullable": c.nullable, "references": _reference(c)}
                    for c in page.columns
                ],
                "rows": [
                    [native(column, cell) for column, cell in zip(page.columns, row, strict=True)] for row in page.rows
                ],
                "next": page.next,
                "previous": page.previous,
                "estimated_rows": page.estimated_rows,
                "time_zone": page.time_zone,
                "seconds": round(page.seconds, 4),
                "where": list(where(page.columns, filters)),
            },
            align([head, *body]) + zone + more,
        )


def _reference(column: "Column") -> str | None:
    key = column.references
    return f"{key.schema}.{key.table}.{key.other(column.name)}" if key else None


def _count(rows: int | None) -> str:
    return "" if rows is None else f"{rows:,}"


def _limit(text: str) -> int:
    limit = int(text)
    if not 1 <= limit <= 10_000:
        raise argparse.ArgumentTypeError("must be from 1 to 10000")
    return limit


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
        commands,
        "rows",
        "print a page of a table",
        lambda a: (Plan if a.plan else Rows)(a.table, each(a.where), each(a.sort), a.limit, a.after),
    )
    rows.add_argument("table", metavar="TABLE")
    rows.add_argument("--where", action="append", metavar="'COLUMN OP VALUE'", help="only rows for which this holds")
    rows.add_argument("--sort", action="append", metavar="COLUMN[:desc]", help="by this column, then by the key")
    rows.add_argument("--limit", type=_limit, default=DEFAULT_LIMIT, metavar="N", help="rows a page (default: 50)")
    rows.add_argument("--plan", action="store_true", help="how the server would read the page, in place of its rows")
    rows.add_argument("--after", metavar="CURSOR", help="the page after one that said `next`")


def each(values: Sequence[str] | None) -> tuple[str, ...]:
    """Return what an option that may be given several times was given."""
    return tuple(values or ())
