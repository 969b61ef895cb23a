"""How the server means to run a statement: its plan, as it explains it.

The form is that of ``EXPLAIN (VERBOSE, FORMAT JSON)``: https://www.postgresql.org/docs/current/sql-explain.html.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from stack.findings import Code, Failure, Finding
from stack.tables.names import quote_name

_ORDINARY: Final = frozenset({"", "Outer", "Inner", "Member"})
"""What a step is to the one above it, where that says nothing that its place does not say."""

_CONDITIONS: Final = ("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter")


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a plan.

    `relation` is the schema and the name of what it reads, where it reads a relation, `index` the index that it uses.
    `conditions` are pairs of what a condition is for and the condition, in SQL; `sort` what it sorts by. `rows` is how
    many rows the server expects of it, `cost` what all of them cost and `first` the first of them, in the server's own
    unit. `role` says what the step is to the one above it.
    """

    kind: str
    relation: tuple[str, str] | None
    index: str | None
    conditions: tuple[tuple[str, str], ...]
    sort: tuple[str, ...]
    rows: float
    first: float
    cost: float
    role: str
    children: "tuple[Node, ...]"

    def walk(self) -> "Iterator[Node]":
        """Yield it and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def condition(self, purpose: str) -> str | None:
        """Return the condition for `purpose`."""
        return dict(self.conditions).get(purpose)


@dataclass(frozen=True, slots=True)
class Step:
    """A node as a person reads it, `depth` levels below the first; `details` are pairs of a purpose and its SQL."""

    depth: int
    title: str
    role: str
    estimate: str
    details: tuple[tuple[str, str], ...]


def steps(plan: Node, depth: int = 0) -> Iterator[Step]:
    """Yield the nodes of `plan`, each before those below it."""
    index = f" using {quote_name(plan.index)}" if plan.index else ""
    relation = f" on {'.'.join(map(quote_name, plan.relation))}" if plan.relation else ""
    yield Step(
        depth,
        f"{plan.kind}{index}{relation}",
        "" if plan.role in _ORDINARY else plan.role,
        f"rows {plan.rows:,.0f}   cost {plan.first:,.2f} … {plan.cost:,.2f}",
        (*plan.conditions, *((("Sort Key", ", ".join(plan.sort)),) if plan.sort else ())),
    )
    for child in plan.children:
        yield from steps(child, depth + 1)


def parse_plan(document: object) -> Node:
    """Read what the server explained, already taken out of its JSON.

    Raises:
        Failure: it has another form (`Code.DATABASE_ERROR`).
    """
    match document:
        case [{"Plan": dict(plan)}, *_]:
            return _node(plan)
        case _:
            raise Failure(
                Finding(
                    Code.DATABASE_ERROR,
                    "The server explains its plan in another form than Postgres",
                    "Expected a list with a Plan in it.",
                )
            )


def _node(plan: Mapping[str, object]) -> Node:
    schema, name, index = plan.get("Schema"), plan.get("Relation Name"), plan.get("Index Name")
    below = plan.get("Plans")
    sort = plan.get("Sort Key")
    return Node(
        kind=str(plan.get("Node Type", "?")),
        relation=(schema, name) if isinstance(schema, str) and isinstance(name, str) else None,
        index=index if isinstance(index, str) else None,
        conditions=tuple((each, text) for each in _CONDITIONS if isinstance(text := plan.get(each), str)),
        sort=tuple(map(str, sort)) if isinstance(sort, list) else (),
        rows=_number(plan.get("Plan Rows")),
        first=_number(plan.get("Startup Cost")),
        cost=_number(plan.get("Total Cost")),
        role=str(plan.get("Subplan Name") or plan.get("Parent Relationship") or ""),
        children=tuple(_node(each) for each in below if isinstance(each, dict)) if isinstance(below, list) else (),
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
