"""What a reference means to a person: the customer's name beside the customer's number.

The label of a row is one of its columns that hold text, the first of these that there is:

1. a column called as in `PREFERRED`, in that order;
2. a column whose name ends in ``_name`` or ``_title``;
3. a column that is unique by itself.

Neither the columns that are referred to nor what the role may not read is taken. Where there is no such column, a
reference has no label.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from stack.tables.conditions import NamedType, exactly
from stack.tables.description import Column, ForeignKey
from stack.tables.literals import array_literal
from stack.tables.pages import Page, Row
from stack.tables.reading import Reader

PREFERRED: Final = ("name", "full_name", "display_name", "title", "label", "username", "email", "subject", "slug")

LONGEST: Final = 40
"""Characters of a label that are read."""

_TEXTS: Final = postgresql.ARRAY(sa.Text)

Labels = Mapping[tuple[int, int], str]
"""The labels of a page's references, by row and column."""

Target = tuple[str, str, tuple[str, ...]]
"""What is referred to: a schema, a table there, and columns of it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that the role may read; `unique` where an index holds each value of it once, `text` where it is one."""

    name: str
    unique: bool
    text: bool = True


_CANDIDATES: Final = sa.text(
    """
    SELECT w.place, a.attname,
           EXISTS (
               SELECT FROM pg_catalog.pg_index i
               WHERE i.indrelid = c.oid AND i.indisunique AND i.indnkeyatts = 1 AND i.indpred IS NULL
                 AND i.indkey[0] = a.attnum
           ),
           t.typcategory = 'S'
    FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[])) WITH ORDINALITY AS w(schema, name, place)
    JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
    ORDER BY w.place, a.attnum
    """
)


def choose(candidates: Sequence[Candidate], referred: Collection[str]) -> str | None:
    """Return the column among `candidates` that labels a row which is referred to by its columns `referred`.

    None where there is no such column, or not all of `referred` are among the candidates, which finding the row takes.
    """
    if not {each.name for each in candidates}.issuperset(referred):
        return None
    others = [each for each in candidates if each.text and each.name not in referred]
    names = [each.name for each in others]
    by_name = [name for name in PREFERRED if name in names]
    by_ending = [name for name in names if name.endswith(("_name", "_title"))]
    by_index = [each.name for each in others if each.unique]
    return next(iter([*by_name, *by_ending, *by_index]), None)


@dataclass(frozen=True, slots=True)
class Labelled:
    """References by `key` have a label: what `column` is in the row that is referred to.

    `types` are those of the key's own columns.
    """

    key: ForeignKey
    types: tuple[str, ...]
    column: str


async def labelled(reader: Reader, columns: Sequence[Column]) -> tuple[Labelled, ...]:
    """Return which references by `columns`, which are those of a page, have a label; takes one statement at most."""
    types = {column.name: column.base_type for column in columns}
    keys = dict.fromkeys(column.references for column in columns if column.references)
    whole = [key for key in keys if types.keys() >= set(key.columns)]
    chosen = await _choose_all(reader, list(dict.fromkeys(map(_target, whole)))) if whole else {}
    return tuple(
        Labelled(key, tuple(types[name] for name in key.columns), chosen[_target(key)])
        for key in whole
        if _target(key) in chosen
    )


def _target(key: ForeignKey) -> Target:
    return key.schema, key.table, key.others


async def _choose_all(reader: Reader, targets: Sequence[Target]) -> dict[Target, str]:
    parameters = {"schemas": [schema for schema, _, _ in targets], "names": [table for _, table, _ in targets]}
    candidates: dict[int, list[Candidate]] = {}
    for place, name, unique, is_text in await reader.execute(_CANDIDATES, parameters):
        candidates.setdefault(place - 1, []).append(Candidate(name, unique, is_text))
    chosen = {targets[place]: choose(each, targets[place][2]) for place, each in candidates.items()}
    return {target: label for target, label in chosen.items() if label is not None}


def label_statement(labels: Sequence[Labelled]) -> sa.CompoundSelect[str, str, str]:
    """Return the statement that reads `labels`, one or more: of which of them, of which of its values, and the label.

    Its parameters are those of `label_parameters`.
    """
    return sa.union_all(*(_one(number, each) for number, each in enumerate(labels)))


def _one(number: int, each: Labelled) -> sa.Select[str, str, str]:
    names = [f"value_{place}" for place in range(len(each.types))]
    lists = [sa.cast(sa.bindparam(_list(number, place), "", sa.Text), _TEXTS) for place in range(len(each.types))]
    wanted = sa.func.unnest(*lists).table_valued(*names, with_ordinality="place", name="wanted").render_derived()
    columns: list[sa.ColumnClause[str]] = [
        sa.column(exactly(name)) for name in dict.fromkeys((*each.key.others, each.column))
    ]
    there = sa.table(exactly(each.key.table), *columns, schema=exactly(each.key.schema)).alias("there")
    alike = [
        there.c[other] == sa.cast(wanted.c[name], NamedType(type_))
        for other, name, type_ in zip(each.key.others, names, each.types, strict=True)
    ]
    label = sa.func.left(sa.cast(there.c[each.column], sa.Text), LONGEST)
    which = sa.cast(sa.literal_column(str(number)), sa.Text)
    return sa.select(which, sa.cast(wanted.c.place, sa.Text), label).select_from(wanted.join(there, sa.and_(*alike)))


def _list(number: int, place: int) -> str:
    return f"values_{number}_{place}"


References = Mapping[Row, Sequence[tuple[int, int]]]
"""The values that a foreign key refers by, each with the cells of a page that show a label of it."""


def references(page: Page, key: ForeignKey) -> References:
    """Return by which values, each of which it has whole, `page` refers by `key`."""
    places = {column.name: place for place, column in enumerate(page.columns)}
    own = [places[name] for name in key.columns]
    beside = [place for place in own if page.columns[place].references == key]
    found: dict[Row, list[tuple[int, int]]] = {}
    for number, row in enumerate(page.rows):
        values = tuple(row[place] for place in own)
        if None not in values and not any((number, place) in page.cut for place in own):
            found.setdefault(values, []).extend((number, place) for place in beside)
    return found


def label_parameters(labels: Sequence[Labelled], wanted: Sequence[References]) -> dict[str, object]:
    """Return the parameters of the statement for `labels`, of each of which so much is `wanted`."""
    return {
        _list(number, place): array_literal(values[place] for values in wanted[number])
        for number, each in enumerate(labels)
        for place in range(len(each.types))
    }


def labels_of(wanted: Sequence[References], rows: Iterable[Row]) -> Labels:
    """Return the labels that `rows` are, which `label_statement` read for what was `wanted`."""
    cells = [list(each.values()) for each in wanted]
    return {
        cell: label
        for number, place, label in rows
        if number and place and label
        for cell in cells[int(number)][int(place) - 1]
    }
