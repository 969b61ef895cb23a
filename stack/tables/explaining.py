"""The plan of the very statement that a page runs, with the same parameters, and what to be cautious about in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from stack.background import in_thread
from stack.tables.catalogue import ESTIMATE
from stack.tables.cautions import Caution, Relation, Relations, cautions
from stack.tables.description import describe
from stack.tables.pages import Statement, statements
from stack.tables.plan_json import explained
from stack.tables.plans import Node, parse_plan
from stack.tables.query import PageQuery
from stack.tables.reading import Reader
from stack.tables.refusals import blame_input
from stack.tables.requests import prepare
from stack.tables.sql_text import where


@dataclass(frozen=True, slots=True)
class Explained:
    """How a page is read: what selects its rows, as SQL, the plan of each of its statements, and the cautions.

    A page has several statements where NULLs or directions of sorting divide the order; each after the first runs only
    as long as there are rows wanting.
    """

    where: tuple[str, ...]
    plans: tuple[Node, ...]
    cautions: tuple[Caution, ...]


_RELATIONS: Final = sa.text(
    f"""
    SELECT n.nspname, c.relname, coalesce({ESTIMATE}, 0), pg_relation_size(c.oid),
           ARRAY(
               SELECT ARRAY[a.attname::text, m.amname::text] FROM pg_catalog.pg_index i
               JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam
               JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
               WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL
           ),
           ARRAY(
               SELECT pg_get_indexdef(i.indexrelid, 1, false) FROM pg_catalog.pg_index i
               WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = 0
           )
    FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[])) AS w(schema, name)
    JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
    """  # noqa: S608 - put together from constants
)


async def explain_page(reader: Reader, query: PageQuery) -> Explained:
    """Return how the page of `query` is read that `stack.tables.pages.page` returns; nothing is run.

    Raises:
        Failure: as `page` does.
    """
    description = await describe(reader, query.table)
    request = await in_thread(partial(prepare, description, query))
    try:
        plans = [await _plan(reader, statement) for statement in await in_thread(partial(statements, request))]
    except DBAPIError as error:
        await blame_input(reader, request, error)
        raise
    nodes = [node for plan in plans for node in plan.walk()]
    relations = await _relations(reader, {node.relation for node in nodes if node.relation})
    found = [caution for plan in plans for caution in cautions(plan, relations, request.where)]
    # A value may have millions of characters, and each of them is looked at.
    conditions = await in_thread(partial(where, description.columns, query.filters))
    return Explained(conditions, tuple(plans), tuple(dict.fromkeys(found)))


async def _plan(reader: Reader, statement: Statement) -> Node:
    compiled = await in_thread(partial(statement.compile, dialect=reader.dialect))
    return parse_plan(await explained(reader, f"EXPLAIN (VERBOSE, FORMAT JSON) {compiled}", compiled.params))


async def _relations(reader: Reader, names: Iterable[tuple[str, str]]) -> Relations:
    wanted = sorted(names)
    parameters = {"schemas": [schema for schema, _ in wanted], "names": [name for _, name in wanted]}
    return {
        (schema, name): Relation(
            rows,
            size,
            frozenset((column, method) for column, method in indexed),
            # What is no call of a function stands in brackets there.
            frozenset(each[1:-1] if each.startswith("(") else each for each in expressions),
        )
        for schema, name, rows, size, indexed, expressions in await reader.execute(_RELATIONS, parameters)
    }
